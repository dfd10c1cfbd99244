"""Confirm it's you: before sensitive actions a signed-in person proves their identity again."""

from quart import request
from quart.typing import ResponseReturnValue

from webapp.auth import bp
from webapp.auth.answers import answer, redirect_after_login
from webapp.auth.forms import ConfirmationForm
from webapp.auth.second_factor import verify_code
from webapp.auth.throttles import throttles
from webapp.extensions import db, hasher, sealer
from webapp.models import Event, Passkey, User
from webapp.web.access import Action, before_second_factor, may, must_show_second_factor
from webapp.web.audit import audit_source, record_soon
from webapp.web.session import confirm_session, current_user


@bp.route("/login/confirm", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@before_second_factor
async def confirm() -> ResponseReturnValue:
    who = current_user()
    person, has_passkey = await _what_they_have(who.id)
    form = await ConfirmationForm.read() if request.method == "POST" else ConfirmationForm()
    if person.totp_secret is None:
        del form["code"]
    owes = person.totp_secret is None and await must_show_second_factor(who)
    is_by_passkey = owes or not person.password_hash
    if is_by_passkey and request.method == "POST":
        form.refuse(None, "A password is not enough here. Use your passkey.")
    elif request.method == "POST" and form.validate() and await _is_proved(form, person):
        await confirm_session(is_strong=person.totp_secret is not None)
        return redirect_after_login(who)
    asked = {"next": request.args.get("next"), "then": request.args.get("then"), "owes": owes}
    return await answer("auth/confirm.html", form, is_by_passkey=is_by_passkey, has_passkey=has_passkey, **asked)


async def _what_they_have(user_id: int) -> tuple[User, bool]:
    """Whether they have a password, a second factor, a passkey. After a reset on the command line they may have only
    the latter.
    """
    async with db().reading() as session:
        has_passkey = await session.scalar(Passkey.anyone_of(user_id)) is not None
        return await session.get_one(User, user_id), has_passkey


async def _is_proved(form: ConfirmationForm, person: User) -> bool:
    """Check the password first, because checking a code uses it up."""
    if not await throttles().has_try_left(form, (throttles().confirmation, str(person.id))):
        return False
    if not await hasher().verify(person.password_hash, form["password"].data):
        form.refuse("password", "This is not your password.")
    elif "code" in form and not await db().write(verify_code, person.id, form["code"].data, sealer(), audit_source()):
        form.refuse("code", "This code is wrong, or was used already. Wait for the next one.")
    if form.errors:
        record_soon(Event.SIGN_IN_FAILED, person, step="confirmation")
        return False
    await throttles().confirmation.reset(str(person.id))
    return True
