"""Keeping the change logs of all tables within their limits, in units of work between which others write."""

from datetime import timedelta

from settings import MIB, Settings
from webapp.db.database import Database
from webapp.models import utc_now
from webapp.models.tables.log_pruning import (
    drop_column,
    empty_column,
    find_forgotten_columns,
    find_overdue,
    prune_batch,
)


async def prune_history(database: Database, settings: Settings) -> None:
    oldest, most = utc_now() - timedelta(days=settings.history_days), settings.history_mb * MIB
    for overdue in await database.read(lambda connection: find_overdue(connection, oldest, most)):
        excess = overdue.excess
        while freed := await database.write(prune_batch, overdue.table_id, oldest, excess):
            excess = max(0, excess - freed)
    await drop_forgotten_columns(database)


async def drop_forgotten_columns(database: Database) -> None:
    """The cells of deleted columns that cannot come back, some rows at a time."""
    for forgotten in await database.read(find_forgotten_columns):
        after: int | None = 0
        while after is not None:
            after = await database.write(empty_column, forgotten, after)
        await database.write(drop_column, forgotten)
