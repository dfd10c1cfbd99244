"""Deleted tables: listing them, getting them back, and deleting them for good.

A table in the trash is as it was, with its rows, members, history and files; only its owner sees it there. Deleting it
for good takes many units of work between which others write: the first one, `purge_table`, is final, and whoever goes
on with the rest (`webapp/jobs/purging.py`) can be interrupted anywhere.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.people import with_current_role
from webapp.models.errors import NotAllowed, NotFound
from webapp.models.policy import Action, Actor, TableRole, is_allowed
from webapp.models.tables.access import TableAccess
from webapp.models.tables.change_log import publish_access
from webapp.models.tables.import_model import Import
from webapp.models.tables.importing import discard_files
from webapp.models.tables.log_pruning import delete_oldest
from webapp.models.tables.table import Column, Member, SearchIndex, Table
from webapp.rowstore import row_writer, within

PURGING = "purging"  # the state of a table that is being deleted for good
MAX_LISTED = 200  # tables
HOLD_SECONDS = 0.01  # for which a batch aims to hold the write lock
BATCH_ROWS = 500


@dataclass(frozen=True, slots=True)
class TrashedTable:
    """`members`: how many people have it back with its owner."""

    id: int
    title: str
    deleted_at: datetime
    rows: int
    columns: int
    members: int


def is_in_trash(user_id: int) -> ColumnElement[bool]:
    """Whether this person can restore the table."""
    return (Table.owner_id == user_id) & Table.deleted_at.is_not(None) & (Table.state == "ready")


async def list_trash(session: AsyncSession, user_id: int) -> list[TrashedTable]:
    """The latest first."""
    columns = select(func.count(Column.id)).where(Column.table_id == Table.id, Column.deleted_at.is_(None))
    members = select(func.count()).select_from(Member).where(Member.table_id == Table.id)
    listed = select(
        Table.id,
        Table.title,
        Table.deleted_at,
        Table.row_count,
        columns.scalar_subquery(),
        members.scalar_subquery(),
    )
    listed = listed.where(is_in_trash(user_id)).order_by(Table.deleted_at.desc(), Table.id.desc()).limit(MAX_LISTED)
    return [TrashedTable(*row) for row in await session.execute(listed)]


async def find_trashed(session: AsyncSession, actor: Actor, table_id: int) -> Table:
    """Raises `NotFound`, also for a table that is not in the trash, or not in that of this person."""
    table = await session.scalar(select(Table).where(Table.id == table_id, is_in_trash(actor.id)))
    if table is None:
        raise NotFound("table in the trash")
    return table


async def restore_table(work: UnitOfWork, actor: Actor, table_id: int) -> str:
    """Everybody finds it again as it was when it was deleted; return its title. Restoring what is not deleted changes
    nothing. Raises `NotFound`, and `NotAllowed` for whoever may no longer own tables.
    """
    actor = await with_current_role(work, actor)
    if (access := await work.run(lambda connection: TableAccess.find(connection, actor.id, table_id))) is not None:
        return access.table.title  # restored a moment ago
    table = await _require(work, actor, table_id)
    table.deleted_at = None
    table.version += 1
    if table.search_index == SearchIndex.BUILDING:  # its job has ended meanwhile
        work.enqueue("index_table", str(table_id))
    publish_access(work, table_id)
    return table.title


async def purge_table(work: UnitOfWork, actor: Actor, table_id: int) -> str:
    """Begin to delete it for good: from now on nobody gets it back. Return its title. Raises as `restore_table`."""
    table = await _require(work, await with_current_role(work, actor), table_id)
    _purge(work, table)
    return table.title


async def purge_tables(work: UnitOfWork, actor: Actor, table_ids: Sequence[int]) -> int:
    """Begin to delete those of these tables for good that are in the trash of this person; return how many. Raises
    `NotAllowed`.
    """
    actor = await with_current_role(work, actor)
    chosen = select(Table).where(is_in_trash(actor.id), Table.id.in_(list(table_ids)[:MAX_LISTED]))
    tables = list(await work.session.scalars(chosen))
    for table in tables:
        _ensure_owner(actor)
        _purge(work, table)
    return len(tables)


async def purge_expired(work: UnitOfWork, before: datetime) -> None:
    """Begin to delete for good what was deleted before this time."""
    expired = update(Table).where(Table.deleted_at < before, Table.state == "ready").values(state=PURGING)
    for table_id in await work.session.scalars(expired.returning(Table.id)):
        work.enqueue("purge_table", str(table_id))


async def has_expired(session: AsyncSession, before: datetime) -> bool:
    expired = select(Table.id).where(Table.deleted_at < before, Table.state == "ready")
    return await session.scalar(expired.limit(1)) is not None


async def is_purging(session: AsyncSession, table_id: int) -> bool:
    return await session.scalar(select(Table.state).where(Table.id == table_id)) == PURGING


async def imports_of(session: AsyncSession, table_id: int) -> Sequence[str]:
    """The ids of the imports that the table's rows came from, whose folders have the files."""
    return (await session.scalars(select(Import.id).where(Import.table_id == table_id))).all()


async def purge_batch(work: UnitOfWork, table_id: int) -> bool:
    """Remove some of what belongs to a table that is being deleted for good; return whether there is more. A table that
    is not, or no longer, has nothing to remove.
    """
    return await work.run(lambda connection: _purge_batch(connection, table_id))


async def finish_purge(work: UnitOfWork, table_id: int) -> None:
    """The rows, the log and the files are gone; the record goes last, since it says that something was to be done."""
    table = await work.session.get(Table, table_id)
    if table is None or table.state != PURGING:
        return
    for import_id in await imports_of(work.session, table_id):
        await work.session.delete(await work.session.get_one(Import, import_id))
        await discard_files(work, import_id)
    await work.session.flush()
    await work.session.delete(table)
    await work.session.flush()
    await within(work, lambda rows: rows.drop(table_id))


def _purge(work: UnitOfWork, table: Table) -> None:
    table.state = PURGING
    work.enqueue("purge_table", str(table.id))


async def _require(work: UnitOfWork, actor: Actor, table_id: int) -> Table:
    table = await find_trashed(work.session, actor, table_id)
    _ensure_owner(actor)
    return table


@dataclass(frozen=True, slots=True)
class _Owned:
    table_role: TableRole = TableRole.OWNER


def _ensure_owner(actor: Actor) -> None:
    if not is_allowed(actor, Action.CHANGE_TABLE, _Owned()):
        raise NotAllowed("Guests own no tables, so they neither restore nor delete any. An administrator can help.")


def _purge_batch(connection: Connection, table_id: int) -> bool:
    if connection.scalar(select(Table.state).where(Table.id == table_id)) != PURGING:
        return False
    rows, end = row_writer(connection), time.perf_counter() + HOLD_SECONDS
    is_more = True
    while is_more:
        is_more = rows.clear(table_id, BATCH_ROWS) or delete_oldest(connection, table_id)
        if time.perf_counter() > end:
            break
    return is_more
