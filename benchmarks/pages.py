"""Latency of a page of the grid over HTTP, before there is any index and after."""

import asyncio
import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from benchmarks import imports, served
from benchmarks.measure import Options, load, percentile, table

TIMES = 40
ENOUGH = 12  # seconds per kind of view: those without an index are slow
SORTED = 50_000, 2_000_000  # rows of tables that are given an index for a sort
PATIENCE = 600  # seconds for the indexes to be built
COUNT_INDEXES = "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND tbl_name = 't1'"


def measure(folder: Path, options: Options) -> str:
    rows = options.rows
    data = imports.imported(folder, rows)
    _forget_indexes(data, "none")
    with served.serve(data, cpu=0) as server:
        before = [_measured(server, name, paths, is_first=True) for name, paths in _views(server, rows)]
    _forget_indexes(data, "building")  # the server resumes that when it starts
    with served.serve(data, cpu=0) as server:
        for name, paths in _views(server, rows):
            if "sorted" in name:
                _once(server, paths[0])  # requests its index
        _wait_for_indexes(data, rows, options.waits_for_search)
        after = [_measured(server, name, paths) for name, paths in _views(server, rows)]
    found = [(name, *first, *second) for (name, *first), (_, *second) in zip(before, after, strict=True)]
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


def _measured(
    server: served.Served, name: str, paths: list[str], *, is_first: bool = False
) -> tuple[str, float, float]:
    end = time.monotonic() + ENOUGH
    took = []
    for path in paths[:1] if is_first and "sorted" in name else paths:
        took.append(_once(server, path))
        if time.monotonic() > end:
            break
    return name, percentile(took, 0.5), percentile(took, 0.95)


def _once(server: served.Served, path: str) -> float:
    headers = f"{server.headers}HX-Request: true\r\nHX-Request-Type: partial\r\n"
    _, took = asyncio.run(load(server.port, path, headers, 1, 1))
    return took[0] * 1000


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
