"""Everybody's background work: what runs, what waits, what failed and why, and what can be retried."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from quart import url_for
from quart.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.admin import bp
from webapp.admin.doing import acting_user
from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db, jobs
from webapp.imports.report import ImportOverrides
from webapp.jobs.progress import starting_point
from webapp.models import AuditEvent, Event, Import, ImportState, Mail, Table, User
from webapp.models.accounts.people import ActingUser
from webapp.models.errors import NotFound
from webapp.models.mail import MAX_TRIES
from webapp.models.tables.importing import inspect_again
from webapp.models.tables.table import SearchIndex
from webapp.web.access import Action, may
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render

SHOWN = 100  # imports per kind, newest first
RUNNING = (ImportState.INSPECTING, ImportState.LOADING)


class NothingToRepeat(UserError):
    def __init__(self) -> None:
        super().__init__("Its file is no longer kept. Upload it again.")


@dataclass(frozen=True, slots=True)
class Listed:
    """An import: its owner and progress, but nothing of the file's contents."""

    id: str
    filename: str
    size: int
    person: str
    person_url: str
    state: str
    is_waiting: bool  # waiting for its turn
    rows: int
    total_rows: int | None
    share: float | None
    failure: str | None
    created_at: datetime
    finished_at: datetime | None
    may_repeat: bool


@dataclass(frozen=True, slots=True)
class Indexed:
    """A table whose search index is being built."""

    id: int
    rows: int
    person: str
    person_url: str


@dataclass(frozen=True, slots=True)
class Mails:
    waiting: int
    failed: int


@bp.get("/jobs")
@may(Action.RUN_SERVER)
async def jobs_index() -> ResponseReturnValue:
    async with db().reading() as session:
        running = await _imports(session, RUNNING)
        waiting = await _imports(session, (ImportState.READY,))
        failed = await _imports(session, (ImportState.FAILED,))
        indexed, mails = await _indexed(session), await _mails(session)
    return await render(
        "admin/jobs.html", running=running, waiting=waiting, failed=failed, indexed=indexed, mails=mails
    )


@bp.post("/jobs/imports/<import_id>/retry")
@may(Action.RUN_SERVER)
async def jobs_retry(import_id: str) -> ResponseReturnValue:
    """Read the file again, if it still exists. The result waits for its owner's decision, as the first time."""
    found = await jobs().find(import_id)
    if found is None:
        raise NotFound("import")
    if not await _is_kept(found):
        raise NothingToRepeat
    await db().write(inspect_again, found.id, ImportOverrides.from_json(found.overrides))
    await db().write(_note, acting_user(), found.user_id, found.filename)
    flash(f"“{found.filename}” is being read again. Its owner can then decide on the import.")
    return redirect_to(url_for("admin.jobs_index"))


async def _note(work: UnitOfWork, by: ActingUser, user_id: int, filename: str) -> None:
    person = await work.session.get(User, user_id)
    await AuditEvent.record(work, Event.JOB_RETRIED, by.doer, person, file=filename)


async def _is_kept(found: Import) -> bool:
    """An unreadable file is deleted when its import fails; a readable one is kept for a day."""
    if found.state != ImportState.FAILED or found.inspection is None:
        return False
    return await asyncio.to_thread(jobs().folder(found.id).original.is_file)


async def _imports(session: AsyncSession, states: tuple[ImportState, ...]) -> list[Listed]:
    statement = select(Import, User.email).join(User, User.id == Import.user_id).where(Import.state.in_(states))
    rows = (await session.execute(statement.order_by(Import.created_at.desc()).limit(SHOWN))).all()
    return [await _listed(found, email) for found, email in rows]


async def _listed(found: Import, email: str) -> Listed:
    progress = jobs().progress(found.id) or starting_point(found)
    return Listed(
        id=found.id,
        filename=found.filename,
        size=found.size,
        person=email,
        person_url=url_for("admin.person_show", user_id=found.user_id),
        state=found.state,
        is_waiting=progress.is_waiting,
        rows=progress.rows,
        total_rows=progress.total_rows,
        share=progress.share,
        failure=found.failure,
        created_at=found.created_at,
        finished_at=found.finished_at,
        may_repeat=await _is_kept(found),
    )


async def _indexed(session: AsyncSession) -> list[Indexed]:
    statement = select(Table.id, Table.row_count, User.email, User.id).join(User, User.id == Table.owner_id)
    found = await session.execute(statement.where(Table.search_index == SearchIndex.BUILDING).limit(SHOWN))
    return [
        Indexed(table_id, rows, email, url_for("admin.person_show", user_id=user_id))
        for table_id, rows, email, user_id in found
    ]


async def _mails(session: AsyncSession) -> Mails:
    given_up = Mail.tries >= MAX_TRIES
    statement = select(func.count(), func.count().filter(given_up)).where(Mail.sealed.is_not(None))
    unsent, failed = (await session.execute(statement)).one()
    return Mails(unsent - failed, failed)
