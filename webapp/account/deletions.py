"""Deleting one's account and everything that belongs to it."""

from quart import request, url_for
from quart.typing import ResponseReturnValue

from webapp.account import bp
from webapp.account.forms import DeletionForm
from webapp.data.uow import UnitOfWork
from webapp.extensions import db
from webapp.models import AuditEvent, Doer, Event, User, normalise_email
from webapp.models.people import LastOwner, keep_an_owner
from webapp.web.access import Action, fresh, may, signed_in
from webapp.web.audit import doer
from webapp.web.belongings import farewell, words_of
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.mail import letter, post
from webapp.web.sessions import forget_sign_in


@bp.route("/deletion", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@fresh
async def deletion() -> ResponseReturnValue:
    person = signed_in()
    form = await DeletionForm.read() if request.method == "POST" else DeletionForm()
    if request.method == "POST" and form.validate():
        if _is_address(form["email"].data, person.email):
            return await _delete(person.id)
        form.refuse("email", "This is not your address. Nothing was deleted.")
    lost, refusal = await words_of(person.id), await _refusal(person.id)
    status = 422 if form.errors else 200
    return await render("account/deletion.html", status=status, form=form, lost=lost, refusal=refusal)


async def _refusal(user_id: int) -> str | None:
    """Why they cannot delete it yet, shown before they type anything."""
    async with db().reading() as session:
        try:
            await keep_an_owner(UnitOfWork(session), await session.get_one(User, user_id))
        except LastOwner as problem:
            return str(problem)
    return None


async def _delete(user_id: int) -> ResponseReturnValue:
    await db().write(_remove, user_id, doer())
    forget_sign_in()
    flash("Your account is deleted.")
    return redirect_to(url_for("auth.login"), whole=True)


async def _remove(work: UnitOfWork, user_id: int, doer: Doer) -> None:
    """One unit of work: there is never an account without its tables, or tables without their owner."""
    user = await work.session.get_one(User, user_id)
    await keep_an_owner(work, user)
    await AuditEvent.record(work, Event.DELETED, doer, user, role=user.role)
    await post(work, letter("account_deleted", user.email, "Your account is deleted"))
    await farewell(work, user.id)
    await work.session.delete(user)


def _is_address(typed: str, email: str) -> bool:
    try:
        return normalise_email(typed) == email
    except ValueError:
        return False
