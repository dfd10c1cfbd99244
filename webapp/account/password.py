"""Changing one's password."""

from quart import url_for
from quart.typing import ResponseReturnValue
from sqlalchemy import select

from webapp.account import bp
from webapp.account.forms import PasswordForm
from webapp.auth.rate_limits import rate_limits
from webapp.auth.responses import render_form
from webapp.extensions import db, hasher
from webapp.models import User
from webapp.models.accounts.password import change_password
from webapp.web.access import Action, fresh, may
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to
from webapp.web.mailer import mailer
from webapp.web.session import current_user


@bp.route("/password", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@fresh
async def password() -> ResponseReturnValue:
    actor = current_user()
    form = await PasswordForm.load()
    form["password"].owner = (actor.email, actor.name)
    if form.validate_on_submit() and await _is_current(form, actor.id):
        password_hash = await hasher().hash(form["password"].data)
        await db().write(change_password, audit_source(), mailer, actor.id, password_hash, actor.session_id)
        flash("Your password is changed. All other devices are signed out.")
        return redirect_to(url_for("account.password"))
    return await render_form("account/password.html", form)


async def _is_current(form: PasswordForm, user_id: int) -> bool:
    """Requires the current password although the sign-in is fresh: that may come from a passkey (ASVS 5.0, 6.2.3)."""
    await rate_limits().own_guess.hit(str(user_id))
    async with db().reading() as session:
        password_hash = await session.scalar(select(User.password_hash).where(User.id == user_id))
    if not await hasher().verify(password_hash, form["current"].data):
        form.refuse("current", "This is not your current password. Check it, also caps lock.")
        return False
    await rate_limits().own_guess.reset(str(user_id))
    return True
