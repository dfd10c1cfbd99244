"""Open pages of one table: how long a saved cell takes until the last of them has it, from the moment it is sent.

Also the memory of each, and how long all of them take to connect again after a restart, each where it was, and how long
somebody else's page takes meanwhile. A stream that ends early, or a change that does not reach all in order, is an error.

Where others use the machine too, trust the time of the server's processor. It has one core, so this is what the last
page waits for if nobody else does, but for the client's own part.
"""

import asyncio
import json
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import data, imports, people, served, together
from benchmarks.measure import (
    Connection,
    Options,
    allow_files,
    cpu_of_threads,
    on_core,
    percentile,
    resident_mb,
    table,
)
from webapp.db.sqlite_driver import connect

SAVES = 100
PAUSE = 0.7  # seconds between two saves, longer than the rest of a hub
IN_TURN = 25  # streams opened at a time, where the memory of each is measured
BURST = 200  # saves one after another, as fast as they are answered


@dataclass
class Pages:
    """`arrivals` has for each change set when each stream had it, seconds on the monotonic clock."""

    table_id: int
    arrivals: dict[int, list[float]] = field(default_factory=dict)
    last: list[int] = field(default_factory=list)  # the change set that each stream has got last
    connected: int = 0
    failed: Exception | None = None
    cookies: list[str] = field(default_factory=list)  # of those who have the pages open; none: of the server's person

    async def open(self, server: served.Served, place: int) -> None:
        """Returns when the stream has ended."""
        stream = Stream(self, place)
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: stream, "127.0.0.1", server.port)
        after = f"Last-Event-ID: {self.last[place]}\r\n"
        cookie = self.cookies[place % len(self.cookies)] if self.cookies else server.cookie
        head = f"GET /live?table={self.table_id} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nCookie: {cookie}\r\n"
        transport.write(f"{head}{after}\r\n".encode())
        await stream.ended


class Stream(asyncio.Protocol):
    """Takes less of a processor than a reader with coroutines, which takes more than the server it measures."""

    def __init__(self, pages: Pages, place: int) -> None:
        self.pages, self.place = pages, place
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._rest = b""
        self._is_open = False

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self._rest += data
        if not self._is_open:
            self._begin()
        *messages, self._rest = self._rest.split(b"\n\n")
        for message in messages if self._is_open else ():
            _, found, text = message.partition(b"id: ")  # before it is the size of a chunk
            if found:
                self._take(int(text[: text.index(b"\n")]), now)

    def _begin(self) -> None:
        head, found, rest = self._rest.partition(b"\r\n\r\n")
        if found and not head.startswith(b"HTTP/1.1 200"):
            self.pages.failed = RuntimeError(head.split(b"\r\n")[0].decode())
        if found and b"event: ping" in rest:
            self._is_open = True
            self._rest = rest[rest.index(b"event: ping") :]
            self.pages.connected += 1

    def _take(self, seq: int, now: float) -> None:
        if seq != self.pages.last[self.place] + 1:
            self.pages.failed = RuntimeError(f"After {self.pages.last[self.place]} came {seq}")
        self.pages.last[self.place] = seq
        self.pages.arrivals.setdefault(seq, []).append(now)

    def connection_lost(self, error: Exception | None) -> None:
        self.ended.set_result(None)


def measure(folder: Path, options: Options) -> str:
    allow_files(2 * options.streams + 200)
    target = imports.fresh(folder / "live-tables")
    path = data.generated(folder / "rows-5000.csv", 5000)
    with served.serve(target) as server:
        table_id = together._import(server, path, wait=True)
    with closing(connect(target / "rowcast.db")) as connection:
        seen = connection.execute(f"SELECT c1 FROM t{table_id} WHERE id = 1").fetchone()[0]
    cookies = people.add(target, table_id, options.people)
    with on_core(1):
        found = asyncio.run(_measure(target, table_id, str(seen), options.streams, cookies))
    head = (
        "streams",
        "people",
        "save to last p50 ms",
        "p99 ms",
        "CPU p50 ms",
        "CPU p99 ms",
        "KiB each",
        "KiB, all at once",
        "connected after s",
        "again after s",
        "CPU s",
        "pages meanwhile p95 ms",
        "CPU p95 ms",
        "in a burst ms",
    )
    note = (
        f"\nOf {SAVES} saves of a cell, milliseconds from the request until the last stream had it, and of the server's"
        f" processor for each. The memory of each, if {IN_TURN} are opened at a time or all at once. In a burst of {BURST} saves one after another, from the last answer. The pages of the table"
        " meanwhile are of one connection, while all connect again.\n"
    )
    return table("Open pages of a table", head, [(options.streams, options.people or 1, *found)]) + note


