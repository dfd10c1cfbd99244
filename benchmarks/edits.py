"""Edits a second on one core by one writer and by fifty, against an empty POST of the same server; and a large paste.

Every writer edits cells of its own, so that each edit is one change of the log; a run that logged fewer is an error.
Where others use the machine too, trust the time of the processor, which is that of the server alone.
"""

import asyncio
import http.client
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import imports, served
from benchmarks.empty_post import PATH
from benchmarks.measure import Connection, Options, cpu_seconds, on_core, percentile, table
from webapp.db.sqlite_driver import connect

WRITERS, REQUESTS, ROUNDS = (1, 50), 600, 3
EDITS_A_SECOND, PAGES = 100, 300
PASTED_ROWS, PASTED_COLUMNS = 2_500, 4  # texts


def measure(folder: Path, options: Options) -> str:
    target = imports.imported(folder, min(options.rows, 100_000))
    with on_core(1), _serve(target) as server:
        before = _logged(target), _size(target)
        rows = [row for writers in WRITERS for row in _compare(server, target, writers)]
        logged, grown = _logged(target) - before[0], _size(target) - before[1]
        pasted = _paste(server)
        idle, beside = asyncio.run(_pages(server))
    head = (
        "POST, one core",
        "a second",
        "to an empty one",
        "p50 ms",
        "p99 ms",
        "worst ms",
        "CPU ms",
        "to an empty one",
    )
    return table("Edits", head, rows) + (
        f"\nA paste of {PASTED_ROWS * PASTED_COLUMNS:,} cells: {pasted[0]:.2f} s; undoing it: {pasted[1]:.2f} s.\n"
        f"Of the database, each of {logged:,} edits takes {grown / logged:,.0f} bytes.\n"
        f"A page's p95 is {idle * 1000:.1f} ms when idle, and {beside * 1000:.1f} ms while {EDITS_A_SECOND} edits a second"
        " arrive.\n"
    )


@contextmanager
def _serve(folder: Path) -> Iterator[served.Served]:
    port = served.free_port()
    command = served.rowcast(data=folder, cpu=0)
    place = command.index("-m")
    command[place:] = ["-m", "benchmarks.empty_post"]
    command.insert(command.index(sys.executable), f"ROWCAST_PORT={port}")
    with served.process(command, port) as running:
        yield served.Served(running.pid, port, served.sign_in(port))


@dataclass
class Taken:
    """By all requests of one kind: seconds in all and of each, and of the server's processor."""

    seconds: float = 0.0
    cpu: float = 0.0
    each: list[float] = field(default_factory=list)


