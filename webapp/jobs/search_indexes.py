"""The full-text indexes of large tables. Searches work without one, so nobody has to know of a failure but the log."""

import logging
import math

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from webapp.imports.child_process import ChildStopped
from webapp.imports.requests import IndexRequest
from webapp.jobs.context import JobContext
from webapp.jobs.import_passes import ChildrenDied, get_table, run_child
from webapp.models import Table
from webapp.models.tables.search_indexing import clear_unfinished, finish_search_index, renew_search_index
from webapp.models.tables.table import SearchIndex
from webapp.rowstore.loader import IndexWithdrawn
from webapp.rowstore.table_ref import TableRef

CHECK_SECONDS = 60.0

logger = logging.getLogger(__name__)


def _subject(table_id: int | str) -> str:
    return f"table:{table_id}"


async def index_table(context: JobContext, table_id: str) -> None:
    """Build the index. After a failure the schedule starts this again."""
    subject = _subject(table_id)
    async with context.lock(subject):
        if not context.retries.is_due(subject):
            return
        try:
            is_done = False
            while not is_done:
                is_done = await _build(context, int(table_id))
        except Exception:
            await _postpone(context, int(table_id))
        else:
            context.retries.forget(subject)


async def find_unbuilt(context: JobContext) -> list[int]:
    """The tables whose index may be built now."""
    building = Table.search_index == SearchIndex.BUILDING, Table.deleted_at.is_(None)
    async with context.database.reading() as session:
        table_ids = list(await session.scalars(select(Table.id).where(*building)))
    return [table_id for table_id in table_ids if context.retries.is_due(_subject(table_id))]


async def renew(context: JobContext) -> None:
    """Build indexes again that searches cannot use: this version prints cells otherwise than the one before, or whoever
    looks after the database has dropped them.
    """
    ready = Table.search_index == SearchIndex.READY, Table.deleted_at.is_(None)
    async with context.database.reading() as session:
        tables = list(await session.scalars(select(Table).where(*ready).options(selectinload(Table.columns))))
    refs = [table.ref for table in tables]
    if not refs:
        return
    useless = await context.rows.read(
        lambda rows: [ref.id for ref in refs if not rows.has_search_index(ref)], CHECK_SECONDS
    )
    for table_id in useless:
        await context.database.write(renew_search_index, table_id)


async def _build(context: JobContext, table_id: int) -> bool:
    """Whether nothing is left to be done."""
    table = await get_table(context, table_id)
    if table is None or table.search_index != SearchIndex.BUILDING:
        return True
    try:
        is_built = await _build_once(context, table.ref)
    except IndexWithdrawn:
        return True
    return await context.database.write(finish_search_index, table.ref, is_built=is_built)


async def _build_once(context: JobContext, table: TableRef) -> bool:
    """False if it is not to be built. Raises `IndexWithdrawn`, and whatever else its child does."""
    request, subject = IndexRequest(context.rows.address, table), _subject(table.id)
    try:
        answer = await run_child(context, subject, request.to_json(), lambda progress: None)
    except (ChildStopped, ChildrenDied):  # it would take all memory again
        logger.exception("The search index of table %s could not be built", table.id)
        return False
    if answer["is_withdrawn"]:
        raise IndexWithdrawn
    return bool(answer["is_built"])


async def _postpone(context: JobContext, table_id: int) -> None:
    """It has failed. What it has built takes room, and perhaps that is what there is not enough of."""
    subject = _subject(table_id)
    is_given_up = math.isinf(context.retries.failed(subject))
    logger.exception("The search index of table %s could not be built: %s", table_id, context.retries.outlook(subject))
    await context.database.write(clear_unfinished, table_id, is_given_up=is_given_up)
    if is_given_up:
        context.retries.forget(subject)
