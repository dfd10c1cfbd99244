"""The baselines: the plainest code that does the same in one process."""

import csv
import sqlite3
from itertools import islice
from pathlib import Path

# The types of the generated file's columns. SQLite converts the text of a cell by the column's affinity, in C.
GENERATED = ("TEXT",) * 6 + ("REAL", "INTEGER", "TEXT", "TEXT")


def import_csv(source: str | Path, database: str | Path, types: tuple[str, ...] | None = None) -> int:
    """`csv.reader` into `executemany`, 5,000 rows per transaction; return the number of rows.

    Without `types` the columns have NUMERIC affinity, which keeps as text what is no number.
    """
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    with open(source, newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        titles = next(reader)
        types = types or ("NUMERIC",) * len(titles)
        columns = ", ".join(f"c{number} {type}" for number, type in enumerate(types, 1))
        connection.execute(f"CREATE TABLE plain (id INTEGER PRIMARY KEY, {columns})")
        insert = f"INSERT INTO plain VALUES (NULL, {', '.join('?' * len(types))})"
        rows = 0
        while batch := list(islice(reader, 5000)):
            rows += _insert(connection, insert, batch)
    connection.close()
    return rows


def _insert(connection: sqlite3.Connection, insert: str, batch: list[list[str]]) -> int:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(insert, batch)
    connection.execute("COMMIT")
    return len(batch)


def page(connection: sqlite3.Connection, after: int) -> list[tuple[object, ...]]:
    """A keyset `SELECT` of 100 rows."""
    return connection.execute("SELECT * FROM plain WHERE id > ? ORDER BY id LIMIT 100", (after,)).fetchall()


def export_csv(database: Path, target: Path) -> int:
    """`csv.writer` over a cursor; return the number of rows."""
    connection = sqlite3.connect(database)
    rows = 0
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for row in connection.execute("SELECT * FROM plain ORDER BY id"):
            writer.writerow(row)
            rows += 1
    connection.close()
    return rows
