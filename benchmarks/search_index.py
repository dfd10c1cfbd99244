"""Building a full-text index, and how long others wait for the write lock meanwhile."""

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from benchmarks import imports
from benchmarks.measure import Options, percentile, table
from webapp.rowstore.sqlite.schema import drop_search_sql

_EVERY = 0.02  # seconds between two writes of somebody else
_BUILD = """
import json, resource, sys
from webapp.rowstore import open_loader
from webapp.rowstore.table_ref import TableRef
with open_loader(sys.argv[1]) as loader:
    assert loader.index_search(TableRef.from_json(json.loads(sys.argv[2])), lambda done, of: None)
usage = resource.getrusage(resource.RUSAGE_SELF)
print(usage.ru_utime + usage.ru_stime)
"""


def measure(folder: Path, options: Options) -> str:
    source, database = imports.imported(folder, options.rows) / "rowcast.db", folder / "search-index.db"
    lines = []
    for _ in range(options.runs):
        shutil.copy(source, database)
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            for statement in drop_search_sql(1):  # another section may have waited for it
                connection.execute(statement)
            lines.append(_build(connection, database))
    head = ("run", "s", "CPU s", "write waits p50 ms", "p95 ms", "p99 ms", "worst ms")
    return table(
        f"The full-text index of {options.rows:,} rows", head, [(number, *line) for number, line in enumerate(lines, 1)]
    )


def _build(connection: sqlite3.Connection, database: Path) -> tuple[float, ...]:
    columns = connection.execute(
        "SELECT number, title, type, format, keeps_texts FROM columns WHERE table_id = 1 ORDER BY position"
    )
    names = ("number", "title", "type", "format", "keeps_texts")
    fields = [dict(zip(names, row, strict=True)) | {"format": json.loads(row[3])} for row in columns]
    began = time.perf_counter()
    building = subprocess.Popen(
        [sys.executable, "-c", _BUILD, str(database), json.dumps({"id": 1, "fields": fields})],
        stdout=subprocess.PIPE,
        text=True,
    )
    waits = []
    while building.poll() is None:
        time.sleep(_EVERY)
        waits.append(_write(connection))
    seconds = time.perf_counter() - began
    assert building.stdout is not None
    used = float(building.stdout.read())
    shares = [percentile(waits, share) * 1000 for share in (0.5, 0.95, 0.99)]
    return seconds, used, *shares, max(waits) * 1000


def _write(connection: sqlite3.Connection) -> float:
    """As the server's writer does it; return the seconds until it had the lock."""
    connection.execute("PRAGMA busy_timeout = 0")
    began = time.perf_counter()
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            break
        except sqlite3.OperationalError:
            time.sleep(0.001)
    waited = time.perf_counter() - began
    connection.execute("UPDATE tables SET version = version + 1")
    connection.execute("COMMIT")
    return waited
