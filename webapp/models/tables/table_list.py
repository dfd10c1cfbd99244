"""The tables that somebody may see, some at a time, in the order in which they were made."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.db.functions import contains
from webapp.models.accounts.user import User
from webapp.models.policy import Actor, TableRole
from webapp.models.tables.table import Column, Member, Table


@dataclass(frozen=True, slots=True)
class ListedTable:
    """`role` is what whoever asks is to the table."""

    id: int
    title: str
    role: TableRole
    owner_id: int
    owner: str
    rows: int
    columns: int
    seq: int
    state: str
    created_at: datetime
    changed_at: datetime


async def tables_after(
    session: AsyncSession, actor: Actor, after: int = 0, limit: int = 50, search: str = ""
) -> list[ListedTable]:
    """Those behind the one with this id whose titles contain the search, in any case."""
    statement = _listed(actor).where(Table.id > after).order_by(Table.id).limit(limit)
    if search:
        statement = statement.where(contains(Table.title, search))
    return await _read(session, statement)


async def titles_of(session: AsyncSession, actor: Actor, table_ids: Collection[int]) -> dict[int, str]:
    """Of those of these tables that they may see."""
    if not table_ids:
        return {}
    found = select(Table.id, Table.title).where(Table.is_visible_to(actor.id), Table.id.in_(table_ids))
    return {table_id: title for table_id, title in await session.execute(found)}


async def listed_table(session: AsyncSession, actor: Actor, table_id: int) -> ListedTable | None:
    found = await _read(session, _listed(actor).where(Table.id == table_id))
    return found[0] if found else None


async def _read(session: AsyncSession, statement: Select[Any]) -> list[ListedTable]:
    return [
        ListedTable(table_id, title, TableRole(role or TableRole.OWNER), *others)
        for table_id, title, role, *others in await session.execute(statement)
    ]


def _listed(actor: Actor) -> Select[Any]:
    columns = select(func.count(Column.id)).where(Column.table_id == Table.id, Column.deleted_at.is_(None))
    statement = (
        select(
            Table.id,
            Table.title,
            Member.role,
            Table.owner_id,
            User.name,
            Table.row_count,
            columns.scalar_subquery(),
            Table.seq,
            Table.state,
            Table.created_at,
            func.coalesce(Table.changed_at, Table.created_at),
        )
        .join(User, User.id == Table.owner_id)
        .outerjoin(Member, and_(Member.table_id == Table.id, Member.user_id == actor.id))
        .where(Table.is_visible_to(actor.id))
    )
    return statement if actor.table_ids is None else statement.where(Table.id.in_(actor.table_ids))
