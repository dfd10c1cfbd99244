"""Errors and write transactions of plain connections."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from webapp.db.errors import known_error
from webapp.db.sqlite_driver import execute_when_free
from webapp.rowstore.errors import QueryTimeout

BUSY_SECONDS = 120.0  # to wait for the write lock: building a sort index may hold it longer than people would wait


@contextmanager
def readable_errors() -> Iterator[None]:
    """Raises `QueryTimeout` if the connection was interrupted, and `UserError` for trouble of the database."""
    try:
        yield
    except sqlite3.Error as error:
        if known := QueryTimeout() if str(error) == "interrupted" else known_error(error):
            raise known from error
        raise


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """For a connection of a child process; units of work have their own."""
    with readable_errors():
        execute_when_free(connection, "BEGIN IMMEDIATE", BUSY_SECONDS)
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # an interrupt or a full disk has already rolled it back
                connection.execute("ROLLBACK")
            raise
