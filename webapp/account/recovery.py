"""Recovery codes: shown once, when they are created."""

from quart import request, url_for
from quart.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.account import bp
from webapp.account.forms import NewCodesForm
from webapp.account.second_factor import codes_left, has_factor
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import Actor, AuditEvent, AuditSource, Event, RecoveryCode, User
from webapp.web.access import Action, before_second_factor, fresh, may
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.mailer import mailer
from webapp.web.session import current_user


@bp.route("/second-factor/recovery-codes", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@before_second_factor
@fresh
async def recovery_codes() -> ResponseReturnValue:
    person = current_user()
    if not await has_factor(person.id):
        return redirect_to(url_for("account.second_factor"))
    if request.method == "POST":
        return await _show_new(person, await NewCodesForm.read())
    async with db().reading() as session:
        form = NewCodesForm(data={"instead_of": await _made_at(session, person.id)})
    return await render("account/recovery_codes_new.html", codes_left=await codes_left(person.id), form=form)


async def _show_new(person: Actor, form: NewCodesForm) -> ResponseReturnValue:
    """Once: a reload of the page that shows them, which repeats its POST, does not make others."""
    codes = await db().write(_renew, person.id, form["instead_of"].data, audit_source())
    if codes is None:
        flash("New codes were made already, and shown once. If you have not kept them, make new ones.", "alert")
        return redirect_to(url_for("account.second_factor"))
    return await render("account/recovery_codes.html", codes=codes, is_new=False)


async def _made_at(session: AsyncSession, user_id: int) -> str:
    return str(await session.scalar(select(func.max(RecoveryCode.created_at)).where(RecoveryCode.user_id == user_id)))


async def _renew(work: UnitOfWork, user_id: int, instead_of: str | None, audit_source: AuditSource) -> list[str] | None:
    """Return the new codes; None if those they were to replace have been replaced already."""
    if await _made_at(work.session, user_id) != instead_of:
        return None
    user = await work.session.get_one(User, user_id)
    await AuditEvent.record(work, Event.RECOVERY_CODES_MADE, audit_source, user)
    await mailer.send(work, "recovery_codes_made", user.email, user_id=user.id)
    return await RecoveryCode.replace(work, user_id)
