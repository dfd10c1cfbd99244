"""A later export laid over a table: 1 % of the rows changed, a thousandth gone and as many new, in the same order; then in
another one, when nothing is left to do. How long until the dry run is there, what of memory, and until it is applied; then
what was changed as a file, and the first one undone.

Where others use the machine too, trust the time of the processor: that of the comparing child alone.
"""

import csv
import json
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks import data, imports, served, together
from benchmarks.measure import Options, children, cpu_seconds, resident_mb, run, table

CHANGED, GONE = 100, 1_000  # one row in so many
WATCH_EVERY = 0.05  # seconds
FIRST = "in the same order"
HEAD = ("a later file", "read s", "compared s", "CPU s", "child, peak MB", "entries", "applied s", "server, peak MB")


def measure(folder: Path, options: Options) -> str:
    first = _numbered(folder, options.rows)
    target = imports.fresh(folder / "again")
    run([*served.rowcast("import", str(first), data=target)])
    found = []
    with served.serve(target) as server:
        for name, seed in ((FIRST, None), ("in another order", 1), ("the same once more", 1)):
            path = _later(folder, first, options.rows, seed)
            import_id, *figures = _lay_over(server, target, path)
            found.append((name, *figures))
            if name == FIRST:
                exported, size = _export(server, import_id)
        undone = _undo(server, target)
    about = f"{options.rows:,} rows of 11 columns ({first.stat().st_size / 1e6:,.0f} MB), imported again"
    after = f"What the first changed, as CSV ({size:,.1f} MB): {exported:.2f} s. The first one undone: {undone:.2f} s."
    return f"{table(about, HEAD, found)}\n{after}\n"


def _lay_over(server: served.Served, target: Path, path: Path) -> tuple[Any, ...]:
    began, peak, cpu = time.perf_counter(), 0.0, 0.0
    import_id = together.upload(server, path, "/tables/1/imports")
    read = 0.0
    while not (report := _asked(target, "SELECT comparison FROM import_updates WHERE import_id = ?", import_id)[0]):
        state = _asked(target, "SELECT state FROM imports WHERE id = ?", import_id)[0]
        if state == "comparing":
            read = read or time.perf_counter() - began
            for pid in children(server.pid):
                peak, cpu = max(peak, _peak(pid)), max(cpu, _cpu(pid))
        time.sleep(WATCH_EVERY)
    compared = time.perf_counter() - began - read
    entries = json.loads(report)["entries"]
    applied = 0.0
    if entries:
        began = time.perf_counter()
        server.request("POST", f"/tables/1/imports/{import_id}/application", "", **together._FORM)
        while _asked(target, "SELECT state FROM imports WHERE id = ?", import_id)[0] != "done":
            time.sleep(WATCH_EVERY)
        applied = time.perf_counter() - began
    return import_id, read, compared, cpu, peak, entries, applied, resident_mb(server.pid, peak=True)


def _export(server: served.Served, import_id: str) -> tuple[float, float]:
    """Seconds and megabytes."""
    began = time.perf_counter()
    status, body = server.request("GET", f"/tables/1/imports/{import_id}/changes/export")
    if status != 200:
        raise RuntimeError(f"The export answered {status}")
    return time.perf_counter() - began, len(body) / 1e6


def _undo(server: served.Served, target: Path) -> float:
    """Undo the first import over the table; in seconds."""
    began = time.perf_counter()
    seq = _asked(target, "SELECT min(seq) FROM import_updates WHERE seq IS NOT NULL")[0]
    server.request("POST", f"/tables/1/history/{seq}/revert", "", **together._FORM)
    while _asked(target, "SELECT count(*) FROM large_changes WHERE undo_of = ? AND state = 'done'", seq)[0] == 0:
        time.sleep(WATCH_EVERY)
    return time.perf_counter() - began


def _numbered(folder: Path, rows: int) -> Path:
    """The generated file with a number for each row."""
    path = folder / f"numbered-{rows}.csv"
    if not path.exists():
        generated = data.generated(folder / f"rows-{rows}.csv", rows)
        with (
            generated.open(newline="", encoding="utf-8") as source,
            path.open("w", newline="", encoding="utf-8") as out,
        ):
            writer = csv.writer(out)
            for number, row in enumerate(csv.reader(source)):
                writer.writerow([number or "id", *row])
    return path


def _later(folder: Path, first: Path, rows: int, seed: int | None) -> Path:
    path = folder / f"numbered-{rows}-later{'' if seed is None else seed}.csv"
    with first.open(newline="", encoding="utf-8") as source:
        head, *lines = csv.reader(source)
    lines = [line for number, line in enumerate(lines, 1) if number % GONE]
    for line in lines[:: CHANGED + 1]:
        line[7] = f"{float(line[7] or 0) + 1:.2f}"
    lines += [[str(rows + number), *line[1:]] for number, line in enumerate(lines[: rows // GONE], 1)]
    if seed is not None:
        random.Random(seed).shuffle(lines)
    with path.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([head, *lines])
    return path


def _asked(folder: Path, statement: str, *values: object) -> Any:
    with closing(sqlite3.connect(folder / "rowcast.db")) as connection:
        return connection.execute(statement, values).fetchone()


def _cpu(pid: int) -> float:
    try:
        return cpu_seconds(pid)
    except OSError:
        return 0.0


def _peak(pid: int) -> float:
    try:
        return resident_mb(pid, peak=True)
    except OSError:  # it has ended meanwhile
        return 0.0
