"""The passes over an import's file: each runs in a child process, and its outcome is recorded by a verb."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from webapp.db.errors import DatabaseBusy, DatabaseTrouble, StorageFull, UserError, known_error
from webapp.formats.errors import ImportFileError
from webapp.imports.child_process import Child, ChildDied, ChildFailed, ChildStopped
from webapp.imports.report import InspectionReport
from webapp.imports.requests import InspectRequest, LoadRequest
from webapp.jobs.context import JobContext, draft_of, files_of
from webapp.jobs.import_drafts import drop_drafts
from webapp.jobs.progress import Meter, initial_progress
from webapp.models import Import, ImportState, Table
from webapp.models.errors import NotFound
from webapp.models.tables import importing
from webapp.models.tables.import_model import StateConflict

P = ParamSpec("P")
T = TypeVar("T")

MAX_STARTS = 3  # of a child that dies without a result; then its import fails
RETRY_AFTER = (0.5, 2, 10, 30, 60)  # seconds between attempts to record the outcome of a pass

UNEXPECTED = "Something went wrong on the server while your file was read. It has been written to the log."
OUT_OF_MEMORY = "The server stopped working on this file several times, most likely because it ran out of memory."

logger = logging.getLogger(__name__)


class ChildrenDied(UserError):
    """A child was started as often as it may be, and was killed each time."""


def _ignore(message: dict[str, Any]) -> None:
    pass


async def line_up(context: JobContext, import_id: str) -> int:
    """Whose turn a pass over this import uses; 0 if there is no such import any more."""
    import_ = await when_not_busy(context.get_import, import_id)
    if import_ is None:
        return 0
    context.places.expect(import_)
    return import_.user_id


async def inspect_import(context: JobContext, import_id: str) -> None:
    """Pass 1: read the whole file; then the preview waits for a decision."""

    async def inspect(import_: Import) -> None:
        folder = context.folder(import_id)
        listen = context.on_guess
        request = InspectRequest(
            str(folder.path), import_.filename, import_.overrides, context.rows.limits.columns, listen is not None
        )
        on_guess = partial(listen, import_) if listen else _ignore
        await run_child(context, import_id, request.to_json(), report_progress(context, import_), on_guess=on_guess)
        inspection = json.loads(await asyncio.to_thread(folder.inspection.read_bytes))
        if not inspection["columns"]:
            raise ImportFileError("There is nothing in this file but empty lines.")
        await RECORD_INSPECTION[import_.is_update](context, import_id, inspection)

    await run_pass(context, import_id, ImportState.INSPECTING, inspect)


async def _record_inspection(context: JobContext, import_id: str, inspection: dict[str, Any]) -> None:
    await when_not_busy(context.database.write, importing.record_inspection, import_id, inspection)


# What follows pass 1: by whether it is a further file for a table (`import_updates.py`).
RECORD_INSPECTION = {False: _record_inspection}


async def load_import(context: JobContext, import_id: str) -> None:
    """Pass 2: load the rows into the table, unless its draft had all of them."""

    async def load(import_: Import) -> None:
        if import_.rows_done != import_.inspected_rows:
            request = await _load_request(context, import_)
            await run_child(context, import_id, request.to_json(), report_progress(context, import_))
        threshold = context.settings.search_index_rows
        await when_not_busy(context.database.write, importing.finish_loading, import_id, threshold)

    await run_pass(context, import_id, ImportState.LOADING, load)


async def discard_import(context: JobContext, import_id: str) -> None:
    """Stop the import's pass and remove its files, once the pass has ended: its child would create them again.

    An import of another sheet has the same id each time. Where it was begun anew meanwhile, it keeps its files.
    """
    if await _is_wanted(context, import_id):
        return
    async with context.stopped(import_id), context.lock(files_of(import_id)):
        if not await _is_wanted(context, import_id):
            await drop_drafts(context, import_id)
            await context.remove_files(import_id)


async def _is_wanted(context: JobContext, import_id: str) -> bool:
    import_ = await context.get_import(import_id)
    return import_ is not None and import_.state not in (ImportState.CANCELLED, ImportState.FAILED)


async def fail_import(context: JobContext, import_id: str, error: Exception) -> None:
    """Mark the import as failed, with a readable reason. If that cannot be saved either, the schedule does it later."""
    reason = _explain(import_id, error)
    for pause in RETRY_AFTER:
        if await _record_failure(context, import_id, reason):
            return
        await asyncio.sleep(pause)
    context.unrecorded_failures[import_id] = reason  # others may have its slot meanwhile


async def record_failures(context: JobContext) -> None:
    """Save what could not be saved when it happened. (After a restart the pass begins anew.)"""
    for import_id, reason in list(context.unrecorded_failures.items()):
        if await _record_failure(context, import_id, reason):
            del context.unrecorded_failures[import_id]


async def _record_failure(context: JobContext, import_id: str, reason: str) -> bool:
    """Whether nothing is left to be recorded."""
    try:
        await context.database.write(importing.fail, import_id, reason)
    except DatabaseTrouble as trouble:
        logger.warning("The failure of import %s could not be saved: %s", import_id, trouble)
        import_ = await context.get_import(import_id)
        has_preview = import_ is not None and import_.state == ImportState.INSPECTING and import_.inspection is not None
        if isinstance(trouble, StorageFull) and not has_preview:  # to which it returns, and then needs its file
            await context.remove_files(import_id)  # not even room for that: free some
        return False
    except NotFound:
        pass
    return True


async def run_pass(
    context: JobContext, import_id: str, state: ImportState, work: Callable[[Import], Awaitable[None]]
) -> None:
    """Run `work(import)` if the import is in `state`; an error makes the import fail. Its draft is not worked on any
    more.
    """
    async with context.stopped(draft_of(import_id)):
        pass
    async with context.lock(import_id):
        import_ = await when_not_busy(context.get_import, import_id)
        if import_ is None or import_.state != state:
            return
        try:
            await work(import_)
        except (ChildStopped, StateConflict, NotFound):
            pass  # cancelled, or another run was faster and has recorded the outcome
        except Exception as error:
            await fail_import(context, import_id, error)


async def when_not_busy(call: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Minutes of loading must not be lost because another index is being built at the very end."""
    for pause in RETRY_AFTER:
        try:
            return await call(*args, **kwargs)
        except DatabaseBusy:
            logger.warning("The database is busy; a pass waits %s s", pause)
            await asyncio.sleep(pause)
    return await call(*args, **kwargs)


