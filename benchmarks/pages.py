"""Latency of a page of the grid over HTTP, before there is any index and after.

On one connection that is kept, as a browser does: whole pages for what is opened, and the fragment of the grid for what
is typed or clicked in it.
"""

import asyncio
import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from benchmarks import imports, served
from benchmarks.measure import Connection, Options, percentile, table

TIMES = 40
OPENED = {"first page", "deep page (keyset)", "one row"}  # by a link; the rest changes a page that is open
ENOUGH = 12  # seconds per kind of view: those without an index are slow
SORTED = 50_000, 2_000_000  # rows of tables that are given an index for a sort
PATIENCE = 600  # seconds for the indexes to be built
COUNT_INDEXES = "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND tbl_name = 't1'"


def measure(folder: Path, options: Options) -> str:
    rows = options.rows
    data = imports.imported(folder, rows)
    first: dict[str, list[float]] = {}
    for _ in range(options.runs):  # each time without what the run before has indexed
        _forget_indexes(data, "none")
        with served.serve(data, cpu=0) as server:
            for name, paths in _views(server, rows):
                first.setdefault(name, []).extend(_measured(server, name, paths, is_first=True))
    _forget_indexes(data, "building")  # the server resumes that when it starts
    with served.serve(data, cpu=0) as server:
        for name, paths in _views(server, rows):
            if "sorted" in name:
                _measured(server, name, paths[:1])  # requests its index
        _wait_for_indexes(data, rows, options.waits_for_search)
        after = {name: _measured(server, name, paths) for name, paths in _views(server, rows)}
    found = [
        (name, *(percentile(took, share) for took in (first[name], after[name]) for share in (0.5, 0.95)))
        for name in first
    ]
    head = ("view of 100 rows", "p50 ms before", "p95 ms before", "p50 ms with indexes", "p95 ms with indexes")
    note = "\nBefore: the first time somebody sorts by the column, and as long as the full-text index is not built.\n"
    return table(f"Pages at {rows:,} rows", head, found) + note


def _forget_indexes(data: Path, state: str) -> None:
    with closing(sqlite3.connect(data / "rowcast.db", isolation_level=None)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 't1'").fetchall()
        for (name,) in names:
            connection.execute(f"DROP INDEX {name}")
        connection.execute("DROP TABLE IF EXISTS s1")
        connection.execute("UPDATE tables SET search_index = ? WHERE id = 1", (state,))


def _views(server: served.Served, rows: int) -> list[tuple[str, list[str]]]:
    """Each view as a list of URLs requested in turn, so that no response repeats."""
    ids = [number * 20_011 % rows + 1 for number in range(TIMES)]
    named = [row_id % min(rows, 1_000_000) for row_id in ids]  # the addresses of more are not numbered on
    words = [word.split()[0] for word in _cells(server, 10)]
    cities = _cells(server, 4)
    return [
        ("first page", ["/tables/1"] * TIMES),
        ("deep page (keyset)", [f"/tables/1?at={row_id}" for row_id in ids]),
        ("sorted by a number", ["/tables/1?sort=-7", "/tables/1?sort=7"] * (TIMES // 2)),
        ("sorted by text", ["/tables/1?sort=4"] * TIMES),
        ("filtered: city is ...", [f"/tables/1?f.4=eq:{quote(city)}" for city in cities[:TIMES]]),
        ("filtered and sorted", [f"/tables/1?f.4=eq:{quote(city)}&sort=-7" for city in cities[:TIMES]]),
        ("searched: a frequent word", [f"/tables/1?q={quote(word)}" for word in words[:TIMES]]),
        ("searched: one row", [f"/tables/1?q={number}%40example" for number in named]),
        ("searched: nothing", [f"/tables/1?q=zqxj{number}" for number in range(TIMES)]),
        ("one row", [f"/tables/1/rows/{row_id}" for row_id in ids]),
    ]


def _measured(server: served.Served, name: str, paths: list[str], *, is_first: bool = False) -> list[float]:
    """Milliseconds of each; of a sort only the first, after which its index is built."""
    return asyncio.run(_request(server, name, paths[:1] if is_first and "sorted" in name else paths))


async def _request(server: served.Served, name: str, paths: list[str]) -> list[float]:
    headers = server.headers + ("" if name in OPENED else "HX-Request: true\r\nHX-Request-Type: partial\r\n")
    end, took = time.monotonic() + ENOUGH, []
    async with Connection(server.port, headers) as connection:
        for path in paths:
            took.append(await connection.get(path) * 1000)
            if time.monotonic() > end:
                break
    return took


def _cells(server: served.Served, number: int) -> list[str]:
    """Distinct values of one column, from the first rows."""
    status, body = server.request("GET", f"/tables/1/export?format=ndjson&cols={number}&q=&f.8=le:3")
    assert status == 200, status
    found = (next(iter(json.loads(line).values())) for line in body.splitlines()[:4000])
    return [value for value in dict.fromkeys(found) if value]


def _wait_for_indexes(data: Path, rows: int, waits_for_search: bool) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        # A new connection each time: a statement not read to its end would keep its old snapshot.
        with closing(sqlite3.connect(data / "rowcast.db")) as connection:
            (state,) = connection.execute("SELECT search_index FROM tables WHERE id = 1").fetchone()
            (indexes,) = connection.execute(COUNT_INDEXES).fetchone()
        is_searchable = state != "building" or not waits_for_search
        if is_searchable and (indexes >= 2 or not SORTED[0] <= rows <= SORTED[1]):
            return
        time.sleep(0.5)
    raise TimeoutError("The indexes are not there")
