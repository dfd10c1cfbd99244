"""What tasks work with: the database, the import folders, slots for child processes, the progress of imports."""

import asyncio
import shutil
from contextlib import suppress
from typing import Any
from weakref import WeakValueDictionary

from settings import Settings
from webapp.broker import Broker, BrokerClosed
from webapp.db.database import Database
from webapp.imports.child_process import Child
from webapp.imports.requests import ImportFolder
from webapp.jobs.progress import Progress
from webapp.models import Import
from webapp.models.tables.importing import RUNNING_STATES, import_topic
from webapp.rowstore.store import RowStore

MAX_CONCURRENT_MAILS = 4


class JobContext:
    """One per app. It knows no task."""

    def __init__(self, settings: Settings, database: Database, rows: RowStore, broker: Broker) -> None:
        self.settings = settings
        self.database = database
        self.rows = rows
        self.broker = broker
        self.import_slots = asyncio.Semaphore(settings.import_workers)
        self.index_slot = asyncio.Semaphore(1)
        self.mail_slots = asyncio.Semaphore(MAX_CONCURRENT_MAILS)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._children: dict[str, Child] = {}
        self._progress: dict[str, Progress] = {}

    def lock(self, subject: str) -> asyncio.Lock:
        """One task at a time works on a subject."""
        return self._locks.setdefault(subject, asyncio.Lock())

    # --- child processes ---

    async def run_child(self, subject: str, child: Child) -> dict[str, Any]:
        self._children[subject] = child
        try:
            return await child.run()
        finally:
            del self._children[subject]
            self._progress.pop(subject, None)

    def stop_child(self, subject: str) -> None:
        """Stop the subject's child process, if there is one."""
        self._progress.pop(subject, None)
        if child := self._children.get(subject):
            child.stop()

    # --- imports ---

    async def find_import(self, import_id: str) -> Import | None:
        async with self.database.reading() as session:
            return await session.get(Import, import_id)

    async def wait_for_pass(self, import_id: str, timeout: float | None = None) -> Import | None:
        """The import once no pass works on it any more; None if that takes longer than `timeout` seconds."""
        with suppress(TimeoutError, BrokerClosed):
            async with asyncio.timeout(timeout), self.broker.subscribe([import_topic(import_id)]) as events:
                while True:
                    import_ = await self.find_import(import_id)
                    if import_ is None or import_.state not in RUNNING_STATES:
                        return import_
                    await events.get()
        return None

    def folder(self, import_id: str) -> ImportFolder:
        return ImportFolder(self.settings.imports_dir / import_id)

    async def remove_files(self, import_id: str) -> None:
        await asyncio.to_thread(shutil.rmtree, self.folder(import_id).path, ignore_errors=True)

    def report(self, progress: Progress) -> None:
        self._progress[progress.import_id] = progress
        self.broker.publish(import_topic(progress.import_id), progress, key="progress")

    def progress(self, import_id: str) -> Progress | None:
        """The latest progress of a running import known to this process."""
        return self._progress.get(import_id)
