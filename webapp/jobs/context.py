"""What the passes work with: the database, the import folders, slots for child processes, progress reports.

It knows neither the passes nor how they are started: both are layers above, passed in as arguments.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakValueDictionary

from settings import Settings
from webapp.broker import Broker
from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.imports.child_process import Child
from webapp.imports.requests import Folder
from webapp.jobs.progress import Progress
from webapp.models import Import
from webapp.rowstore import create_store

P = ParamSpec("P")
T = TypeVar("T")
MAILS_AT_ONCE = 4  # mails sent concurrently


class Changed:
    """An import's state has changed: whoever shows it should reload it."""


CHANGED = Changed()


def topic_of(import_id: str) -> str:
    return f"import:{import_id}"


class JobContext:
    """One per app, from the moment its database is open."""

    def __init__(self, settings: Settings, database: Database, broker: Broker) -> None:
        self.settings = settings
        self.database = database
        self.broker = broker
        self.rows = create_store(database)
        self.slots = asyncio.Semaphore(settings.import_workers)
        self.index_slot = asyncio.Semaphore(1)
        self.mail_slots = asyncio.Semaphore(MAILS_AT_ONCE)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._children: dict[str, Child] = {}
        self._progress: dict[str, Progress] = {}

    # --- an import: its record and its files ---

    async def find(self, import_id: str) -> Import | None:
        async with self.database.reading() as session:
            return await session.get(Import, import_id)

    def folder(self, import_id: str) -> Folder:
        return Folder(self.settings.imports_dir / import_id)

    async def remove_files(self, import_id: str) -> None:
        await asyncio.to_thread(shutil.rmtree, self.folder(import_id).path, ignore_errors=True)

    async def clear_away(self, import_id: str) -> None:
        """Delete the files once no pass works on them, since its child would recreate them."""
        async with self.lock(import_id):
            await self.remove_files(import_id)

    # --- its passes ---

    def lock(self, subject: str) -> asyncio.Lock:
        """One pass at a time per subject."""
        return self._locks.setdefault(subject, asyncio.Lock())

    async def in_child(self, subject: str, child: Child) -> dict[str, Any]:
        self._children[subject] = child
        try:
            return await child.run()
        finally:
            del self._children[subject]
            self._progress.pop(subject, None)

    def stop(self, subject: str) -> None:
        """Stop the subject's child process, if there is one."""
        if child := self._children.get(subject):
            child.stop()

    async def write(
        self,
        then: Callable[[], None],
        verb: Callable[Concatenate[UnitOfWork, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run one verb in one unit of work; `then` runs after its commit."""

        async def run(work: UnitOfWork) -> T:
            result = await verb(work, *args, **kwargs)
            work.after_commit(then)
            return result

        return await self.database.write(run)

    async def finish(
        self,
        verb: Callable[Concatenate[UnitOfWork, str, P], Awaitable[T]],
        import_id: str,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run the verb that ends a pass or an import, and notify whoever watches."""
        return await self.write(lambda: self.changed(import_id), verb, import_id, *args, **kwargs)

    # --- its watchers ---

    def report(self, progress: Progress) -> None:
        self._progress[progress.import_id] = progress
        self.broker.publish(topic_of(progress.import_id), progress, key="progress")

    def progress(self, import_id: str) -> Progress | None:
        """The latest progress of a running import known to this process."""
        return self._progress.get(import_id)

    def changed(self, import_id: str) -> None:
        self._progress.pop(import_id, None)
        self.broker.publish(topic_of(import_id), CHANGED, key="changed")
