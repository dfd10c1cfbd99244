"""How long a page of the grid takes over HTTP, before there is any index and after."""

import asyncio
import json
import time
from pathlib import Path
from urllib.parse import quote

from benchmarks import imports, served
from benchmarks.measure import load, percentile, table

TIMES = 40
PATIENCE = 600  # seconds for the indexes to be built


def measure(folder: Path, rows: int, runs: int) -> str:
    data = imports.imported(folder, rows)
    with served.serve(data, cpu=0) as server:
        before = [_measured(server, *view) for view in _views(server, rows)]
        _wait_for_indexes(data, rows)
        after = [_measured(server, *view) for view in _views(server, rows)]
    found = [(name, *first, *second) for (name, *first), (_, *second) in zip(before, after, strict=True)]
    head = ("view of 100 rows", "p50 ms before", "p95 ms before", "p50 ms with indexes", "p95 ms with indexes")
    return table(f"Pages at {rows:,} rows", head, found)


def _views(server: served.Served, rows: int) -> list[tuple[str, list[str]]]:
    """Each a list of addresses asked in turn, so that no answer is a repeated one."""
    ids = [number * 20_011 % rows + 1 for number in range(TIMES)]
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
        ("searched: one row", [f"/tables/1?q={row_id}%40example" for row_id in ids]),
        ("searched: nothing", [f"/tables/1?q=zqxj{number}" for number in range(TIMES)]),
        ("one row", [f"/tables/1/rows/{row_id}" for row_id in ids]),
    ]


def _measured(server: served.Served, name: str, paths: list[str]) -> tuple[str, float, float]:
    took = [_once(server, path) for path in paths]
    return name, percentile(took, 0.5), percentile(took, 0.95)


def _once(server: served.Served, path: str) -> float:
    headers = f"{server.headers}HX-Request: true\r\nHX-Request-Type: partial\r\n"
    _, took = asyncio.run(load(server.port, path, headers, 1, 1))
    return took[0] * 1000


def _cells(server: served.Served, number: int) -> list[str]:
    """Different values of one column, from the first rows."""
    status, body = server.request("GET", f"/tables/1/export?format=ndjson&cols={number}&q=&f.8=le:3")
    assert status == 200, status
    found = (next(iter(json.loads(line).values())) for line in body.splitlines()[:4000])
    return [value for value in dict.fromkeys(found) if value]


def _wait_for_indexes(data: Path, rows: int) -> None:
    import sqlite3

    connection = sqlite3.connect(data / "rowcast.db")
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        state = connection.execute("SELECT search_index FROM tables WHERE id = 1").fetchone()[0]
        indexes = connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'index' AND tbl_name = 't1'")
        if state != "building" and (indexes.fetchone()[0] >= 2 or rows < 50_000):
            connection.close()
            return
        time.sleep(0.5)
    raise TimeoutError("The indexes are not there")
