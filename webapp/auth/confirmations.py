"""Confirm it's you: before sensitive actions a signed-in person proves their identity again."""

from quart import request
from quart.typing import ResponseReturnValue

from webapp.auth import bp
from webapp.auth.forms import ConfirmationForm
from webapp.auth.rate_limits import rate_limits
from webapp.auth.responses import redirect_after_confirmation, render_form
from webapp.extensions import config, db, hasher, sealer
from webapp.models import Actor, Event, Identity, Passkey, User
from webapp.models.accounts.second_factor import verify_code
from webapp.web.access import Action, before_second_factor, may, must_show_second_factor
from webapp.web.audit import audit_source, record_soon
from webapp.web.oidc.choices import takes_password
from webapp.web.session import confirm_identity, current_user


@bp.route("/login/confirm", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@before_second_factor
async def confirm() -> ResponseReturnValue:
    actor = current_user()
    user, has_passkey, needs_passkey, has_identity = await _load(actor)
    form = await ConfirmationForm.load()
    if user.totp_secret is None:
        del form["code"]
    # There may be no password after a reset on the command line, and there is none with single sign-on alone.
    is_without_password = needs_passkey or not user.password_hash or not takes_password(user.role)
    if form.is_submitted and is_without_password:
        form.refuse(None, "A password is not enough here. Confirm in another way.")
    elif form.validate_on_submit() and await _is_proved(form, user):
        await confirm_identity(is_strong=user.totp_secret is not None)
        return redirect_after_confirmation(actor)
    query = {"next": request.args.get("next"), "then": request.args.get("then")}
    ways = {"is_without_password": is_without_password, "has_passkey": has_passkey, "needs_passkey": needs_passkey}
    provider = config().oidc_name if has_identity and not needs_passkey else None
    return await render_form("auth/confirm.html", form, **query, **ways, provider=provider)


async def _load(actor: Actor) -> tuple[User, bool, bool, bool]:
    """The person, whether they have a passkey, whether they must show it as the server asks for two factors, and
    whether they sign in through the provider.
    """
    async with db().reading() as session:
        user = await User.find(session, actor.id)
        has_passkey = await session.scalar(Passkey.of(actor.id).limit(1)) is not None
        theirs = Identity.of(actor.id).where(Identity.issuer == config().oidc_issuer).limit(1)
        has_identity = await session.scalar(theirs) is not None
    needs_passkey = user.totp_secret is None and await must_show_second_factor(actor)
    return user, has_passkey, needs_passkey, has_identity


async def _is_proved(form: ConfirmationForm, user: User) -> bool:
    """Check the password first: without it no tries at codes are used up, of which an account has few."""
    if not await rate_limits().allow(form, (rate_limits().confirmation, str(user.id))):
        return False
    if not await hasher().verify(user.password_hash, form["password"].data):
        form.refuse("password", "Wrong password.")
    elif "code" in form and not await _is_code_right(form, user) and form.retry_after is not None:
        return False
    if form.errors:
        record_soon(Event.SIGN_IN_FAILED, user, step="confirmation")
        return False
    await rate_limits().confirmation.reset(str(user.id))
    return True


async def _is_code_right(form: ConfirmationForm, user: User) -> bool:
    tries = rate_limits().code_tries(user)
    if not await rate_limits().allow(form, *tries):
        return False
    if not await db().write(verify_code, audit_source(), sealer(), user.id, form["code"].data):
        form.refuse("code", "This code is wrong, or was used already. Wait for the next one.")
        return False
    await rate_limits().give_back(*tries)
    return True
