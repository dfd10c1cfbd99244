"""Deleting one's account and everything that belongs to it."""

from quart import request, url_for
from quart.typing import ResponseReturnValue

from webapp.account import bp
from webapp.account.forms import DeletionForm
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import AuditEvent, AuditSource, Event, User, normalise_email
from webapp.models.accounts.people import LastOwner, ensure_other_owner
from webapp.web.access import Action, fresh, may
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.mailer import mailer
from webapp.web.session import current_user, forget_sign_in
from webapp.web.user_data import delete_user_data, summarize_user_data


@bp.route("/deletion", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@fresh
async def deletion() -> ResponseReturnValue:
    person = current_user()
    form = await DeletionForm.read() if request.method == "POST" else DeletionForm()
    if request.method == "POST" and form.validate():
        if _is_address(form["email"].data, person.email):
            return await _delete(person.id)
        form.refuse("email", "This is not your address. Nothing was deleted.")
    lost, refusal = await summarize_user_data(person.id), await _refusal(person.id)
    status = 422 if form.errors else 200
    return await render("account/deletion.html", status=status, form=form, lost=lost, refusal=refusal)


async def _refusal(user_id: int) -> str | None:
    """Why they cannot delete it yet, shown before they type anything."""
    async with db().reading() as session:
        try:
            await ensure_other_owner(UnitOfWork(session), await session.get_one(User, user_id))
        except LastOwner as problem:
            return str(problem)
    return None


async def _delete(user_id: int) -> ResponseReturnValue:
    await db().write(_remove, user_id, audit_source())
    forget_sign_in()
    flash("Your account is deleted.")
    return redirect_to(url_for("auth.login"), whole=True)


async def _remove(work: UnitOfWork, user_id: int, audit_source: AuditSource) -> None:
    """One unit of work: there is never an account without its tables, or tables without their owner."""
    user = await work.session.get_one(User, user_id)
    await ensure_other_owner(work, user)
    await AuditEvent.record(work, Event.DELETED, audit_source, user, role=user.role)
    await mailer.send(work, "account_deleted", user.email)
    await delete_user_data(work, user.id)
    await work.session.delete(user)


def _is_address(typed: str, email: str) -> bool:
    try:
        return normalise_email(typed) == email
    except ValueError:
        return False