async def run_child(
    context: JobContext,
    subject: str,
    request: dict[str, Any],
    on_progress: Callable[[dict[str, Any]], None],
    given_up: str = OUT_OF_MEMORY,
    on_guess: Callable[[dict[str, Any]], None] = _ignore,
) -> dict[str, Any]:
    """Run the request in a child process. A killed one is restarted and resumes where it was, or begins again. Raises
    `ChildrenDied` with the text `given_up` if it is killed several times.
    """
    for start in range(MAX_STARTS):
        try:
            return await context.run_child(subject, Child(request, on_progress, on_guess))
        except ChildDied as error:
            logger.warning("The child of %s, start %d: %s", subject, start + 1, error)
    raise ChildrenDied(given_up)


def report_progress(context: JobContext, import_: Import) -> Callable[[dict[str, Any]], None]:
    meter = Meter(initial_progress(import_))

    def on_progress(progress: dict[str, Any]) -> None:
        context.report(meter.at(progress["bytes"], progress["rows"]))

    return on_progress


async def _load_request(context: JobContext, import_: Import) -> LoadRequest:
    table = await get_table(context, import_.table_id or 0)
    if table is None:
        raise NotFound("table")
    return LoadRequest(
        folder=str(context.folder(import_.id).path),
        address=context.rows.address,
        import_id=import_.id,
        options=asdict(InspectionReport.from_json(import_.inspection or {}).options),
        table=table.ref,
        positions=[column.number - 1 for column in table.columns],
    )


async def get_table(context: JobContext, table_id: int) -> Table | None:
    """None also if it is in the trash: nothing is done to it there."""
    found = select(Table).where(Table.id == table_id, Table.deleted_at.is_(None)).options(selectinload(Table.columns))
    async with context.database.reading() as session:
        return await session.scalar(found)


def _explain(import_id: str, error: Exception) -> str:
    known = error if isinstance(error, UserError) else known_error(error)
    if known is not None:
        return str(known)
    if isinstance(error, FileNotFoundError):
        return "The uploaded file is no longer on the server. Upload it again."
    if not isinstance(error, ChildFailed):
        logger.error("Import %s failed", import_id, exc_info=error)
    return UNEXPECTED
