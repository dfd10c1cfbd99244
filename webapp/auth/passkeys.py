"""Signing in, and confirming one's identity, with a passkey instead of password and second factor."""

from quart import Response, request, url_for
from quart.typing import ResponseReturnValue

from webapp.auth import bp
from webapp.auth.forms import PasskeyForm
from webapp.auth.rate_limits import rate_limits
from webapp.auth.responses import complete_login, redirect_after_confirmation, redirect_after_login
from webapp.db.errors import UserError
from webapp.extensions import db
from webapp.models import Event, Passkey, User
from webapp.web.access import Action, before_second_factor, may, public
from webapp.web.audit import record_refusal
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to
from webapp.web.rate_limit.requests import client_address
from webapp.web.session import confirm_identity, current_user, load_current_user
from webapp.web.webauthn.challenges import PasskeyRefused, authentication_options, verify_authentication


@bp.post("/login/passkey/options")
@public
async def passkey_options() -> Response:
    """The request to the device: for strangers any key of this server, for signed-in people one of theirs."""
    await rate_limits().passkey_options.hit(client_address())
    person = await load_current_user()
    if person is None:
        return await authentication_options(None, None)
    async with db().reading() as session:
        passkeys = (await session.scalars(Passkey.of(person.id))).all()
    if not passkeys:
        raise UserError("You have no passkey yet. Use your password; a passkey is added on the page of your account.")
    return await authentication_options(person.id, passkeys)


@bp.post("/login/passkey")
@public
async def passkey_login() -> ResponseReturnValue:
    """Remembers as the password form does: the same checkbox decides."""
    if await load_current_user() is not None:
        return redirect_after_login()
    form = await PasskeyForm.load()
    user = await _verify(form, None)
    if user is None:
        return redirect_to(url_for("auth.login", next=request.args.get("next")), whole=True)
    await complete_login(user, remembered=form["remember"].data, method="passkey", is_strong=True)
    return redirect_after_login()


@bp.post("/login/confirm/passkey")
@may(Action.OWN_ACCOUNT)
@before_second_factor
async def passkey_confirm() -> ResponseReturnValue:
    actor = current_user()
    if await _verify(await PasskeyForm.load(), actor.id) is None:
        target, then = request.args.get("next"), request.args.get("then")
        return redirect_to(url_for("auth.confirm", next=target, then=then), whole=True)
    await confirm_identity("passkey", is_strong=True)
    return redirect_after_confirmation(actor)


async def _verify(form: PasskeyForm, user_id: int | None) -> User | None:
    """The owner of the key that signed; None, with a message for the next page, if the response is not valid."""
    await rate_limits().passkey_response.hit(client_address())
    try:
        return await verify_authentication(form["credential"].data or "", user_id)
    except PasskeyRefused as error:
        record_refusal(Event.SIGN_IN_FAILED, error.user, method="passkey", reason=error.reason)
        flash(str(error), "failed")
        return None
