"""Changing a column's type in a large table: a child process converts the rows, and a verb records the outcome."""

import asyncio
import logging

from webapp.db.errors import UserError, known_error
from webapp.imports.child_process import Child, ChildStopped
from webapp.imports.requests import ConvertRequest, SurveyRequest
from webapp.imports.type_options import TypeOption
from webapp.jobs.context import JobContext
from webapp.jobs.import_passes import get_table, run_child, when_not_busy
from webapp.models.tables.type_change import TypeChange, TypeChangeState
from webapp.models.tables.type_changing import fail_type_change, finish_type_change
from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import Comparison

SURVEY_SECONDS = 40.0  # to read every cell of a column; a handler has sixty
UNEXPECTED = "Something went wrong on the server, so the type was not changed. It has been written to the log."
KILLED = "The server stopped converting this column several times, most likely because it ran out of memory."

logger = logging.getLogger(__name__)


async def line_up(context: JobContext, change_id: str) -> int:
    """Whose turn a change uses; 0 if there is none."""
    async with context.database.reading() as session:
        change = await session.get(TypeChange, int(change_id))
    return change.user_id or 0 if change is not None else 0


async def change_type(context: JobContext, change_id: str) -> None:
    """Convert the rows that are not converted yet, then exchange the stored columns."""
    subject = f"type:{change_id}"
    async with context.lock(subject):
        try:
            while (request := await _request(context, int(change_id))) is not None:
                answer = await run_child(context, subject, request.to_json(), lambda progress: None, KILLED)
                if answer["is_withdrawn"]:
                    return
                compared = Comparison(**answer["comparison"])
                await when_not_busy(context.database.write, finish_type_change, int(change_id), compared)
        except ChildStopped:
            return
        except Exception as error:
            await fail_change(context, change_id, error)


async def fail_change(context: JobContext, change_id: str, error: Exception) -> None:
    """The column stays as it is. If that cannot be recorded, the schedule starts the task again later."""
    known = error if isinstance(error, UserError) else known_error(error)
    if known is None:
        logger.error("The change of type %s failed", change_id, exc_info=error)
    reason = str(known) if known else UNEXPECTED
    await when_not_busy(context.database.write, fail_type_change, int(change_id), reason)


async def survey(context: JobContext, table: TableRef, column: Field) -> list[TypeOption]:
    """The types that the column may have, found out in a child process: reading a million cells would keep the event
    loop waiting for the interpreter lock. Raises `QueryTimeout`.
    """
    request = SurveyRequest(context.rows.address, table, column)
    try:
        async with asyncio.timeout(SURVEY_SECONDS), context.surveys:
            answer = await Child(request.to_json(), lambda progress: None).run()
    except TimeoutError as error:
        raise QueryTimeout from error
    return [TypeOption.from_json(option) for option in answer["options"]]


async def _request(context: JobContext, change_id: int) -> ConvertRequest | None:
    """What is left to do; None if nothing is, or nobody wants it any more."""
    async with context.database.reading() as session:
        change = await session.get(TypeChange, change_id)
    if change is None or change.state != TypeChangeState.RUNNING:
        return None
    table = await get_table(context, change.table_id)
    if table is None:
        return None
    source = next((field for field in table.ref.fields if field.number == change.number), None)
    if source is None:  # deleted a moment ago, and the change is cancelled
        return None
    return ConvertRequest(context.rows.address, table.ref, source, change.target(source), change_id, change.last_row)
