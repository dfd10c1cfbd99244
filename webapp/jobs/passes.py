"""What the workflows do: each pass runs in a child process and records its outcome by a verb. All of it can be
repeated.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from webapp.db import sqlite
from webapp.db.errors import DatabaseBusy, StorageFull, UserError
from webapp.formats.errors import ImportFileError
from webapp.imports.child_process import Child, ChildDied, ChildFailed, ChildStopped
from webapp.imports.report import InspectionReport
from webapp.imports.requests import IndexRequest, InspectRequest, LoadRequest
from webapp.jobs import imports
from webapp.jobs.context import JobContext
from webapp.jobs.imports import BUILDING
from webapp.jobs.progress import Meter, starting_point
from webapp.models import Import, ImportState, Table
from webapp.models.errors import NotFound

T = TypeVar("T")

STARTS = 3  # starts of a child that dies without a result, before its import fails
PATIENCE = (0.5, 2, 10, 30, 60)  # seconds between attempts to record the outcome of a pass

UNEXPECTED = "Something went wrong on the server while your file was read. It has been written to the log."
DIED = "The server stopped working on this file several times, most likely for want of memory."

logger = logging.getLogger(__name__)


class Next(NamedTuple):
    """What to start after a pass."""

    name: str
    subject: str


async def inspect_import(context: JobContext, import_id: str) -> None:
    """Pass 1: read the whole file; then the preview waits for a decision."""
    async with _turn(context, import_id, ImportState.INSPECTING) as found:
        if found is None:
            return
        folder = context.folder(import_id)
        request = InspectRequest(folder.path, found.filename, found.overrules, context.rows.limits.columns)
        await _in_child(context, import_id, request.to_json(), _reporting(context, found))
        inspection = json.loads(await asyncio.to_thread(folder.inspection.read_bytes))
        if not inspection["columns"]:
            raise ImportFileError("There is nothing in this file but empty lines.")
        await _patiently(lambda: context.finish(imports.inspected, import_id, inspection))


async def load_import(context: JobContext, import_id: str) -> Next | None:
    """Pass 2: load the rows into the table."""
    async with _turn(context, import_id, ImportState.LOADING) as found:
        if found is None:
            return None
        request = await load_request(context, found)
        await _in_child(context, import_id, request.to_json(), _reporting(context, found))
        table = await _patiently(lambda: context.finish(imports.loaded, import_id, context.settings.search_index_rows))
        if table.search_index == BUILDING:
            return Next("index_table", str(table.id))
    return None


async def index_table(context: JobContext, table_id: str) -> None:
    """Build the full-text index of a large table. Searches work without it, so a failure is only logged, and what is
    half made is dropped.
    """
    async with context.lock(f"table:{table_id}"), context.index_slot:
        table = await _table(context, int(table_id))
        if table is None or table.search_index != BUILDING:
            return
        request = IndexRequest(context.rows.address, table.ref)
        is_built = False
        try:
            answer = await _in_child(context, f"table:{table_id}", request.to_json(), lambda progress: None)
            is_built = answer["is_built"]
        except (UserError, ChildFailed, ChildStopped):
            logger.exception("The search index of table %s could not be built", table_id)
        await context.database.write(imports.indexed, table.id, is_built)


async def load_request(context: JobContext, found: Import) -> LoadRequest:
    table = await _table(context, found.table_id or 0)
    if table is None:
        raise NotFound("table")
    return LoadRequest(
        folder=context.folder(found.id).path,
        address=context.rows.address,
        import_id=found.id,
        options=asdict(InspectionReport.from_json(found.inspection or {}).options),
        table=table.ref,
        positions={column.number: column.number - 1 for column in table.columns},
    )


async def _table(context: JobContext, table_id: int) -> Table | None:
    async with context.database.reading() as session:
        return await session.scalar(select(Table).where(Table.id == table_id).options(selectinload(Table.columns)))


@asynccontextmanager
async def _turn(context: JobContext, import_id: str, state: ImportState) -> AsyncIterator[Import | None]:
    """Wait for this import's turn. Yields None if it has left the state; an error inside makes the import fail."""
    found = await _patiently(lambda: context.find(import_id))
    if found is not None and found.state == state and context.slots.locked():
        context.report(replace(starting_point(found), is_waiting=True))
    async with context.lock(import_id), context.slots:
        found = await _patiently(lambda: context.find(import_id))
        try:
            yield found if found is not None and found.state == state else None
        except (ChildStopped, imports.MovedOn, NotFound):
            pass  # cancelled, or another run was faster and has recorded the outcome
        except Exception as error:
            await fail(context, import_id, error)


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Minutes of loading must not be lost because another index is being built at the very end."""
    for pause in PATIENCE:
        try:
            return await ask()
        except DatabaseBusy:
            logger.warning("The database is busy; a pass waits %s s", pause)
            await asyncio.sleep(pause)
    return await ask()


def _reporting(context: JobContext, found: Import) -> Callable[[dict[str, Any]], None]:
    meter = Meter(starting_point(found))

    def on_progress(progress: dict[str, Any]) -> None:
        context.report(meter.at(progress["bytes"], progress["rows"]))

    return on_progress


async def _in_child(
    context: JobContext, subject: str, request: dict[str, Any], on_progress: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Run the request in a child process. A killed one is restarted and resumes where it was, or begins again."""
    for start in range(STARTS):
        try:
            return await context.in_child(subject, Child(request, on_progress))
        except ChildDied as error:
            logger.warning("The child of %s, start %d: %s", subject, start + 1, error)
    raise UserError(DIED)


async def fail(context: JobContext, import_id: str, error: Exception) -> None:
    """Mark the import as failed, with a readable reason: its table goes, and its file if it is of no further use."""
    reason = _in_words(import_id, error)
    for pause in PATIENCE:
        try:
            if await context.finish(imports.fail, import_id, reason):
                await context.remove_files(import_id)
            return
        except (StorageFull, DatabaseBusy) as full:
            logger.exception("The failure of import %s could not be written down", import_id)
            if isinstance(full, StorageFull):
                await context.remove_files(import_id)  # not even room for that: free some
            await asyncio.sleep(pause)
        except NotFound:
            return


def _in_words(import_id: str, error: Exception) -> str:
    known = error if isinstance(error, UserError) else sqlite.problem(error)
    if known is not None:
        return str(known)
    if isinstance(error, FileNotFoundError):
        return "The uploaded file is no longer on the server. Upload it again."
    if not isinstance(error, ChildFailed):
        logger.error("Import %s failed", import_id, exc_info=error)
    return UNEXPECTED
