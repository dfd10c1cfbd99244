"""Deleting for good, in units of work between which others write, and giving the disk back."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from webapp.db.database import Database
from webapp.imports.requests import ImportFolder
from webapp.jobs.context import JobContext, files_of
from webapp.jobs.history import drop_forgotten_columns
from webapp.jobs.import_passes import get_table, when_not_busy
from webapp.models import utc_now
from webapp.models.tables import trash
from webapp.models.tables.deletion_purging import find_tables_with_old_deletions, purge_old_deletions
from webapp.models.tables.import_forgetting import Files, forget_comparison
from webapp.models.tables.log_scrubbing import (
    Purge,
    find_purge,
    forget_in_search,
    plan_batch,
    scrub_batch,
)
from webapp.planners.update_plan import trim_plan
from webapp.rowstore.reader import RowReader
from webapp.rowstore.table_ref import TableRef

TRIM_SECONDS = 600.0  # for the plan of an import
PAUSE_SECONDS = 0.003  # between two batches, so that others get the lock


async def purge_table(context: JobContext, table_id: str) -> None:
    """Remove a table whose deletion is final: its files, its rows with their indexes, its history, and at last the
    record that says so. Wherever this is interrupted, the next run does the rest.
    """
    async with context.stopped(f"table:{table_id}"), context.lock("purge"):  # a child builds its search index
        async with context.database.reading() as session:
            import_ids = await trash.list_imports(session, int(table_id))
            is_wanted = await trash.is_purging(session, int(table_id))
        if not is_wanted:
            return
        for import_id in import_ids:
            async with context.stopped(import_id), context.lock(files_of(import_id)):
                await context.remove_files(import_id)
        await _repeat(partial(when_not_busy, context.database.write, trash.purge_batch, int(table_id)))
        await when_not_busy(context.database.write, trash.finish_purge, int(table_id))
        await give_space_back(context.database)


async def purge_deletions(context: JobContext, table_id: str) -> None:
    """Remove what the log of a table has about rows and columns that were deleted for good, set by set. Wherever this
    is interrupted, the next run begins with the same deletion.
    """
    database = context.database
    async with context.lock("purge"):
        last: Purge | None = None
        while (purge := await _find(database, int(table_id), last)) is not None:
            if last is None or last.seq != purge.seq:
                await _forget_imports(context, purge)
            await _scrub(database, purge)
            last = purge
            if purge.is_last and (purge.rows or purge.last_part):
                await _forget_in_search(database, int(table_id))
        await drop_forgotten_columns(database)
        await give_space_back(database)


async def _find(database: Database, table_id: int, last: Purge | None) -> Purge | None:
    return await database.read(lambda reading: find_purge(reading, table_id, last))


async def _forget_imports(context: JobContext, purge: Purge) -> None:
    """Files of imports can be read and written only between their passes: wait for one that is running."""
    table = await get_table(context, purge.table_id)
    async with context.database.reading() as session:
        import_ids = await trash.list_imports(session, purge.table_id)
    for import_id in import_ids:
        async with context.lock(import_id), context.lock(files_of(import_id)):
            folder, forget = context.folder(import_id), partial(forget_comparison, is_of_columns=bool(purge.columns))
            files = await when_not_busy(context.database.write, forget, import_id, purge.seq)
            if files in (Files.REMOVED, Files.READ):
                await asyncio.to_thread(folder.remove_comparison)
            elif files == Files.TRIMMED:
                ref = table.ref if table is not None else TableRef(purge.table_id, ())
                await context.rows.read(partial(_trim, folder, ref), TRIM_SECONDS)
            if files in (Files.REMOVED, Files.TRIMMED):
                await asyncio.to_thread(folder.inspection.unlink, missing_ok=True)


def _trim(folder: ImportFolder, table: TableRef, rows: RowReader) -> None:
    folder.comparison.unlink(missing_ok=True)
    if folder.plan.exists():
        columns = {field.number for field in table.fields}
        trim_plan(folder.plan, lambda ids: rows.cells(TableRef(table.id, ()), ids, ()), columns)


async def _scrub(database: Database, purge: Purge) -> None:
    done = 0

    async def step() -> bool:
        nonlocal done
        planned = await database.read(lambda reading: plan_batch(reading, purge, done))
        await when_not_busy(database.write, scrub_batch, purge, planned)
        done += len(planned)
        return done < len(purge.places)

    await _repeat(step)


async def _forget_in_search(database: Database, table_id: int) -> None:
    begins = True

    async def step() -> bool:
        nonlocal begins
        is_more = await when_not_busy(database.write, forget_in_search, table_id, begins)
        begins = False
        return is_more

    await _repeat(step)


async def purge_expired(context: JobContext) -> None:
    """Begin with what has been in the trash for too long: tables, and their rows and columns. Look first: a needless
    write would make others wait.
    """
    before = utc_now() - timedelta(days=context.settings.trash_days)
    for table_id in await context.database.read(lambda reading: find_tables_with_old_deletions(reading, before)):
        await _repeat(partial(context.database.write, purge_old_deletions, table_id, before))
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
