"""Large changes: child processes plan, apply and take back; verbs record how it ended.

The task begins with whatever the record says, and does all that follows, so it can be started again at any time.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Connection

from webapp.db.errors import DatabaseTrouble, UserError, known_error
from webapp.imports.child_process import ChildStopped
from webapp.imports.requests import ApplyRequest, PlanRequest, Request, RevertRequest
from webapp.jobs.context import JobContext
from webapp.jobs.import_passes import get_table, run_child, when_not_busy
from webapp.models.tables import large_steps
from webapp.models.tables.editing import with_deleted_columns
from webapp.models.tables.import_updating import settle
from webapp.models.tables.large_change import ENDED, UNFINISHED, LargeChange, LargeState, large_topic

CHECK_RIGHTS_EVERY = 1.0  # seconds
UNEXPECTED = "Something went wrong on the server, so nothing was changed. It has been written to the log."
KILLED = "The server stopped working on this change several times, most likely because it ran out of memory."

logger = logging.getLogger(__name__)


async def line_up(context: JobContext, change_id: str) -> int:
    """Whose turn a change uses; 0 if there is none."""
    change = await _find(context, change_id)
    return change.user_id or 0 if change is not None else 0


async def change_rows(context: JobContext, change_id: str) -> None:
    """Plan, apply or take back, whatever is next, until the change has ended or waits for a decision."""
    subject = f"change:{change_id}"
    async with context.lock(subject):
        if (reason := context.failed_changes.pop(change_id, None)) is not None:
            await _record_failure(context, change_id, reason)
        while (change := await _find(context, change_id)) is not None and change.state in UNFINISHED:
            try:
                async with _watching_rights(context, change):
                    await _go_on(context, subject, change)
            except ChildStopped:
                return
            except Exception as error:
                if change.state == LargeState.REVERTING:
                    raise  # the schedule tries again later
                await fail_change(context, change_id, error)
                if change_id in context.failed_changes:
                    return
        if change is not None and change.state in ENDED:
            await when_not_busy(context.database.write, settle, change.id)
            while await when_not_busy(context.database.write, large_steps.forget_parts, change.id):
                pass


async def fail_change(context: JobContext, change_id: str, error: Exception) -> None:
    """What has been applied is taken back. If that cannot be recorded, the schedule starts the task again, which then
    records it first.
    """
    known = error if isinstance(error, UserError) else known_error(error)
    if known is None:
        logger.error("The large change %s failed", change_id, exc_info=error)
    try:
        await _record_failure(context, change_id, str(known) if known else UNEXPECTED)
    except DatabaseTrouble as trouble:
        logger.warning("The failure of change %s could not be saved: %s", change_id, trouble)


async def _record_failure(context: JobContext, change_id: str, reason: str) -> None:
    context.failed_changes[change_id] = reason
    await when_not_busy(context.database.write, large_steps.fail, int(change_id), reason)
    del context.failed_changes[change_id]


async def _go_on(context: JobContext, subject: str, change: LargeChange) -> None:
    request, finish = await _next_step(context, change)
    if request is None:
        await when_not_busy(context.database.write, large_steps.fail, change.id, UNEXPECTED)
        return
    answer = await run_child(context, subject, request.to_json(), _reporter(context, change), KILLED)
    if not answer["is_withdrawn"]:
        await when_not_busy(context.database.write, finish, change.id)


async def _next_step(context: JobContext, change: LargeChange) -> tuple[Request | None, Any]:
    """What a child process does, and the verb that follows it. No request if the table is gone."""
    address = context.rows.address
    if change.state == LargeState.APPLYING:
        return ApplyRequest(address, change.id), large_steps.finish
    if change.state == LargeState.REVERTING:
        return RevertRequest(address, change.id), large_steps.finish_reverting
    table = await get_table(context, change.table_id)
    if table is None:
        return None, None
    ref = await context.database.read(lambda connection: with_deleted_columns(connection, table))
    request = PlanRequest(address, change.id, ref, change.planner, change.arguments)
    return request, large_steps.finish_planning


@asynccontextmanager
async def _watching_rights(context: JobContext, change: LargeChange) -> AsyncIterator[None]:
    """Now and then see whether its person may still do this; the child notices that the record's state is another."""

    def may_go_on(connection: Connection) -> bool:
        return large_steps.may_go_on(connection, change.user_id, change.table_id)

    async def watch() -> None:
        while change.state != LargeState.REVERTING:
            await asyncio.sleep(CHECK_RIGHTS_EVERY)
            if not await context.database.read(may_go_on):
                await when_not_busy(context.database.write, large_steps.ensure_allowed, change.id)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def _reporter(context: JobContext, change: LargeChange) -> Callable[[dict[str, Any]], None]:
    def on_progress(progress: dict[str, Any]) -> None:
        context.broker.publish(large_topic(change.id), progress["rows"], key="progress")

    return on_progress


async def _find(context: JobContext, change_id: str) -> LargeChange | None:
    async with context.database.reading() as session:
        return await session.get(LargeChange, int(change_id))
