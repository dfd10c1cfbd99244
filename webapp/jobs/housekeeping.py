"""Housekeeping: resumes what the last process left unfinished, and removes what is no longer needed."""

import asyncio
import logging
import shutil
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from sqlalchemy import ColumnElement, select

from webapp.imports.requests import Folder
from webapp.jobs import imports
from webapp.jobs.background import Background
from webapp.jobs.context import JobContext
from webapp.jobs.imports import BUILDING
from webapp.models import Import, ImportState, Mail, Table, utc_now
from webapp.models.mail import MAX_TRIES, erase_expired_mails

LOOK_EVERY = 60.0  # seconds
SWEEP_EVERY = 3600.0  # seconds
STALE = 86_400  # seconds after which a file without an import counts as an aborted upload
# A preview nobody has decided about for this long is deleted with its file: a week includes everybody's working days,
# and the user still has the original file.
UNDECIDED = timedelta(days=7)

WORKFLOWS = {ImportState.INSPECTING: "inspect_import", ImportState.LOADING: "load_import"}

logger = logging.getLogger(__name__)


class Housekeeper:
    """Compares what exists with what should; the work itself is started like any other."""

    def __init__(self, context: JobContext, background: Background) -> None:
        self._context = context
        self._database = context.database
        self._background = background

    async def look_after(self) -> None:
        """At start: whatever a process left unfinished. Periodically: whatever the command line left."""
        await _try(self._take_up)
        next_sweep = 0.0
        while True:
            if time.monotonic() >= next_sweep:
                await _try(self._forget_undecided, self._forget_mails, self._sweep, self._background.prune)
                next_sweep = time.monotonic() + SWEEP_EVERY
            await asyncio.sleep(LOOK_EVERY)
            await _try(self._build_indexes, self._send_mails)

    # --- unfinished work ---

    async def _take_up(self) -> None:
        for name, subject in await self._unfinished():
            await self._background.recover(name, subject)

    async def _unfinished(self) -> list[tuple[str, str]]:
        async with self._database.reading() as session:
            rows = await session.execute(select(Import.state, Import.id).where(Import.state.in_(WORKFLOWS)))
            found = [(WORKFLOWS[ImportState(state)], import_id) for state, import_id in rows]
        found += [("send_mail", mail_id) for mail_id in await self._not_sent(Mail.tries < MAX_TRIES)]
        return [*found, *(("index_table", table_id) for table_id in await self._without_index())]

    async def _build_indexes(self) -> None:
        for table_id in await self._without_index():
            await self._background.recover("index_table", table_id)

    async def _without_index(self) -> list[str]:
        async with self._database.reading() as session:
            tables = await session.scalars(select(Table.id).where(Table.search_index == BUILDING))
            return [str(table_id) for table_id in tables]

    async def _send_mails(self) -> None:
        """Mails from the command line, and those whose job could not be started when they were written."""
        a_while_ago = utc_now() - timedelta(seconds=LOOK_EVERY)
        for mail_id in await self._not_sent(Mail.tries == 0, Mail.created_at < a_while_ago):
            await self._background.recover("send_mail", mail_id)

    async def _not_sent(self, *which: ColumnElement[bool]) -> list[str]:
        if not self._context.settings.smtp_url.get_secret_value():
            return []
        async with self._database.reading() as session:
            return list(await session.scalars(select(Mail.id).where(Mail.sealed.is_not(None), *which)))

    # --- removing what is no longer needed ---

    async def _forget_mails(self) -> None:
        """Check first, because a needless write would make others wait."""
        async with self._database.reading() as session:
            is_needed = await session.scalar(select(Mail.id).where(Mail.is_expired()).limit(1)) is not None
        if is_needed:
            await self._database.write(erase_expired_mails)

    async def _forget_undecided(self) -> None:
        """Previews nobody decided about, counted from when their file was last read."""
        waiting = select(Import.id).where(Import.state == ImportState.READY, Import.created_at < utc_now() - UNDECIDED)
        async with self._database.reading() as session:
            found = list(await session.scalars(waiting))
        oldest = time.time() - UNDECIDED.total_seconds()
        for import_id in found:
            if await asyncio.to_thread(_read_at, self._context.folder(import_id)) < oldest:
                with suppress(imports.MovedOn):  # decided just now
                    await self._context.finish(imports.forget, import_id)
                    await self._context.clear_away(import_id)

    async def _sweep(self) -> None:
        """Remnants of aborted uploads and failed imports."""
        ended = [ImportState.FAILED, ImportState.CANCELLED]
        async with self._database.reading() as session:
            kept = set(await session.scalars(select(Import.id).where(Import.state.not_in(ended))))
        await asyncio.to_thread(_remove_stale, self._context.settings.imports_dir, kept)


async def _try(*steps: Callable[[], Awaitable[None]]) -> None:
    """A failure (a busy database, a file somebody else removed) must not keep the other tasks from running."""
    for step in steps:
        try:
            await step()
        except Exception:
            logger.exception("Housekeeping failed")


def _read_at(folder: Folder) -> float:
    with suppress(FileNotFoundError):
        return folder.inspection.stat().st_mtime
    return 0.0


def _remove_stale(folder: Path, kept: set[str]) -> None:
    oldest = time.time() - STALE
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.name not in kept and path.stat().st_mtime < oldest:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:  # an upload whose server was killed
                path.unlink(missing_ok=True)