async def _measure(target: Path, table_id: int, seen: str, count: int, cookies: list[str]) -> tuple[float, ...]:
    port = served.free_port()
    saver = Saver(port, table_id, seen)
    with served.serve_changing(target, port, cpu=0) as server:
        pages = Pages(table_id, last=[0] * count, cookies=cookies)
        before = resident_mb(server.pid)
        connected, tasks = await _connect(pages, server, range(count))
        await asyncio.sleep(3)  # the news of who is here
        at_once = (resident_mb(server.pid) - before) * 1024 / count
        delays, used = await _save(pages, server, saver, count)
        for _ in range(BURST):
            seq = await asyncio.to_thread(saver.save, server)
        answered = time.monotonic()
        burst = await _last(pages, seq, count) - answered
        _ensure_fine(pages, tasks)
    await asyncio.gather(*tasks)
    with served.serve_changing(target, port, cpu=0) as server:
        pages.connected = 0
        asked: list[tuple[float, float]] = []
        asking, cpu = asyncio.create_task(_ask_for_pages(server, table_id, asked)), cpu_of_threads(server.pid)
        again, tasks = await _connect(pages, server, range(count))
        cpu = cpu_of_threads(server.pid) - cpu
        asking.cancel()
        seq = await asyncio.to_thread(saver.save, server)
        await _last(pages, seq, count)
        _ensure_fine(pages, tasks)
    await asyncio.gather(*tasks)
    with served.serve_changing(target, port, cpu=0) as server:
        memory, tasks = await _memory(pages, server, count)
    await asyncio.gather(*tasks)
    times = [percentile(values, share) * 1000 for values in (delays, used) for share in (0.5, 0.99)]
    meanwhile = [percentile(values, 0.95) * 1000 for values in zip(*asked, strict=True)]
    return (*times, memory, at_once, connected, again, cpu, *meanwhile, burst * 1000)


async def _save(pages: Pages, server: served.Served, saver: "Saver", count: int) -> tuple[list[float], list[float]]:
    """Of each save the seconds until the last stream had it, and of the server's processor."""
    delays, used = [], []
    for _ in range(SAVES):
        began, before = time.monotonic(), cpu_of_threads(server.pid)
        seq = await asyncio.to_thread(saver.save, server)
        delays.append(await _last(pages, seq, count) - began)
        used.append(cpu_of_threads(server.pid) - before)
        await asyncio.sleep(PAUSE)
    return delays, used


async def _ask_for_pages(server: served.Served, table_id: int, asked: list[tuple[float, float]]) -> None:
    """One after another until it is cancelled: of each the seconds, and of the server's processor meanwhile."""
    async with Connection(server.port, server.headers) as connection:
        while True:
            before = cpu_of_threads(server.pid)
            seconds = await connection.get(f"/tables/{table_id}")
            asked.append((seconds, cpu_of_threads(server.pid) - before))


async def _memory(pages: Pages, server: served.Served, count: int) -> tuple[float, list["asyncio.Task[None]"]]:
    """KiB of each, if they come a few at a time, without what the first of them load."""
    pages.connected = 0
    _, tasks = await _connect(pages, server, range(min(count // 5, 100)))
    before, first = resident_mb(server.pid), len(tasks)
    while len(tasks) < count:
        _, more = await _connect(pages, server, range(len(tasks), min(len(tasks) + IN_TURN, count)))
        tasks += more
    await asyncio.sleep(3)
    return (resident_mb(server.pid) - before) * 1024 / (count - first), tasks


@dataclass
class Saver:
    """Changes the same cell again and again."""

    port: int
    table_id: int
    seen: str
    saves: int = 0

    def save(self, server: served.Served) -> int:
        text = str(1_000_000 + self.saves)
        body = json.dumps([1, 1, self.seen, text])
        status, answer = server.request(
            "POST", f"/changes/{self.table_id}", body, **{"Content-Type": "application/json"}
        )
        if status != 200:
            raise RuntimeError(answer.decode()[:500])
        self.seen, self.saves = text, self.saves + 1
        return int(json.loads(answer)["seq"])


async def _connect(pages: Pages, server: served.Served, places: range) -> tuple[float, list["asyncio.Task[None]"]]:
    """Seconds until all of them are open."""
    began = time.monotonic()
    tasks = [asyncio.create_task(pages.open(server, place)) for place in places]
    async with asyncio.timeout(120):
        while pages.connected < places.stop:
            _ensure_fine(pages, tasks)
            await asyncio.sleep(0.01)
    return time.monotonic() - began, tasks


def _ensure_fine(pages: Pages, tasks: list["asyncio.Task[None]"]) -> None:
    if pages.failed is not None:
        raise pages.failed
    for task in tasks:
        if task.done():
            task.result()
            raise RuntimeError("A stream has ended early")


async def _last(pages: Pages, seq: int, count: int) -> float:
    """When the last stream had it."""
    async with asyncio.timeout(60):
        while len(pages.arrivals.get(seq, ())) < count:  # noqa: ASYNC110  (must not disturb what is measured)
            await asyncio.sleep(0.005)
    return max(pages.arrivals[seq])
