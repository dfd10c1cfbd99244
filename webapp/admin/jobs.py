"""Everybody's background work: what runs, what waits, what failed and why, and what can be retried."""

import asyncio
from collections.abc import Collection

from quart import url_for
from quart.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.admin import bp
from webapp.db.errors import UserError
from webapp.extensions import db, jobs
from webapp.models import Import, ImportState, Mail, Table, User
from webapp.models.errors import NotFound
from webapp.models.mail import MAX_TRIES
from webapp.models.tables import importing
from webapp.models.tables.import_model import RUNNING_STATES, ImportSummary
from webapp.models.tables.table import SearchIndex
from webapp.web.access import Action, may
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render

MAX_SHOWN = 100  # imports per state, newest first


@bp.get("/jobs")
@may(Action.RUN_SERVER)
async def jobs_index() -> ResponseReturnValue:
    """Of an import nothing of the file's contents is shown."""
    given_up = func.count().filter(Mail.tries >= MAX_TRIES)
    unsent = select((func.count() - given_up).label("waiting"), given_up.label("given_up"))
    indexes = select(Table.id, Table.row_count, Table.owner_id, User.email).join(User, User.id == Table.owner_id)
    is_building = Table.search_index == SearchIndex.BUILDING
    building = indexes.where(is_building, Table.deleted_at.is_(None)).limit(MAX_SHOWN)
    async with db().reading() as session:
        running = await _imports(session, RUNNING_STATES)
        waiting = await _imports(session, (ImportState.READY,))
        failed = await _imports(session, (ImportState.FAILED,))
        indexing = (await session.execute(building)).all()
        mails = (await session.execute(unsent.where(Mail.sealed.is_not(None)))).one()
    retryable = await _kept_files([import_ for import_, _ in failed])  # now that no session waits for the disk
    return await render(
        "admin/jobs.html",
        running=[(*row, jobs().progress(row[0])) for row in running],
        waiting=waiting,
        failed=[(*row, row[0].id in retryable) for row in failed],
        indexes=indexing,
        mails=mails,
    )


@bp.post("/jobs/imports/<import_id>/retry")
@may(Action.RUN_SERVER)
async def jobs_retry(import_id: str) -> ResponseReturnValue:
    """Read the file again, if it still exists. The result waits for its owner's decision, as the first time."""
    import_ = await jobs().get_import(import_id)
    if import_ is None:
        raise NotFound("import")
    if import_.state == ImportState.FAILED and not await _kept_files([import_]):
        raise UserError("Its file is no longer kept. Upload it again.")
    await db().write(importing.retry, audit_source(), import_.id)
    flash(f"“{import_.filename}” is being read again. Its owner can then decide on the import.")
    return redirect_to(url_for("admin.jobs_index"))


async def _kept_files(imports: Collection[Import | ImportSummary]) -> set[str]:
    """The ids of the failed imports whose file still exists: one that could be read is kept for a day."""
    read = [import_.id for import_ in imports if import_.inspected_rows is not None]
    paths = {import_id: jobs().folder(import_id).original for import_id in read}
    return await asyncio.to_thread(lambda: {import_id for import_id, path in paths.items() if path.is_file()})


async def _imports(session: AsyncSession, states: tuple[ImportState, ...]) -> list[tuple[ImportSummary, str]]:
    """Each with its owner's address."""
    columns = select(User.email, *ImportSummary.columns()).join_from(Import, User, User.id == Import.user_id)
    statement = columns.where(Import.state.in_(states)).order_by(Import.created_at.desc())
    rows = await session.execute(statement.limit(MAX_SHOWN))
    return [(ImportSummary(*columns), email) for email, *columns in rows]
