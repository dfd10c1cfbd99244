"""Errors and write transactions of plain connections."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from webapp.db.errors import DatabaseBusy, known_error
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
        _begin(connection)
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # an interrupt or a full disk has already rolled it back
                connection.execute("ROLLBACK")
            raise


def _begin(connection: sqlite3.Connection) -> None:
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")  # waits for `BUSY_TIMEOUT` by itself
            return
        except sqlite3.OperationalError as error:
            if not isinstance(known_error(error), DatabaseBusy) or time.monotonic() > deadline:
                raise
