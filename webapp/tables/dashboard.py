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

MAX_LISTED = 200  # tables and imports, newest first
FAILED_FOR = timedelta(days=1)  # how long a failed import is listed


async def panel(user: Actor) -> Markup:
    async with db().reading() as session:
        tables = await _tables(session, user.id)
        imports = await _imports(session, user.id)
    return render(
        "tables/_dashboard.html",
        tables=tables,
        imports=imports,
        may_create=is_allowed(user, Action.CREATE_TABLE),
        upload_limit=config().upload_limit,
    )


async def _tables(session: AsyncSession, user_id: int) -> Sequence[Row[Any]]:
    column_count = select(func.count(Column.id)).where(Column.table_id == Table.id).scalar_subquery()
    statement = (
        select(Table.id, Table.title, Table.row_count, column_count.label("column_count"), Table.created_at)
        .where(Table.owner_id == user_id, Table.state == "ready")
        .order_by(Table.id.desc())
        .limit(MAX_LISTED)
    )
    return (await session.execute(statement)).all()


async def _imports(session: AsyncSession, user_id: int) -> list[tuple[Import, Progress | None]]:
    ended = (ImportState.DONE, ImportState.CANCELLED)
    is_recent = or_(Import.state != ImportState.FAILED, Import.finished_at > utc_now() - FAILED_FOR)
    statement = Import.visible_to(user_id).where(Import.state.not_in(ended), is_recent)
    imports = await session.scalars(statement.order_by(Import.created_at.desc()).limit(MAX_LISTED))
    return [(import_, progress_of(jobs(), import_)) for import_ in imports]