def _compare(server: served.Served, folder: Path, writers: int) -> list[tuple[object, ...]]:
    """In turns, so that what else the machine does falls on both."""
    taken = {"empty": Taken(), "edit": Taken()}
    for turn in range(ROUNDS):
        _add_load(taken["empty"], server, PATH, writers, _nothing)
        body = _edits(turn, writers)
        _begin(server, writers, body)
        before = _logged(folder)
        _add_load(taken["edit"], server, "/tables/1/cells", writers, body)
        if _logged(folder) - before != writers * (REQUESTS // writers):
            raise RuntimeError("Not every edit was saved")
    rates = {name: len(of.each) / of.seconds for name, of in taken.items()}
    costs = {name: of.cpu / len(of.each) for name, of in taken.items()}
    return [
        (
            f"{name}, {writers} at once",
            rates[name],
            rates[name] / rates["empty"],
            percentile(of.each, 0.5) * 1000,
            percentile(of.each, 0.99) * 1000,
            max(of.each) * 1000,
            costs[name] * 1000,
            costs["empty"] / costs[name],
        )
        for name, of in taken.items()
    ]


def _logged(folder: Path) -> int:
    with closing(connect(folder / "rowcast.db")) as connection:
        return int(connection.execute("SELECT seq FROM tables WHERE id = 1").fetchone()[0])


def _size(folder: Path) -> int:
    """Bytes of the database, without what is free in it."""
    with closing(connect(folder / "rowcast.db")) as connection:
        pages, free, size = (
            int(connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
    return (pages - free) * size


async def _pages(server: served.Served) -> tuple[float, float]:
    """The p95 of pages asked for one after another, in seconds: when idle, and beside edits that keep their pace."""
    idle = await _ask_for_pages(server)
    editing = asyncio.create_task(_edit_at_pace(server))
    beside = await _ask_for_pages(server)
    if editing.done():
        editing.result()
    editing.cancel()
    return idle, beside


async def _ask_for_pages(server: served.Served) -> float:
    async with Connection(server.port, server.headers) as connection:
        return percentile([await connection.get("/tables/1") for _ in range(PAGES)], 0.95)


async def _edit_at_pace(server: served.Served) -> None:
    body = _edits(ROUNDS, 1)
    await asyncio.to_thread(_begin, server, 1, body)
    headers = f"{server.headers}Sec-Fetch-Site: same-origin\r\nContent-Type: application/json\r\n"
    began = time.perf_counter()
    async with Connection(server.port, headers) as connection:
        for number in itertools.count(1):
            await connection.post("/tables/1/cells", body(0, number))
            await asyncio.sleep(max(0.0, began + number / EDITS_A_SECOND - time.perf_counter()))


def _add_load(taken: Taken, server: served.Served, path: str, writers: int, body: Callable[[int, int], str]) -> None:
    before = cpu_seconds(server.pid)
    seconds, each = asyncio.run(_load(server, path, writers, body))
    taken.seconds += seconds
    taken.cpu += cpu_seconds(server.pid) - before
    taken.each += each


def _nothing(writer: int, number: int) -> str:
    return json.dumps({"edits": [{"row": writer + 1, "column": 1, "seen": "something", "text": f"text {number}"}]})


def _edits(turn: int, writers: int) -> Callable[[int, int], str]:
    """Each writer knows what it wrote before."""

    def body(writer: int, number: int) -> str:
        text = f"{turn}, {writers} writers: text {number}"
        seen = f"{turn}, {writers} writers: text {number - 1}"
        return json.dumps({"edits": [{"row": writer + 1, "column": 1, "seen": seen, "text": text}]})

    return body


async def _load(
    server: served.Served, path: str, writers: int, body: Callable[[int, int], str]
) -> tuple[float, list[float]]:
    """Seconds in all, and of each request."""
    took: list[float] = []
    headers = f"{server.headers}Sec-Fetch-Site: same-origin\r\nContent-Type: application/json\r\n"

    async def write(writer: int, numbers: range) -> None:
        async with Connection(server.port, headers) as connection:
            for number in numbers:
                took.append(await connection.post(path, body(writer, number)))

    started = time.perf_counter()
    await asyncio.gather(*(write(writer, range(1, 1 + REQUESTS // writers)) for writer in range(writers)))
    return time.perf_counter() - started, took


def _begin(server: served.Served, writers: int, body: Callable[[int, int], str]) -> None:
    """Write the text that the first edit of each writer expects."""
    rows = list(range(1, writers + 1))
    values = [[json.loads(body(writer, 0))["edits"][0]["text"]] for writer in range(writers)]
    _post(server, "/tables/1/paste", {"values": values, "rows": rows, "columns": [1]})


def _paste(server: served.Served) -> tuple[float, float]:
    rows = list(range(1001, 1001 + PASTED_ROWS))
    block = [[f"pasted {row} {column}" for column in range(PASTED_COLUMNS)] for row in rows]
    wide = {"values": block, "rows": rows, "columns": list(range(1, 1 + PASTED_COLUMNS))}
    started = time.perf_counter()
    _post(server, "/tables/1/paste", wide)
    pasted = time.perf_counter() - started
    started = time.perf_counter()
    _post(server, "/tables/1/undo", {})
    return pasted, time.perf_counter() - started


def _post(server: served.Served, path: str, body: object) -> None:
    status, answer = server.request("POST", path, json.dumps(body), **{"Content-Type": "application/json"})
    if status != http.client.OK:
        raise RuntimeError(f"{path}: {status} {answer[:200]!r}")
