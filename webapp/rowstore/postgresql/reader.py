"""The reader that a thread, or a process, uses on a connection."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg

from webapp.db.postgresql_driver import connect
from webapp.rowstore.postgresql.connection import PostgresqlConnection
from webapp.rowstore.sql.reader import SqlRowReader


class PostgresqlRowReader(SqlRowReader):
    connection: PostgresqlConnection

    def __init__(self, driver: "psycopg.Connection[Any]") -> None:
        super().__init__(PostgresqlConnection(driver))


@contextmanager
def open_reader(address: str) -> Iterator[PostgresqlRowReader]:
    with closing(connect(address, read_only=True)) as driver:
        yield PostgresqlRowReader(driver)
