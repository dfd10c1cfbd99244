"""Changing one's password."""

from quart import request, url_for
from quart.typing import ResponseReturnValue

from webapp.account import bp
from webapp.account.forms import PasswordForm
from webapp.account.throttles import throttles
from webapp.auth.passwords import set_password
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db, hasher
from webapp.models import AuditSource, Event, User
from webapp.web.access import Action, fresh, may
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.mailer import mailer
from webapp.web.session import current_user


@bp.route("/password", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@fresh
async def password() -> ResponseReturnValue:
    person = current_user()
    form = await PasswordForm.read() if request.method == "POST" else PasswordForm()
    form["password"].whose = (person.email, person.name)
    if request.method == "POST" and form.validate() and await _change(form):
        flash("Your password is changed. All other devices are signed out.")
        return redirect_to(url_for("account.password"))
    return await render("account/password.html", status=422 if form.errors else 200, form=form)


async def _change(form: PasswordForm) -> bool:
    """Requires the current password although the sign-in is fresh: that may come from a passkey (ASVS 5.0, 6.2.3)."""
    person = current_user()
    await throttles().begin_guess(person.id)
    async with db().reading() as session:
        user = await session.get_one(User, person.id)
    if not await hasher().verify(user.password_hash, form["current"].data):
        form.refuse("current", "This is not your current password. Check it, also caps lock.")
        return False
    await throttles().forget_guess(person.id)
    await db().write(_set, person.id, await hasher().hash(form["password"].data), audit_source(), person.session_id)
    return True


async def _set(
    work: UnitOfWork, user_id: int, password_hash: str, audit_source: AuditSource, session_id: int | None
) -> None:
    user = await set_password(work, user_id, password_hash, audit_source, Event.PASSWORD_CHANGED, session_id)
    await mailer.send(work, "password_changed", user.email, user_id=user.id)
