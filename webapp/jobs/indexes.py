"""Sort indexes on demand: created in the background after the first sort of a large table by a column.

They can be rebuilt at any time, so no durable workflow is needed. A table has a few of them at most: the least recently
used goes for a new one. Which were used is remembered by this process only; after a restart the first ones to be asked
for stay.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection

from webapp.db.errors import UserError
from webapp.jobs.retries import Retries
from webapp.rowstore import open_loader
from webapp.rowstore.loader import RowLoader
from webapp.rowstore.table_ref import Field

MIN_ROWS = 50_000  # smaller tables sort without a noticeable delay; for how large ones, the row store's limits say
# An index that was used within this time does not go, so that whoever sorts by one column after the other makes the
# server build a few, not one with every click.
KEPT_SECONDS = 600.0

logger = logging.getLogger(__name__)


class SortIndexes:
    """The indexes one app has requested. The database does the work outside the interpreter lock, so a thread is
    enough. `address` is the row store's.
    """

    def __init__(self, address: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._address, self._clock = address, clock
        self._requested: set[tuple[int, int]] = set()
        self._retries = Retries(clock)
        self._used: dict[int, dict[int, float]] = {}  # by table and stored column: the time of the last request
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loader: RowLoader | None = None

    def request(self, table_id: int, field: Field) -> None:
        """Somebody sorts by this column. Returns at once. Repeated requests cost nothing."""
        self._used.setdefault(table_id, {})[field.storage] = self._clock()
        if (table_id, field.storage) in self._requested or not self._retries.is_due((table_id, field.storage)):
            return
        self._requested.add((table_id, field.storage))
        task = asyncio.create_task(self._build(table_id, field))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait_until_built(self) -> None:
        """Wait until every requested index exists or has been given up."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        """Abort the current build; the next sort requests it again."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if self._loader is not None:
            self._loader.interrupt()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _build(self, table_id: int, field: Field) -> None:
        async with self._lock:
            used = dict(self._used.get(table_id, {}))
            building = asyncio.ensure_future(asyncio.to_thread(self._ensure, table_id, field, used))
            try:
                indexed = await asyncio.shield(building)
                # Without those that do not exist, to be asked for again.
                self._requested -= {key for key in self._requested if key[0] == table_id and key[1] not in indexed}
                self._retries.forget((table_id, field.storage))
            except UserError:  # busy, full or interrupted: sorting works without the index
                self._requested.discard((table_id, field.storage))
                self._retries.failed((table_id, field.storage))
                outlook = self._retries.outlook((table_id, field.storage))
                about = "No index for column %s of table %s: %s"
                logger.warning(about, field.number, table_id, outlook, exc_info=True)
            except asyncio.CancelledError:
                await asyncio.gather(building, return_exceptions=True)  # the thread must have finished with the file
                raise

    def _ensure(self, table_id: int, field: Field, used: dict[int, float]) -> Collection[int]:
        """In a thread. Return the stored columns that have an index now."""
        try:
            with open_loader(self._address) as self._loader:
                return self._loader.index_sort(table_id, field, used, self._clock() - KEPT_SECONDS)
        finally:
            self._loader = None
