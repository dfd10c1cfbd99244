"""The dashboard's panel: the signed-in person's tables and running imports."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup
from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.extensions import config, db
from webapp.models import Action, Actor, Column, Import, ImportState, Table, is_allowed, utc_now
from webapp.web.templating import render

MAX_SHOWN = 200  # tables on the dashboard, newest first
FAILURES_SHOWN = timedelta(days=1)  # how long a failed import is shown


@dataclass(frozen=True, slots=True)
class TableSummary:
    """A table in the list."""

    id: int
    title: str
    row_count: int
    column_count: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """An import in the list; `share` is its progress, from 0 to 1."""

    id: str
    filename: str
    size: int
    state: str
    rows: int
    total_rows: int | None
    share: float | None
    failure: str | None
    created_at: datetime


async def panel(person: Actor) -> Markup:
    async with db().reading() as session:
        tables = await _tables(session, person.id)
        imports = await _imports(session, person.id)
    return render(
        "tables/_dashboard.html",
        tables=tables,
        imports=imports,
        may_create=is_allowed(person, Action.CREATE_TABLE),
        upload_limit=config().upload_limit,
    )


async def _tables(session: AsyncSession, user_id: int) -> list[TableSummary]:
    columns = select(func.count(Column.id)).where(Column.table_id == Table.id).scalar_subquery()
    statement = (
        select(Table.id, Table.title, Table.row_count, columns, Table.created_at)
        .where(Table.owner_id == user_id, Table.state == "ready")
        .order_by(Table.id.desc())
        .limit(MAX_SHOWN)
    )
    return [TableSummary(*row) for row in await session.execute(statement)]


async def _imports(session: AsyncSession, user_id: int) -> list[ImportSummary]:
    ended = (ImportState.DONE, ImportState.CANCELLED)
    is_recent = or_(Import.state != ImportState.FAILED, Import.finished_at > utc_now() - FAILURES_SHOWN)
    statement = (
        Import.visible_to(user_id).where(Import.state.not_in(ended), is_recent).order_by(Import.created_at.desc())
    )
    return [_import_summary(found) for found in await session.scalars(statement.limit(MAX_SHOWN))]


def _import_summary(found: Import) -> ImportSummary:
    total = (found.inspection or {}).get("rows")
    share = found.rows_done / total if total and found.state == ImportState.LOADING else None
    return ImportSummary(
        id=found.id,
        filename=found.filename,
        size=found.size,
        state=found.state,
        rows=found.rows_done,
        total_rows=total,
        share=share,
        failure=found.failure,
        created_at=found.created_at,
    )
