"""The schedule: resumes what the last process left unfinished, and removes what is no longer needed."""

import asyncio
import logging
import shutil
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select

from webapp.imports.requests import ImportFolder
from webapp.jobs import import_passes, search_indexes
from webapp.jobs.context import JobContext
from webapp.jobs.history import prune_history
from webapp.jobs.import_drafts import drop_old_drafts
from webapp.jobs.purging import give_space_back, purge_expired
from webapp.jobs.queue import DurableQueue
from webapp.models import ChangeSet, Import, ImportState, Mail, Table, utc_now
from webapp.models.errors import NotFound
from webapp.models.mail import MAX_TRIES, erase_expired_mails
from webapp.models.retention import RETENTIONS, Retention
from webapp.models.tables import importing
from webapp.models.tables.import_model import StateConflict
from webapp.models.tables.import_update import ImportUpdate
from webapp.models.tables.large_change import ENDED, UNFINISHED, LargeChange, LargeChangePart
from webapp.models.tables.large_steps import give_up_undecided, has_undecided
from webapp.models.tables.spare_columns import empty_spare_column
from webapp.models.tables.trash import PURGING
from webapp.models.tables.type_change import SpareColumn, TypeChange, TypeChangeState

CHECK_EVERY = 60.0  # seconds
CLEAN_EVERY = 3600.0  # seconds
MAX_AGE = 86_400  # seconds after which a file without an import counts as an aborted upload
# A preview nobody has decided about for this long is deleted with its file: a week includes everybody's working days,
# and the user still has the original file.
MAX_UNDECIDED = timedelta(days=7)

TASK_OF_STATE = {
    ImportState.INSPECTING: "inspect_import",
    ImportState.LOADING: "load_import",
    ImportState.COMPARING: "compare_import",
}

logger = logging.getLogger(__name__)


