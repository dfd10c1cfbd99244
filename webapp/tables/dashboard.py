"""The dashboard's panel: the signed-in person's tables and running imports."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from markupsafe import Markup
from sqlalchemy import Row, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.extensions import config, db, jobs
from webapp.jobs.progress import Progress
from webapp.models import Action, Actor, Column, Import, ImportState, Table, is_allowed, utc_now
from webapp.tables.import_presenter import progress_of
from webapp.web.templating import render

MAX_SHOWN = 200  # tables on the dashboard, newest first
FAILURES_SHOWN = timedelta(days=1)  # how long a failed import is shown


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


async def _tables(session: AsyncSession, user_id: int) -> Sequence[Row[Any]]:
    columns = select(func.count(Column.id)).where(Column.table_id == Table.id).scalar_subquery()
    statement = (
        select(Table.id, Table.title, Table.row_count, columns.label("column_count"), Table.created_at)
        .where(Table.owner_id == user_id, Table.state == "ready")
        .order_by(Table.id.desc())
        .limit(MAX_SHOWN)
    )
    return (await session.execute(statement)).all()


async def _imports(session: AsyncSession, user_id: int) -> list[tuple[Import, Progress | None]]:
    ended = (ImportState.DONE, ImportState.CANCELLED)
    is_recent = or_(Import.state != ImportState.FAILED, Import.finished_at > utc_now() - FAILURES_SHOWN)
    statement = Import.visible_to(user_id).where(Import.state.not_in(ended), is_recent)
    found = await session.scalars(statement.order_by(Import.created_at.desc()).limit(MAX_SHOWN))
    return [(import_, progress_of(jobs(), import_)) for import_ in found]
