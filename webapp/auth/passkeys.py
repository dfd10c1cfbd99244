"""Signing in, and confirming one's identity, with a passkey instead of password and second factor."""

from quart import Response, request, url_for
from quart.typing import ResponseReturnValue
from sqlalchemy import select
from wtforms import BooleanField, HiddenField

from webapp.auth import bp
from webapp.auth.answers import redirect_after_login
from webapp.auth.arrivals import complete_login
from webapp.auth.throttles import WINDOW
from webapp.db.errors import UserError
from webapp.extensions import Extension, db
from webapp.models import Event, Passkey, User
from webapp.web.access import Action, before_second_factor, may, public
from webapp.web.audit import record_soon
from webapp.web.flashes import flash
from webapp.web.forms import Form
from webapp.web.fragments import redirect_to
from webapp.web.rate_limit.limits import RateLimit
from webapp.web.rate_limit.requests import client_address
from webapp.web.safe_urls import safe_next
from webapp.web.session import confirm_session, current_user, load_current_user
from webapp.web.webauthn.challenges import PasskeyRefused, authentication_options, verify_authentication


class NoPasskeyYet(UserError):
    def __init__(self) -> None:
        super().__init__("You have no passkey yet. Use your password; a passkey is added on the page of your account.")


class PasskeyForm(Form):
    credential = HiddenField()
    remember = BooleanField()


class Tries:
    """Per client. Nobody guesses a signature; this bounds the work strangers can cause."""

    def __init__(self) -> None:
        self.question = RateLimit("passkey.question", 100, WINDOW)
        self.answer = RateLimit("passkey.answer", 50, WINDOW)


tries: Extension[Tries] = Extension("passkey_tries", lambda settings: Tries())


@bp.post("/login/passkey/options")
@public
async def passkey_options() -> Response:
    """The request to the device: for strangers any key of this server, for signed-in people one of theirs."""
    await tries().question.hit(client_address())
    person = await load_current_user()
    if person is None:
        return await authentication_options(None, None)
    async with db().reading() as session:
        known = (await session.scalars(select(Passkey).where(Passkey.user_id == person.id))).all()
    if not known:
        raise NoPasskeyYet
    return await authentication_options(person.id, known)


@bp.post("/login/passkey")
@public
async def passkey_login() -> ResponseReturnValue:
    """Remembers as the password form does: the same checkbox decides."""
    target = safe_next(asked := request.args.get("next"), url_for("main.dashboard"))
    if await load_current_user() is not None:
        return redirect_to(target, whole=True)
    form = await PasskeyForm.read()
    user = await _signer(form["credential"].data, None)
    if user is None:
        return redirect_to(url_for("auth.login", next=asked), whole=True)
    await complete_login(user, remembered=form["remember"].data, method="passkey", is_strong=True)
    return redirect_to(target, whole=True)


@bp.post("/login/confirm/passkey")
@may(Action.OWN_ACCOUNT)
@before_second_factor
async def passkey_confirm() -> ResponseReturnValue:
    who, form = current_user(), await PasskeyForm.read()
    if await _signer(form["credential"].data, who.id) is None:
        asked, then = request.args.get("next"), request.args.get("then")
        return redirect_to(url_for("auth.confirm", next=asked, then=then), whole=True)
    await confirm_session("passkey", is_strong=True)
    return redirect_after_login(who)


async def _signer(answer: str | None, user_id: int | None) -> User | None:
    """The owner of the key that signed; None, with a message for the next page, if the response is not valid."""
    await tries().answer.hit(client_address())
    try:
        _, user = await verify_authentication(answer or "", user_id)
    except PasskeyRefused as problem:
        record_soon(Event.SIGN_IN_FAILED, method="passkey", reason=problem.reason)
        flash(str(problem), "failed")
        return None
    return user
