"""Everybody's background work: what runs, what waits, what failed and why, and what can be retried."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from quart import url_for
from quart.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.admin import bp
from webapp.db.errors import UserError
from webapp.extensions import db, jobs
from webapp.jobs.progress import Progress, initial_progress
from webapp.models import Import, ImportState, Mail, Table, User
from webapp.models.errors import NotFound
from webapp.models.mail import MAX_TRIES
from webapp.models.tables import importing
from webapp.models.tables.importing import RUNNING_STATES
from webapp.models.tables.table import SearchIndex
from webapp.web.access import Action, may
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render

MAX_SHOWN = 100  # imports per state, newest first


@dataclass(frozen=True, slots=True)
class ImportJob:
    """An import; its page shows nothing of the file's contents."""

    record: Import
    owner: str  # e-mail address
    progress: Progress
    can_retry: bool


@bp.get("/jobs")
@may(Action.RUN_SERVER)
async def jobs_index() -> ResponseReturnValue:
    given_up = func.count().filter(Mail.tries >= MAX_TRIES)
    unsent = select((func.count() - given_up).label("waiting"), given_up.label("given_up"))
    indexes = select(Table.id, Table.row_count, Table.owner_id, User.email).join(User, User.id == Table.owner_id)
    building = indexes.where(Table.search_index == SearchIndex.BUILDING).limit(MAX_SHOWN)
    async with db().reading() as session:
        running = await _imports(session, RUNNING_STATES)
        waiting = await _imports(session, (ImportState.READY,))
        failed = await _imports(session, (ImportState.FAILED,))
        indexing = (await session.execute(building)).all()
        mails = (await session.execute(unsent.where(Mail.sealed.is_not(None)))).one()
    kept = await _kept_files([found for found, _ in failed])  # now that no session waits for the disk
    return await render(
        "admin/jobs.html",
        running=[_present(*job) for job in running],
        waiting=[_present(*job) for job in waiting],
        failed=[_present(*job, can_retry=job[0].id in kept) for job in failed],
        indexes=indexing,
        mails=mails,
    )


@bp.post("/jobs/imports/<import_id>/retry")
@may(Action.RUN_SERVER)
async def jobs_retry(import_id: str) -> ResponseReturnValue:
    """Read the file again, if it still exists. The result waits for its owner's decision, as the first time."""
    found = await jobs().find_import(import_id)
    if found is None:
        raise NotFound("import")
    if found.state == ImportState.FAILED and not await _kept_files([found]):
        raise UserError("Its file is no longer kept. Upload it again.")
    await db().write(importing.retry, audit_source(), found.id)
    flash(f"“{found.filename}” is being read again. Its owner can then decide on the import.")
    return redirect_to(url_for("admin.jobs_index"))


async def _kept_files(imports: Collection[Import]) -> set[str]:
    """The ids of the failed imports whose file still exists: one that could be read is kept for a day."""
    folders = {found.id: jobs().folder(found.id) for found in imports if found.inspection is not None}

    def look() -> set[str]:
        return {import_id for import_id, folder in folders.items() if folder.original.is_file()}

    return await asyncio.to_thread(look) if folders else set()


async def _imports(session: AsyncSession, states: tuple[ImportState, ...]) -> list[tuple[Import, str]]:
    """Each with its owner's address."""
    statement = select(Import, User.email).join(User, User.id == Import.user_id).where(Import.state.in_(states))
    rows = await session.execute(statement.order_by(Import.created_at.desc()).limit(MAX_SHOWN))
    return [(found, email) for found, email in rows]


def _present(found: Import, owner: str, *, can_retry: bool = False) -> ImportJob:
    return ImportJob(found, owner, jobs().progress(found.id) or initial_progress(found), can_retry)