class Schedule:
    """Compares what exists with what should; the work itself is started like any other."""

    def __init__(self, context: JobContext, queue: DurableQueue) -> None:
        self._context = context
        self._database = context.database
        self._queue = queue

    async def run(self) -> None:
        """At start: whatever a process left unfinished. Periodically: whatever the command line left, and what is no
        longer needed; not at start, when others wait for their first page.
        """
        unfinished = self._resume_indexes, self._resume_type_changes, self._resume_large_changes, self._resume_purges
        await _run_all(self._resume_imports, *unfinished, self._resume_mails, self._renew_indexes)
        next_cleaning = 0.0
        while True:
            await asyncio.sleep(CHECK_EVERY)
            await _run_all(self._record_failures, *unfinished, self._send_new_mails, self._drop_drafts)
            if time.monotonic() >= next_cleaning:
                await _run_all(
                    self._forget_undecided,
                    self._give_up_plans,
                    self._erase_mails,
                    self._prune,
                    self._purge_trash,
                    self._prune_history,
                    self._remove_leftovers,
                    self._empty_columns,
                    self._renew_indexes,
                    self._give_space_back,
                    self._queue.prune,
                )
                next_cleaning = time.monotonic() + CLEAN_EVERY

    # --- unfinished work ---

    async def _resume_imports(self) -> None:
        for state, task in TASK_OF_STATE.items():
            await self._ensure_started(task, select(Import.id).where(Import.state == state))

    async def _record_failures(self) -> None:
        await import_passes.record_failures(self._context)

    async def _resume_indexes(self) -> None:
        for table_id in await search_indexes.find_unbuilt(self._context):
            await self._queue.ensure_started("index_table", str(table_id))

    async def _renew_indexes(self) -> None:
        await search_indexes.renew(self._context)

    async def _resume_type_changes(self) -> None:
        running = select(TypeChange.id).where(TypeChange.state == TypeChangeState.RUNNING)
        await self._ensure_started("change_type", running)

    async def _resume_purges(self) -> None:
        await self._ensure_started("purge_table", select(Table.id).where(Table.state == PURGING))
        marked = select(ChangeSet.table_id).where(ChangeSet.is_purging).distinct()
        await self._ensure_started("purge_deletions", marked)

    async def _resume_large_changes(self) -> None:
        """Also those that have ended, and have parts of their plan or an import that does not know yet."""
        has_parts = LargeChange.id.in_(select(LargeChangePart.change_id).distinct())
        updating = select(ImportUpdate.change_id).join(Import, Import.id == ImportUpdate.import_id)
        is_awaited = LargeChange.id.in_(updating.where(Import.state == ImportState.UPDATING))
        is_left = and_(LargeChange.state.in_(ENDED), or_(has_parts, is_awaited))
        is_unfinished = or_(LargeChange.state.in_(UNFINISHED), is_left)
        await self._ensure_started("change_rows", select(LargeChange.id).where(is_unfinished))

    async def _resume_mails(self) -> None:
        await self._send(Mail.tries < MAX_TRIES)

    async def _send_new_mails(self) -> None:
        """Mails from the command line, and those whose task could not be started when they were written."""
        now = utc_now()
        is_due = or_(Mail.created_at < now - timedelta(seconds=CHECK_EVERY), Mail.created_at > now)  # a clock set back
        await self._send(Mail.tries == 0, is_due)

    async def _send(self, *conditions: ColumnElement[bool]) -> None:
        if self._context.settings.sends_mail:
            await self._ensure_started("send_mail", select(Mail.id).where(Mail.sealed.is_not(None), *conditions))

    async def _ensure_started(self, task: str, ids: Select[Any]) -> None:
        async with self._database.reading() as session:
            subjects = list(await session.scalars(ids))
        for subject in subjects:
            await self._queue.ensure_started(task, str(subject))

    # --- what is no longer needed ---

    async def _drop_drafts(self) -> None:
        await drop_old_drafts(self._context)

    async def _give_up_plans(self) -> None:
        """Check first, because a needless write would make others wait."""
        if await self._database.read(has_undecided):
            await self._database.write(give_up_undecided)

    async def _erase_mails(self) -> None:
        """Check first, because a needless write would make others wait."""
        async with self._database.reading() as session:
            is_needed = await session.scalar(select(Mail.id).where(Mail.is_expired()).limit(1)) is not None
        if is_needed:
            await self._database.write(erase_expired_mails)

    async def _prune(self) -> None:
        """Whatever is older than it is kept, a batch at a time."""
        for retention in RETENTIONS:
            while await self._is_over(retention):
                await self._database.write(retention.delete_batch, self._context.settings)

    async def _empty_columns(self) -> None:
        """Stored columns that changes of type have replaced, some rows at a time."""
        due = select(SpareColumn.id).where(~SpareColumn.is_empty, SpareColumn.kept_until < utc_now())
        async with self._database.reading() as session:
            spare_ids = list(await session.scalars(due))
        for spare_id in spare_ids:
            while await self._database.write(empty_spare_column, spare_id):
                pass

    async def _purge_trash(self) -> None:
        await purge_expired(self._context)

    async def _give_space_back(self) -> None:
        await give_space_back(self._database)

    async def _prune_history(self) -> None:
        await prune_history(self._database, self._context.settings)

    async def _is_over(self, retention: Retention) -> bool:
        async with self._database.reading() as session:
            return await retention.has_any(session, self._context.settings)

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
        """Remnants of aborted uploads, of imports without a table, and of deleted tables."""
        # In this order: what is old now, and is not needed after that, never will be.
        old = await asyncio.to_thread(_find_old, self._context.settings.imports_dir)
        async with self._database.reading() as session:
            current = set(await session.scalars(select(Import.id).where(~Import.has_ended(utc_now()))))
        await asyncio.to_thread(_remove, [path for path in old if path.name not in current])


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


def _find_old(folder: Path) -> list[Path]:
    """What is older than `MAX_AGE` in this folder, which need not exist. What vanishes in the meantime is no error."""
    oldest = time.time() - MAX_AGE
    old = list[Path]()
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                old.append(path)
    return old


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:  # an upload whose server was killed
            path.unlink(missing_ok=True)
