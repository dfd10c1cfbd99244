"""Transactions of child processes, in which something is done that can be done again."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from webapp.db.errors import Conflict
from webapp.rowstore.sql.connection import Connection

ATTEMPTS = 20  # of the same transaction, which somebody else's may keep from being committed
_PAUSE_SECONDS = 0.02

T = TypeVar("T")


def in_transaction(connection: Connection, function: Callable[[], T]) -> T:
    """Return `function()`, run in a transaction; from its beginning again if another writer was in its way."""
    for attempt in range(1, ATTEMPTS):
        try:
            with connection.transaction():
                return function()
        except Conflict:
            time.sleep(_PAUSE_SECONDS * attempt * (0.5 + random.random()))  # noqa: S311  # nothing secret
    with connection.transaction():
        return function()
