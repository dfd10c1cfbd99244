"""What is done without being asked: take up what the last process left, remove what nobody needs."""

import asyncio
import logging
import shutil
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, select

from webapp.jobs import imports
from webapp.jobs.imports import BUILDING
from webapp.jobs.mail import GIVEN_UP, forget_old, is_old
from webapp.models import Import, ImportState, Mail, Table, utc_now

if TYPE_CHECKING:
    from webapp.jobs.runner import Jobs

LOOK_EVERY = 60.0  # seconds
SWEEP_EVERY = 3600.0  # seconds
STALE = 86_400  # seconds after which what belongs to no import is an upload that never ended
# A preview that nobody has decided on for so long is forgotten, with its file: a week has everybody's working days in
# it, and a file that is wanted after all is where it came from.
UNDECIDED = timedelta(days=7)

WORKFLOWS = {ImportState.INSPECTING: "inspect_import", ImportState.LOADING: "load_import"}

logger = logging.getLogger(__name__)


async def look_after(jobs: "Jobs") -> None:
    """At the start, what a process left behind, written down or not; from time to time, what the command line left."""
    await _try(_take_up, jobs)
    next_sweep = 0.0
    while True:
        if time.monotonic() >= next_sweep:
            for step in (_forget_undecided, _forget_mails, _sweep, _prune):
                await _try(step, jobs)
            next_sweep = time.monotonic() + SWEEP_EVERY
        await asyncio.sleep(LOOK_EVERY)
        for step in (_build_indexes, _send_mails):
            await _try(step, jobs)


async def _try(step: Callable[["Jobs"], Awaitable[None]], jobs: "Jobs") -> None:
    """One that fails (a busy database, a file somebody else removed) keeps no other from being done."""
    try:
        await step(jobs)
    except Exception:
        logger.exception("Housekeeping failed")


async def _take_up(jobs: "Jobs") -> None:
    for name, subject in await _unfinished(jobs):
        await jobs.background.recover(name, subject)


async def _build_indexes(jobs: "Jobs") -> None:
    for table_id in await _without_index(jobs):
        await jobs.background.recover("index_table", table_id)


async def _send_mails(jobs: "Jobs") -> None:
    """Those the command line left, and those whose job could not be started when they were written."""
    for mail_id in await _not_sent(jobs, Mail.tries == 0, Mail.created_at < utc_now() - timedelta(seconds=LOOK_EVERY)):
        await jobs.background.recover("send_mail", mail_id)


async def _not_sent(jobs: "Jobs", *which: ColumnElement[bool]) -> list[str]:
    if not jobs.settings.smtp_url.get_secret_value():
        return []
    async with jobs.database.reading() as session:
        return list(await session.scalars(select(Mail.id).where(Mail.sealed.is_not(None), *which)))


async def _forget_mails(jobs: "Jobs") -> None:
    """A write waits for others, so there is none without need."""
    async with jobs.database.reading() as session:
        is_needed = await session.scalar(select(Mail.id).where(is_old()).limit(1)) is not None
    if is_needed:
        await jobs.database.write(forget_old)


async def _unfinished(jobs: "Jobs") -> list[tuple[str, str]]:
    async with jobs.database.reading() as session:
        rows = await session.execute(select(Import.state, Import.id).where(Import.state.in_(WORKFLOWS)))
        found = [(WORKFLOWS[ImportState(state)], import_id) for state, import_id in rows]
    found += [("send_mail", mail_id) for mail_id in await _not_sent(jobs, Mail.tries < GIVEN_UP)]
    return [*found, *(("index_table", table_id) for table_id in await _without_index(jobs))]


async def _without_index(jobs: "Jobs") -> list[str]:
    async with jobs.database.reading() as session:
        tables = await session.scalars(select(Table.id).where(Table.search_index == BUILDING))
        return [str(table_id) for table_id in tables]


async def remove_files(jobs: "Jobs", import_id: str) -> None:
    folder = jobs.folder(import_id)
    await asyncio.to_thread(shutil.rmtree, folder.path, ignore_errors=True)


async def _forget_undecided(jobs: "Jobs") -> None:
    """Previews that wait, each since its file was last read."""
    waiting = select(Import.id).where(Import.state == ImportState.READY, Import.created_at < utc_now() - UNDECIDED)
    async with jobs.database.reading() as session:
        found = list(await session.scalars(waiting))
    oldest = time.time() - UNDECIDED.total_seconds()
    for import_id in found:
        if await asyncio.to_thread(_read_at, jobs, import_id) < oldest:
            with suppress(imports.MovedOn):  # decided on just now
                await jobs.forget(import_id)


def _read_at(jobs: "Jobs", import_id: str) -> float:
    with suppress(FileNotFoundError):
        return jobs.folder(import_id).inspection.stat().st_mtime
    return 0.0


async def _prune(jobs: "Jobs") -> None:
    await jobs.background.prune()


async def _sweep(jobs: "Jobs") -> None:
    """What is left of uploads that never ended and of imports that came to nothing."""
    async with jobs.database.reading() as session:
        kept = set(
            await session.scalars(
                select(Import.id).where(Import.state.not_in([ImportState.FAILED, ImportState.CANCELLED]))
            )
        )
    await asyncio.to_thread(_remove_stale, jobs, kept)


def _remove_stale(jobs: "Jobs", kept: set[str]) -> None:
    oldest = time.time() - STALE
    if not jobs.settings.imports_dir.is_dir():
        return
    for path in jobs.settings.imports_dir.iterdir():
        if path.name not in kept and path.stat().st_mtime < oldest:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:  # an upload whose server was killed
                path.unlink(missing_ok=True)
