"""Changing one's password."""

from quart import url_for
from quart.typing import ResponseReturnValue

from webapp.account import bp
from webapp.account.forms import PasswordForm
from webapp.auth.rate_limits import rate_limits
from webapp.auth.responses import render_form
from webapp.extensions import db, hasher
from webapp.models import Event, User
from webapp.models.accounts.password import change_password
from webapp.models.accounts.user import ChangedMeanwhile
from webapp.web.access import Action, fresh, may
from webapp.web.audit import audit_source, record_refusal
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.known_devices import remember_device
from webapp.web.mailer import mailer
from webapp.web.oidc.choices import single_sign_on, takes_password
from webapp.web.session import current_user


@bp.route("/password", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@fresh
async def password() -> ResponseReturnValue:
    actor = current_user()
    if not takes_password(actor.role):
        return await render("account/password_unused.html", **single_sign_on())
    if not await _has_password(actor.id):
        return await render("account/password_none.html")
    form = await PasswordForm.load()
    form["password"].owner = (actor.email, actor.name)
    if form.validate_on_submit() and (user := await _verify_current(form, actor.id)) and await _change(form, user):
        flash("Your password is changed. All other devices are signed out.")
        return redirect_to(url_for("account.password"))
    return await render_form("account/password.html", form)


async def _has_password(user_id: int) -> bool:
    async with db().reading() as session:
        return bool((await User.find(session, user_id)).password_hash)


async def _verify_current(form: PasswordForm, user_id: int) -> User | None:
    """The person with their current password, or None with a message beside the field.

    It is required although the sign-in is fresh: that may come from a passkey (ASVS 5.0, 6.2.3).
    """
    if not await rate_limits().allow(form, (rate_limits().own_guess, str(user_id))):
        return None
    async with db().reading() as session:
        user = await User.find(session, user_id)
    if not await hasher().verify(user.password_hash, form["current"].data):
        record_refusal(Event.PASSWORD_REFUSED)
        form.refuse("current", "Wrong password. Check it, and Caps Lock.")
        return None
    await rate_limits().own_guess.reset(str(user_id))
    return user


async def _change(form: PasswordForm, user: User) -> bool:
    """False, with a message beside the field, if the password verified before has been replaced since by another."""
    password_hash = await hasher().hash(form["password"].data)
    session_id = current_user().session_id
    try:
        await db().write(change_password, audit_source(), mailer, user, password_hash, session_id)
    except ChangedMeanwhile:
        if not await _is_changed_to(form["password"].data, user.id):
            form.refuse("current", "Your password was changed a moment ago, so this is no longer your current one.")
            return False
    async with db().reading() as session:
        remember_device(await User.find(session, user.id))
    return True


async def _is_changed_to(password: str, user_id: int) -> bool:
    """Whether this very form, sent several times at once, has been carried out."""
    async with db().reading() as session:
        user = await User.find(session, user_id)
    return await hasher().verify(user.password_hash, password)
