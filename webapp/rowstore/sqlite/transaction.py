"""Errors and write transactions of plain connections."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from webapp.db.errors import known_error
from webapp.db.sqlite_driver import execute_when_free
from webapp.rowstore.errors import QueryTimeout, RowsGone

_GONE = re.compile(r"no such table: (?:t\d+\w*|draft_\w+)")
BUSY_SECONDS = 120.0  # to wait for the write lock: building a sort index may hold it longer than people would wait


@contextmanager
def readable_errors() -> Iterator[None]:
    """Raises `QueryTimeout` if the connection was interrupted, `RowsGone` if the table is no longer there, and
    `UserError` for trouble of the database.
    """
    try:
        yield
    except sqlite3.Error as error:
        if known := _of_rows(str(error)) or known_error(error):
            raise known from error
        raise


def _of_rows(message: str) -> QueryTimeout | RowsGone | None:
    if message == "interrupted":
        return QueryTimeout()
    return RowsGone() if _GONE.fullmatch(message) else None


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
