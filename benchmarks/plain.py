"""The baselines: the plainest code that does the same in one process."""

import csv
import sqlite3
from collections.abc import Callable
from pathlib import Path

# The types of the generated file's columns, given to this loop: it infers nothing.
GENERATED = (str, str, str, str, str, str, float, int, str, str)
_SQL = {str: "TEXT", int: "INTEGER", float: "REAL"}


def import_csv(source: Path, database: Path, types: tuple[Callable[[str], object], ...]) -> int:
    """`csv.reader` and a typed `executemany`, 5,000 rows per transaction; return the number of rows."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    columns = ", ".join(f"c{number} {_SQL.get(kind, 'TEXT')}" for number, kind in enumerate(types, 1))
    connection.execute(f"CREATE TABLE plain (id INTEGER PRIMARY KEY, {columns})")
    insert = f"INSERT INTO plain VALUES (NULL, {', '.join('?' * len(types))})"
    rows, batch = 0, []
    with source.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        next(reader)
        for row in reader:
            batch.append([kind(cell) if cell else None for kind, cell in zip(types, row, strict=True)])
            if len(batch) == 5000:
                rows += _insert(connection, insert, batch)
                batch = []
    rows += _insert(connection, insert, batch)
    connection.close()
    return rows


def _insert(connection: sqlite3.Connection, insert: str, batch: list[list[object]]) -> int:
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
