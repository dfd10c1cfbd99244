"""The reader that a thread, or a process, uses on a connection."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from webapp.db.sqlite_driver import connect
from webapp.rowstore.sql.reader import SqlRowReader
from webapp.rowstore.sqlite.connection import SqliteConnection


class SqliteRowReader(SqlRowReader):
    connection: SqliteConnection

    def __init__(self, driver: sqlite3.Connection) -> None:
        super().__init__(SqliteConnection(driver))


@contextmanager
def open_reader(address: str) -> Iterator[SqliteRowReader]:
    with closing(connect(Path(address), query_only=True)) as driver:
        yield SqliteRowReader(driver)
