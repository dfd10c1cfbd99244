"""Deleting for good, in units of work between which others write, and giving the disk back."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from webapp.db.database import Database
from webapp.jobs.context import JobContext, files_of
from webapp.jobs.import_passes import when_not_busy
from webapp.models import utc_now
from webapp.models.tables import trash

PAUSE_SECONDS = 0.003  # between two batches, so that others get the lock


async def purge_table(context: JobContext, table_id: str) -> None:
    """Remove a table whose deletion is final: its files, its rows with their indexes, its history, and at last the
    record that says so. Wherever this is interrupted, the next run does the rest.
    """
    context.stop_child(f"table:{table_id}")  # which builds its search index
    async with context.lock(f"table:{table_id}"), context.lock("purge"):
        async with context.database.reading() as session:
            import_ids = await trash.imports_of(session, int(table_id))
            is_wanted = await trash.is_purging(session, int(table_id))
        if not is_wanted:
            return
        for import_id in import_ids:
            context.stop_child(import_id)
            async with context.lock(import_id), context.lock(files_of(import_id)):
                await context.remove_files(import_id)
        await _repeat(partial(when_not_busy, context.database.write, trash.purge_batch, int(table_id)))
        await when_not_busy(context.database.write, trash.finish_purge, int(table_id))
        await give_space_back(context.database)


async def purge_expired(context: JobContext) -> None:
    """Look first: a needless write would make others wait."""
    before = utc_now() - timedelta(days=context.settings.trash_days)
    async with context.database.reading() as session:
        is_needed = await trash.has_expired(session, before)
    if is_needed:
        await context.database.write(trash.purge_expired, before)


async def give_space_back(database: Database) -> None:
    """What was deleted is overwritten, or no longer part of the file."""
    await _repeat(database.shrink)


async def _repeat(step: Callable[[], Awaitable[bool]]) -> None:
    """As long as there is more."""
    is_more = True
    while is_more:
        is_more = await step()
        await asyncio.sleep(PAUSE_SECONDS)
