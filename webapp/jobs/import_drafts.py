"""Pass 2 while somebody reads the preview: the rows go into a draft that nobody sees. "Import" makes them those of the
table; any other decision, and time, remove them.

Nothing records that there is a draft, or what it is good for: its name says that (`webapp.imports.drafts`), and its
last row how far it has come. Whatever is killed leaves a draft that is right as far as it goes.
"""

import asyncio
import logging
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.formats.archive import unpacked_size
from webapp.imports.child_process import Child, ChildDied, ChildFailed, ChildStopped
from webapp.imports.companions import fit_into
from webapp.imports.drafts import Draft, import_of
from webapp.imports.report import InspectionReport
from webapp.imports.requests import DraftRequest, ImportFolder
from webapp.jobs.context import JobContext, draft_of
from webapp.models import Import, ImportState
from webapp.rowstore import within

MIN_ROWS = 200_000  # fewer are loaded in a second when they are wanted
MAX_BYTES = 1024**3  # of a file, unpacked
ROOM = 4  # times as much free disk: for the rows and the log, and once more if they are loaded anew
MAX_DRAFTS = 4  # in the database, one of each person; others wait for their rows until they decide
# After the file was read. Whoever has not decided by then has left.
MAX_AGE = timedelta(minutes=15)
LIST_SECONDS = 5.0
CLEAR_ROWS = 2_000
PAUSE_SECONDS = 0.003  # between two steps of clearing, so that others get the lock

logger = logging.getLogger(__name__)


async def draft_import(context: JobContext, import_id: str) -> None:
    """Load the rows of an import whose preview waits for a decision, if it is worth it. One at a time; that of an
    earlier decision about the same file is stopped. Failing says nothing: loading will fail again, and say why.
    """
    subject = draft_of(import_id)
    context.stop_child(subject)
    async with context.drafting:
        import_ = await context.get_import(import_id)
        draft = _wanted(context, import_)
        await _clear_others(context, import_id, draft)
        if import_ is None or draft is None or not await _is_room(context, import_):
            return
        await make_draft(context, import_id, draft)


async def make_draft(
    context: JobContext, import_id: str, draft: Draft, on_progress: Callable[[dict[str, Any]], None] = lambda _: None
) -> None:
    """Load all rows that it does not have, unless it is stopped. If that fails it is removed."""
    subject = draft_of(import_id)
    folder = str(context.folder(import_id).path)
    request = DraftRequest(folder, context.rows.address, draft.name, draft.options, draft.table, draft.positions)
    async with context.lock(subject):
        try:
            await context.run_child(subject, Child(request.to_json(), on_progress))
            return
        except (ChildStopped, ChildDied):
            return
        except (UserError, ChildFailed) as error:
            logger.info("The draft of import %s was given up: %s", import_id, error)
        await _discard(context, draft.name)


async def drop_drafts(context: JobContext, import_id: str) -> None:
    """Stop the work on the import's draft and remove it."""
    for name in await _drafts(context):
        if import_of(name) == import_id:
            await _drop(context, name)


async def drop_old_drafts(context: JobContext) -> None:
    """Remove the drafts that no import wants, or no longer. While a file is read they are the command line's, which
    looks after its own.
    """
    for name in await _drafts(context):
        import_ = await context.get_import(import_of(name))
        wanted = _wanted(context, import_)
        is_reading = import_ is not None and import_.state == ImportState.INSPECTING
        if not is_reading and (wanted is None or wanted.name != name):
            await _drop(context, name)
    if await context.rows.read(lambda rows: rows.has_discarded(), LIST_SECONDS):
        await _clear(context)


def _wanted(context: JobContext, import_: Import | None) -> Draft | None:
    """The draft that the import should have now; None if it should have none."""
    if import_ is None or import_.is_update or import_.state != ImportState.READY or not import_.inspection:
        return None
    if not (import_.inspected_rows or 0) >= MIN_ROWS:
        return None
    folder = context.folder(import_.id)
    with suppress(FileNotFoundError):
        if time.time() - folder.inspection.stat().st_mtime < MAX_AGE.total_seconds():
            report = InspectionReport.from_json(import_.inspection)
            return Draft.of(import_.id, fit_into(report, context.rows.limits.columns))
    return None


async def _is_room(context: JobContext, import_: Import) -> bool:
    others = {import_of(name) for name in await _drafts(context)} - {import_.id}
    return len(others) < MAX_DRAFTS and await asyncio.to_thread(is_disk_free, context.folder(import_.id))


def is_disk_free(folder: ImportFolder) -> bool:
    """Whether there is room for the rows of this file twice; it blocks."""
    with suppress(FileNotFoundError):
        size = unpacked_size(folder.original)
        return size <= MAX_BYTES and shutil.disk_usage(folder.path).free > ROOM * size
    return False


async def _clear_others(context: JobContext, import_id: str, draft: Draft | None) -> None:
    """Those of the same import for another decision, and those of other imports of the same person."""
    wanted = {draft.name} if draft else set[str]()
    names = [name for name in await _drafts(context) if name not in wanted]
    if not names:
        return
    owner = select(Import.user_id).where(Import.id == import_id).scalar_subquery()
    theirs = select(Import.id).where(Import.user_id == owner, Import.state == ImportState.READY)
    async with context.database.reading() as session:
        ids = set(await session.scalars(theirs))
    for name in names:
        if import_of(name) in ids:
            await _drop(context, name)


async def _drafts(context: JobContext) -> list[str]:
    return await context.rows.read(lambda rows: rows.drafts(), LIST_SECONDS)


async def _drop(context: JobContext, name: str) -> None:
    async with context.stopped(draft_of(import_of(name))):
        await _discard(context, name)


async def _discard(context: JobContext, name: str) -> None:
    async def discard(work: UnitOfWork) -> None:
        await within(work, lambda rows: rows.discard_draft(name))

    await context.database.write(discard)
    await _clear(context)


async def _clear(context: JobContext) -> None:
    """In steps between which others write. Wherever this is interrupted, the schedule does the rest."""
    is_more = True
    while is_more:
        is_more = await context.database.write(_clear_some)
        await asyncio.sleep(PAUSE_SECONDS)


async def _clear_some(work: UnitOfWork) -> bool:
    return await within(work, lambda rows: rows.clear_discarded(CLEAR_ROWS))
