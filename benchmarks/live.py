"""Open live streams of one import: memory of each, and how long a message takes until each of them has it.

The streams are opened while rows are loaded, as the page opens them, and every figure is of streams that are open:
a stream that ends early, or a message that does not reach all, is an error.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import data, imports, served, together
from benchmarks.measure import Options, allow_files, percentile, resident_mb, table

ROWS = 3_000_000  # loading them takes longer than opening thousands of streams
MESSAGES = 10  # of progress


@dataclass
class Streams:
    """`progress` has the arrivals of each message, seconds on the monotonic clock; `final` those of the last section."""

    server: served.Served
    import_id: str
    connected: int = 0
    progress: dict[bytes, list[float]] = field(default_factory=dict)
    final: list[float] = field(default_factory=list)

    async def open(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        path = f"/live?import={self.import_id}&state=loading"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\n{self.server.headers}\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.split(b"\r\n")[0].decode())
        buffer, is_first = b"", True
        while (size := int(await reader.readline(), 16)) > 0:
            buffer += await reader.readexactly(size)
            await reader.readexactly(2)
            *messages, buffer = buffer.split(b"\n\n")
            for message in messages:
                self._take(message)
            if is_first:
                self.connected, is_first = self.connected + 1, False
        writer.close()

    def _take(self, message: bytes) -> None:
        if b'id="progress"' in message and b'id="import"' not in message:
            self.progress.setdefault(message, []).append(time.monotonic())
        elif b'id="import"' in message:
            self.final.append(time.monotonic())


def measure(folder: Path, options: Options) -> str:
    allow_files(2 * options.streams + 200)
    path = data.generated(folder / f"rows-{ROWS}.csv", ROWS)
    target = imports.fresh(folder / "live")
    with served.serve(target, cpu=0) as server:
        import_id = together.upload(server, path)
        while "/start" not in server.request("GET", f"/tables/imports/{import_id}")[1].decode():
            time.sleep(0.1)
        server.request("POST", f"/tables/imports/{import_id}/start", "", **together._FORM)
        while 'data-state="loading"' not in server.request("GET", f"/tables/imports/{import_id}")[1].decode():
            time.sleep(0.05)
        found = asyncio.run(_measure(Streams(server, import_id), options.streams))
    head = (
        "streams",
        "all connected after s",
        "KiB each",
        "progress p50 ms",
        "progress p99 ms",
        "change of state p50 ms",
        "change of state p99 ms",
    )
    note = "\nMilliseconds from the first stream to have a message to each of the others.\n"
    return table("Live streams during an import", head, [found]) + note


async def _measure(streams: Streams, count: int) -> tuple[float, ...]:
    before, started = resident_mb(streams.server.pid), time.monotonic()
    tasks = [asyncio.create_task(streams.open()) for _ in range(count)]
    await _until(tasks, lambda: streams.connected == count)
    connected = time.monotonic() - started
    streams.progress.clear()
    await _until(tasks, lambda: sum(len(times) == count for times in streams.progress.values()) >= MESSAGES)
    memory = resident_mb(streams.server.pid)
    delays = [when - min(times) for times in streams.progress.values() if len(times) == count for when in times]
    cancelling = asyncio.to_thread(
        streams.server.request, "POST", f"/tables/imports/{streams.import_id}/cancellation", "", **together._FORM
    )
    async with asyncio.timeout(60):
        (status, _), *_ended = await asyncio.gather(cancelling, *tasks)
    assert status == 303, status
    if len(streams.final) != count:
        raise RuntimeError(f"The change of state reached {len(streams.final)} of {count} streams")
    ends = [when - min(streams.final) for when in streams.final]
    figures = (percentile(values, share) * 1000 for values in (delays, ends) for share in (0.5, 0.99))
    return count, connected, (memory - before) * 1024 / count, *figures


async def _until(tasks: list["asyncio.Task[None]"], is_reached: Callable[[], bool]) -> None:
    """Raises what a stream raised, and RuntimeError if one has ended."""
    async with asyncio.timeout(120):
        while not is_reached():
            for task in tasks:
                if task.done():
                    task.result()
                    raise RuntimeError("A stream has ended early")
            await asyncio.sleep(0.01)
