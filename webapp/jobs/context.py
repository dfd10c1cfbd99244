"""What tasks work with: the database, the import folders, turns, child processes, the progress of imports."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from typing import Any
from weakref import WeakValueDictionary

from settings import Settings
from webapp.broker import Broker, BrokerClosed
from webapp.db.database import Database
from webapp.imports.child_process import Child, ChildStopped
from webapp.imports.requests import ImportFolder, share_original
from webapp.jobs.places import Places
from webapp.jobs.progress import Progress, initial_progress
from webapp.jobs.retries import Retries
from webapp.jobs.turns import Turns
from webapp.models import Import
from webapp.models.mail import Mailer
from webapp.models.tables.import_model import RUNNING_STATES, ImportSummary, import_topic
from webapp.rowstore.store import RowStore

MAX_CONCURRENT_MAILS = 4
MAX_CONCURRENT_SURVEYS = 2
MAX_CONCURRENT_CHANGES = 2


def files_of(import_id: str) -> str:
    """The subject of a lock: an import's files are either being put into its folder or being removed."""
    return f"files of {import_id}"


def draft_of(import_id: str) -> str:
    """The subject of making an import's draft."""
    return f"draft of {import_id}"


class JobContext:
    """One per app. It knows no task."""

    def __init__(self, settings: Settings, database: Database, rows: RowStore, broker: Broker) -> None:
        self.settings = settings
        self.database = database
        self.rows = rows
        self.broker = broker
        self.turns = {
            "imports": Turns(settings.import_workers),
            "indexes": Turns(1),
            "types": Turns(1),
            "changes": Turns(MAX_CONCURRENT_CHANGES),
        }
        self.places = Places(self.turns["imports"], broker)
        self.surveys = asyncio.Semaphore(MAX_CONCURRENT_SURVEYS)
        self.drafting = asyncio.Semaphore(1)
        self.mail_slots = asyncio.Semaphore(MAX_CONCURRENT_MAILS)
        self.mailer: Mailer | None = None  # set by who renders mails; the command line has none
        # Told what pass 1 believes after its first rows, as JSON. Only the command line listens: nobody else waits for
        # the processor there.
        self.on_guess: Callable[[Import, dict[str, Any]], None] | None = None
        self.unrecorded_failures: dict[str, str] = {}  # reasons by import, while the disk is full
        self.failed_changes: dict[str, str] = {}  # the same of large changes
        self.retries = Retries()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._children: dict[str, Child] = {}
        self._stopping: set[str] = set()  # subjects that start no child
        self._progress: dict[str, Progress] = {}

    def lock(self, subject: str) -> asyncio.Lock:
        """One task at a time works on a subject."""
        return self._locks.setdefault(subject, asyncio.Lock())

    @asynccontextmanager
    async def shared_original(self, import_id: str, others: Sequence[str]) -> AsyncIterator[None]:
        """Put the upload into the folders of others as well; until the end of the block nobody removes it there.

        Raises ImportFileError if it is gone.
        """
        async with AsyncExitStack() as locks:
            for other in sorted(set(others)):
                await locks.enter_async_context(self.lock(files_of(other)))
            await asyncio.to_thread(share_original, self.folder(import_id), [self.folder(other) for other in others])
            yield

    # --- child processes ---

    async def run_child(self, subject: str, child: Child) -> dict[str, Any]:
        """Raises what `child.run()` does, and `ChildStopped` if the subject's work is being stopped."""
        if subject in self._stopping:
            raise ChildStopped
        self._children[subject] = child
        try:
            return await child.run()
        finally:
            del self._children[subject]
            self._progress.pop(subject, None)

    @asynccontextmanager
    async def stopped(self, subject: str) -> AsyncIterator[None]:
        """Stop the work on the subject, also if it is just about to start its child process; nobody works on it until
        the end of the block.
        """
        self._stopping.add(subject)
        try:
            self.stop_child(subject)
            async with self.lock(subject):
                yield
        finally:
            self._stopping.discard(subject)

    def stop_child(self, subject: str) -> None:
        """Stop the subject's child process, if there is one, or end its waiting for one."""
        for turns in self.turns.values():
            turns.remove(subject)
        self._progress.pop(subject, None)
        self.places.report_soon()
        if child := self._children.get(subject):
            child.stop()

    def count_of(self, user_id: int) -> int:
        """How much runs or waits for this person, as far as this process knows."""
        return sum(len(turns.subjects_of(user_id)) for line, turns in self.turns.items() if line != "indexes")

    # --- imports ---

    async def get_import(self, import_id: str) -> Import | None:
        """Whoever it belongs to."""
        async with self.database.reading() as session:
            return await session.get(Import, import_id)

    async def wait_for_pass(self, import_id: str, timeout: float | None = None) -> Import | None:
        """The import once no pass works on it any more; None if that takes longer than `timeout` seconds."""
        with suppress(TimeoutError, BrokerClosed):
            async with asyncio.timeout(timeout), self.broker.subscribe([import_topic(import_id)]) as events:
                while True:
                    import_ = await self.get_import(import_id)
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
        self.places.forget(progress.import_id)
        self.broker.publish(import_topic(progress.import_id), progress, key="progress")

    def progress(self, import_: Import | ImportSummary) -> Progress:
        """The latest known progress of a running import, or its place in the queue."""
        if place := self.places.of(import_.id):
            return replace(initial_progress(import_), place=place)
        return self._progress.get(import_.id) or initial_progress(import_)
