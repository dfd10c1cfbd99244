"""Writing rows to SQLite: plain functions on the connection of a unit of work, in the writer's thread."""

import sqlite3

from webapp.rowstore.sql.writer import SqlRowWriter
from webapp.rowstore.sqlite.connection import SqliteConnection


class SqliteRowWriter(SqlRowWriter):
    def __init__(self, driver: sqlite3.Connection) -> None:
        super().__init__(SqliteConnection(driver))
