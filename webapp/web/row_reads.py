"""Reading rows for the person who asks: nobody occupies all readers, so one search does not keep others waiting."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from sqlalchemy import Connection

from webapp.extensions import Extension, config, row_store
from webapp.models import Action
from webapp.models.tables.access import TableAccess
from webapp.rowstore.reader import RowReader
from webapp.web.session import current_user

T = TypeVar("T")


class PersonalLimit:
    """Lets each person do `limit` things at a time; what is beyond waits for those of the same person only."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: dict[int, tuple[asyncio.Semaphore, int]] = {}  # with how many hold or await it

    @asynccontextmanager
    async def of(self, user_id: int) -> AsyncIterator[None]:
        semaphore, users = self._open.get(user_id) or (asyncio.Semaphore(self._limit), 0)
        self._open[user_id] = semaphore, users + 1
        try:
            async with semaphore:
                yield
        finally:
            _, users = self._open[user_id]
            if users > 1:
                self._open[user_id] = semaphore, users - 1
            else:
                del self._open[user_id]


row_reads = Extension("row_reads", lambda app: PersonalLimit(max(1, config.of(app).database_readers - 1)))


async def read_rows(call: Callable[[RowReader], T], seconds: float) -> T:
    """`call(reader)` in a thread, ended after `seconds` there. Raises as the row store's `read` does."""
    async with row_reads().of(current_user().id):
        return await row_store().read(call, seconds)


async def read_table(table_id: int, call: Callable[[TableAccess, RowReader], T], seconds: float) -> T:
    """`call(access, reader)` for a table that whoever asks may read, found and read in one thread and on one snapshot.

    Raises as `find_access` and `read_rows` do.
    """
    actor = current_user()

    def find(connection: Connection) -> TableAccess:
        return TableAccess.require(connection, actor, table_id, Action.READ_TABLE)

    async with row_reads().of(actor.id):
        return await row_store().find_and_read(find, call, seconds)
