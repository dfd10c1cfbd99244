"""Errors of PostgreSQL as people read them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from webapp.db.errors import UserError, known_error
from webapp.rowstore.errors import QueryTimeout, RowsGone

_GONE = re.compile(r'relation "(?:t\d+\w*|draft_\w+)" does not exist')

_TOO_BIG = re.compile("row is too big")


class RowTooBig(UserError):
    """Its cells are stored together in 8,160 bytes, but for long texts."""

    def __init__(self) -> None:
        super().__init__(
            "A row of this table has too many filled columns to be stored in the database. Leave some columns out."
        )


@contextmanager
def readable_errors() -> Iterator[None]:
    """Raises `QueryTimeout` if the statement was cancelled, `RowsGone` if the table is no longer there, and `UserError`
    for trouble of the database.
    """
    try:
        yield
    except psycopg.Error as error:
        if known := _of_rows(error) or known_error(error):
            raise known from error
        raise


def _of_rows(error: psycopg.Error) -> UserError | None:
    if isinstance(error, errors.QueryCanceled):
        return QueryTimeout()
    if isinstance(error, errors.ProgramLimitExceeded) and _TOO_BIG.search(str(error)):
        return RowTooBig()
    is_gone = isinstance(error, errors.UndefinedTable) and _GONE.search(str(error))
    return RowsGone() if is_gone else None
