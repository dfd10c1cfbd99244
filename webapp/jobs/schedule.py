"""The schedule: resumes what the last process left unfinished, and removes what is no longer needed."""

import asyncio
import logging
import shutil
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from webapp.imports.requests import ImportFolder
from webapp.jobs.context import JobContext
from webapp.jobs.queue import DurableQueue
from webapp.models import Import, ImportState, Mail, Table, utc_now
from webapp.models.errors import NotFound
from webapp.models.mail import MAX_TRIES, erase_expired_mails
from webapp.models.tables import importing
from webapp.models.tables.importing import StateConflict
from webapp.models.tables.table import SearchIndex

CHECK_EVERY = 60.0  # seconds
CLEAN_EVERY = 3600.0  # seconds
MAX_AGE = 86_400  # seconds after which a file without an import counts as an aborted upload
# A preview nobody has decided about for this long is deleted with its file: a week includes everybody's working days,
# and the user still has the original file.
MAX_UNDECIDED = timedelta(days=7)

TASK_OF_STATE = {ImportState.INSPECTING: "inspect_import", ImportState.LOADING: "load_import"}

logger = logging.getLogger(__name__)


class Schedule:
    """Compares what exists with what should; the work itself is started like any other."""

    def __init__(self, context: JobContext, queue: DurableQueue) -> None:
        self._context = context
        self._database = context.database
        self._queue = queue

    async def run(self) -> None:
        """At start: whatever a process left unfinished. Periodically: whatever the command line left."""
        await _run_all(self._resume_imports, self._resume_indexes, self._resume_mails)
        next_cleaning = 0.0
        while True:
            if time.monotonic() >= next_cleaning:
                await _run_all(self._forget_undecided, self._erase_mails, self._remove_leftovers, self._queue.prune)
                next_cleaning = time.monotonic() + CLEAN_EVERY
            await asyncio.sleep(CHECK_EVERY)
            await _run_all(self._resume_indexes, self._send_new_mails)

    # --- unfinished work ---

    async def _resume_imports(self) -> None:
        for state, task in TASK_OF_STATE.items():
            await self._ensure_started(task, select(Import.id).where(Import.state == state))

    async def _resume_indexes(self) -> None:
        await self._ensure_started("index_table", select(Table.id).where(Table.search_index == SearchIndex.BUILDING))

    async def _resume_mails(self) -> None:
        await self._send(Mail.tries < MAX_TRIES)

    async def _send_new_mails(self) -> None:
        """Mails from the command line, and those whose task could not be started when they were written."""
        await self._send(Mail.tries == 0, Mail.created_at < utc_now() - timedelta(seconds=CHECK_EVERY))

    async def _send(self, *conditions: ColumnElement[bool]) -> None:
        if self._context.settings.sends_mail:
            await self._ensure_started("send_mail", select(Mail.id).where(Mail.sealed.is_not(None), *conditions))

    async def _ensure_started(self, task: str, ids: Select[Any]) -> None:
        async with self._database.reading() as session:
            subjects = list(await session.scalars(ids))
        for subject in subjects:
            await self._queue.ensure_started(task, str(subject))

    # --- what is no longer needed ---

    async def _erase_mails(self) -> None:
        """Check first, because a needless write would make others wait."""
        async with self._database.reading() as session:
            is_needed = await session.scalar(select(Mail.id).where(Mail.is_expired()).limit(1)) is not None
        if is_needed:
            await self._database.write(erase_expired_mails)

    async def _forget_undecided(self) -> None:
        """Previews nobody decided about, counted from when their file was last read."""
        undecided = select(Import.id).where(
            Import.state == ImportState.READY, Import.created_at < utc_now() - MAX_UNDECIDED
        )
        async with self._database.reading() as session:
            import_ids = list(await session.scalars(undecided))
        oldest = time.time() - MAX_UNDECIDED.total_seconds()
        for import_id in import_ids:
            if await asyncio.to_thread(_inspected_at, self._context.folder(import_id)) < oldest:
                with suppress(StateConflict, NotFound):  # decided just now
                    await self._database.write(importing.discard_preview, import_id)

    async def _remove_leftovers(self) -> None:
        """Remnants of aborted uploads and failed imports."""
        ended = [ImportState.FAILED, ImportState.CANCELLED]
        async with self._database.reading() as session:
            current = set(await session.scalars(select(Import.id).where(Import.state.not_in(ended))))
        await asyncio.to_thread(_remove_stale, self._context.settings.imports_dir, current)


async def _run_all(*steps: Callable[[], Awaitable[None]]) -> None:
    """A failure (a busy database, a file somebody else removed) must not keep the other steps from running."""
    for step in steps:
        try:
            await step()
        except Exception:
            logger.exception("A step of the schedule failed")


def _inspected_at(folder: ImportFolder) -> float:
    """The time in seconds; 0 if its inspection is gone."""
    with suppress(FileNotFoundError):
        return folder.inspection.stat().st_mtime
    return 0.0


def _remove_stale(folder: Path, current: set[str]) -> None:
    """Remove what is older than `MAX_AGE` and not in `current`. What vanishes in the meantime is no error."""
    if not folder.is_dir():
        return
    oldest = time.time() - MAX_AGE
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            if path.name not in current and path.stat().st_mtime < oldest:
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:  # an upload whose server was killed
                    path.unlink()
