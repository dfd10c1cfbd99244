"""Open live streams: memory per stream, and the time from an event to the last of them."""

import asyncio
import time
from pathlib import Path

from benchmarks import data, imports, served, together
from benchmarks.measure import Options, allow_files, percentile, resident_mb, table


def measure(folder: Path, options: Options) -> str:
    allow_files(2 * options.streams + 200)
    path = data.generated(folder / "rows-200000.csv", 200_000)
    target = imports.fresh(folder / "live")
    with served.serve(target, cpu=0) as server:
        import_id = together._upload(server, path)
        while "/start" not in server.request("GET", f"/tables/imports/{import_id}")[1].decode():
            time.sleep(0.1)
        before = resident_mb(server.pid)
        connected, memory, spreads = asyncio.run(_watch(server, import_id, options.streams))
    each = (memory - before) * 1024 / options.streams
    found = [(options.streams, connected, each, percentile(spreads, 0.5), max(spreads))]
    head = ("streams", "all connected after s", "KiB each", "first to last of an event, p50 ms", "worst ms")
    return table("Live streams during an import", head, found)


async def _watch(server: served.Served, import_id: str, streams: int) -> tuple[float, float, list[float]]:
    arrivals: dict[bytes, list[float]] = {}
    ready = asyncio.Semaphore(0)

    async def stream() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            f"GET /live?import={import_id} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{server.headers}\r\n".encode()
        )
        await reader.readuntil(b"\r\n\r\n")
        ready.release()
        while head := await reader.readline():  # of a chunk: one message
            message = await reader.readexactly(int(head, 16) + 2)
            if b"hx-partial" in message:
                arrivals.setdefault(message, []).append(time.perf_counter())
            if head.strip() == b"0":
                break
        writer.close()

    started = time.perf_counter()
    tasks = [asyncio.create_task(stream()) for _ in range(streams)]
    for _ in range(streams):
        await ready.acquire()
    connected, memory = time.perf_counter() - started, resident_mb(server.pid)
    await asyncio.to_thread(server.request, "POST", f"/tables/imports/{import_id}/start", "", **together._FORM)
    await asyncio.wait(tasks, timeout=30)
    for task in tasks:
        task.cancel()
    spreads = [(max(times) - min(times)) * 1000 for times in arrivals.values() if len(times) > streams * 0.9]
    return connected, memory, spreads
