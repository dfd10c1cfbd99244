"""Copies of a SQLite database, statement by statement: see `copying.py`."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool

from webapp.db.sqlite import database_file, make_file
from webapp.db.sqlite_driver import connect


def is_there(url: str) -> bool:
    path = database_file(url)
    return path.exists() and path.stat().st_size > 0


@contextmanager
def snapshot(url: str) -> Iterator[Connection]:
    """A transaction of a reader sees the database as it was at its beginning, and nobody waits for it; only the
    write-ahead log grows until it ends.
    """
    with _connected(url, query_only=True, begin="BEGIN") as connection, connection.begin():
        connection.exec_driver_sql("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()  # SQLite begins with the first
        yield connection


@contextmanager
def filling(url: str) -> Iterator[Connection]:
    make_file(url)
    with _connected(url, query_only=False, begin="BEGIN IMMEDIATE") as connection:
        yield connection
        connection.rollback()
        connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def clear(connection: Connection) -> None:
    while names := _droppable(connection):
        connection.exec_driver_sql(f'DROP TABLE "{names[0]}"')


def ensure_whole(connection: Connection) -> None:
    if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(3):
        raise ValueError(f"rows refer to others that are not there: {[tuple(row) for row in broken]}")


def last_ids(connection: Connection) -> dict[str, int]:
    return {name: last for name, last in connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence")}


def set_last_ids(connection: Connection, ids: Mapping[str, int]) -> None:
    """Tables that a SQLite database does not number in this way are numbered by their rows alone."""
    created = {name for (name,) in connection.exec_driver_sql(_NUMBERED)}
    connection.exec_driver_sql("DELETE FROM sqlite_sequence")
    for name in created & set(ids):
        connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, ids[name]))


_NUMBERED = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'"


def _droppable(connection: Connection) -> list[str]:
    """A full-text index has tables of its own, which go with it."""
    found = connection.exec_driver_sql(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        " ORDER BY sql LIKE 'CREATE VIRTUAL%' DESC"
    )
    return [name for (name,) in found]


@contextmanager
def _connected(url: str, *, query_only: bool, begin: str) -> Iterator[Connection]:
    def opened() -> sqlite3.Connection:
        driver = connect(database_file(url), query_only=query_only)
        driver.execute("PRAGMA foreign_keys=OFF")  # parents may come after their children
        return driver

    engine = create_engine("sqlite://", creator=opened, poolclass=NullPool, hide_parameters=True)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()
