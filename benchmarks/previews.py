"""How long a table is waited for after "Import", by how long its preview was looked at."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from benchmarks import data, imports, served
from benchmarks.measure import Options, spread, table
from benchmarks.together import start, upload

LOOKS = (0, 10)  # seconds


def measure(folder: Path, options: Options) -> str:
    """Each look with a server and a database of its own, in turn."""
    path = data.generated(folder / f"rows-{options.rows}.csv", options.rows)
    found: dict[int, list[tuple[float, int]]] = {}
    for _ in range(options.runs):
        for look in LOOKS:
            found.setdefault(look, []).append(_wait_after(imports.fresh(folder / "previews"), path, look))
    lines = [
        (f"{look} s", spread([seconds for seconds, _ in each]), min(rows for _, rows in each))
        for look, each in found.items()
    ]
    head = ("preview looked at for", "s until the import is done", "rows that were there")
    return table(f"After a look at the preview of {options.rows:,} rows", head, lines)


def _wait_after(target: Path, path: Path, look: int) -> tuple[float, int]:
    """Seconds from "Import" until all rows are in the table, and how many were in its draft."""
    with served.serve(target) as server:
        import_id = upload(server, path)
        _wait_for(target, import_id, "ready")
        time.sleep(look)
        rows = _draft_rows(target)
        began = time.perf_counter()
        start(server, import_id)
        _wait_for(target, import_id, "done")
        return time.perf_counter() - began, rows


def _wait_for(target: Path, import_id: str, state: str) -> None:
    while _ask(target, f"SELECT state FROM imports WHERE id = '{import_id}'") != state:
        time.sleep(0.02)


def _draft_rows(target: Path) -> int:
    name = _ask(target, "SELECT min(name) FROM sqlite_master WHERE name GLOB 'draft_*'")
    return int(_ask(target, f"SELECT max(rowid) FROM {name}") or 0) if name else 0


def _ask(target: Path, sql: str) -> object:
    with closing(sqlite3.connect(target / "rowcast.db")) as connection:
        return connection.execute(sql).fetchone()[0]
