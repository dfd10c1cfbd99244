"""A column of all rows set to one text, and that undone: how long it takes, what of the processor and of memory, and how
long others wait meanwhile who save cells of the same table.

Where others use the machine too, trust the time of the processor, which is that of the server and its children alone.
"""

import asyncio
import itertools
import json
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import imports, served
from benchmarks.measure import (
    Connection,
    Options,
    children,
    cpu_seconds,
    percentile,
    resident_mb,
    table,
)
from webapp.db.sqlite_driver import connect

COLUMN, SAVED = 4, 1  # that is set (a city), and whose cells others save meanwhile
PAGE = "/tables/1/rows"  # the first hundred
ASK_EVERY = 0.05  # seconds
WATCH_EVERY = 0.02
_UNFINISHED = "SELECT count(*) FROM large_changes WHERE state IN ('planning', 'applying', 'reverting')"
ENDED = ("done", "failed", "cancelled")


@dataclass
class Watched:
    """What a large change has taken: seconds, until it was planned and in all; of the processor; megabytes."""

    planned: float = 0.0
    seconds: float = 0.0
    cpu: dict[int, float] = field(default_factory=dict)  # by process
    memory: float = 0.0
    saves: list[float] = field(default_factory=list)  # seconds of each
    pages: list[float] = field(default_factory=list)


def measure(folder: Path, options: Options) -> str:
    target = imports.imported(folder, options.rows)
    with served.process(_command(target, port := served.free_port()), port) as running:
        server = served.Served(running.pid, port, served.sign_in(port))
        while _asked(target, _UNFINISHED)[0]:  # a run that was stopped is resumed
            time.sleep(WATCH_EVERY)
        idle = asyncio.run(_idle(server))
        text = f"Oslo {time.time():.0f}"  # another one than the last time
        arguments = json.dumps(["set", {"column": COLUMN, "text": text}])
        made = asyncio.run(_watch(server, target, "/bulk/1", arguments))
        seq = _asked(target, "SELECT max(seq) FROM large_changes")[0]
        undone = asyncio.run(_watch(server, target, f"/tables/1/history/{seq}/revert", "{}"))
    rows: list[tuple[Any, ...]] = [("idle", "", "", "", "", *_shares(idle.saves), *_shares(idle.pages))]
    for name, found in (("set", made), ("undone", undone)):
        cpu = sum(found.cpu.values())
        rows.append(
            (name, found.planned, found.seconds, cpu, found.memory, *_shares(found.saves), *_shares(found.pages))
        )
    head = ("a column", "planned s", "in all s", "CPU s", "peak MB", *_times("save"), *_times("page"))
    size = (target / "rowcast.db").stat().st_size / 1e6
    return (
        table(f"{options.rows:,} cells in one change", head, rows) + f"\nThe database has {size:,.0f} MB afterwards.\n"
    )


def _command(folder: Path, port: int) -> list[str]:
    return served.rowcast(str(port), data=folder, module="benchmarks.bulk_server")


async def _watch(server: served.Served, folder: Path, path: str, body: str) -> Watched:
    found = Watched()
    before = cpu_seconds(server.pid)
    last = _asked(folder, "SELECT ifnull(max(id), 0) FROM large_changes")[0]
    began = time.perf_counter()
    async with Connection(server.port, server.headers + _JSON) as connection:
        await connection.post(path, body)
    asking = asyncio.create_task(_ask(server, found, lambda: found.seconds == 0.0))
    while not found.seconds:
        state = (_asked(folder, "SELECT state FROM large_changes WHERE id > ?", last) or ("planning",))[0]
        now = time.perf_counter() - began
        if state != "planning" and not found.planned:
            found.planned = now
        if state in ENDED:
            found.seconds = now
            if state != "done":
                raise RuntimeError(f"The change has {state}")
        with suppress(FileNotFoundError, ProcessLookupError):  # one has ended meanwhile
            for pid in children(server.pid):
                found.cpu[pid] = cpu_seconds(pid)
                found.memory = max(found.memory, resident_mb(pid, peak=True))
        await asyncio.sleep(WATCH_EVERY)
    await asking
    found.cpu[server.pid] = cpu_seconds(server.pid) - before
    return found


async def _idle(server: served.Served) -> Watched:
    found = Watched()
    await _ask(server, found, lambda: len(found.saves) < 40)
    return found


async def _ask(server: served.Served, found: Watched, is_wanted: Callable[[], bool]) -> None:
    """One person saves cells of another column, another reads pages, one after the other."""

    async def save() -> None:
        async with Connection(server.port, server.headers + _JSON) as connection:
            for number in itertools.takewhile(lambda _: is_wanted(), itertools.count()):
                edit = [1 + number % 50, SAVED, None, f"Ada {time.time():.3f}"]
                found.saves.append(await connection.post("/changes/1", json.dumps(edit)))
                await asyncio.sleep(ASK_EVERY)

    async def read() -> None:
        async with Connection(server.port, server.headers) as connection:
            while is_wanted():
                found.pages.append(await connection.get(PAGE))
                await asyncio.sleep(ASK_EVERY)

    await asyncio.gather(save(), read())


def _asked(folder: Path, statement: str, *values: int) -> Any:
    with closing(connect(folder / "rowcast.db", query_only=True)) as connection:
        return connection.execute(statement, values).fetchone()


def _times(of: str) -> tuple[str, str, str]:
    return f"{of} p50 ms", f"{of} p95 ms", f"{of} worst ms"


def _shares(took: list[float]) -> tuple[float, float, float]:
    return percentile(took, 0.5) * 1000, percentile(took, 0.95) * 1000, max(took) * 1000


_JSON = "Content-Type: application/json\r\nSec-Fetch-Site: same-origin\r\n"
