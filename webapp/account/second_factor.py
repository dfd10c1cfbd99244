"""The second factor: TOTP codes, turned on by entering one code and off by entering another; its recovery codes, shown
once when they are created; and another authenticator app in place of the first.
"""

from typing import Any

from quart import url_for
from quart.typing import ResponseReturnValue

from webapp.account import bp
from webapp.account.forms import NewSecondFactorForm, RecoveryCodesForm
from webapp.account.totp_setup import render_setup, unseal
from webapp.auth.forms import CodeForm
from webapp.auth.rate_limits import rate_limits
from webapp.auth.responses import render_form
from webapp.extensions import db, sealer
from webapp.models import Actor, Event, Passkey, RecoveryCode, User
from webapp.models.accounts.recovery_code import renew_recovery_codes
from webapp.models.accounts.second_factor import NewTotp, has_totp, replace_totp, turn_off_totp, turn_on_totp
from webapp.models.accounts.user import ChangedMeanwhile
from webapp.web.access import Action, before_second_factor, fresh, may, needs_two_factors
from webapp.web.audit import audit_source, record_refusal
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.mailer import mailer
from webapp.web.session import confirm_identity, current_user, current_user_or_none

TOO_OLD = "This page has become too old. Scan the new picture, then type the code."
WRONG_NEW_CODE = "This code is not right. Type the one the app shows now."
OFF = "Two-factor authentication is off: the password is enough to sign in."
OFF_WITH_PASSKEY = (
    "The authenticator app is off. This server requires a second factor: sign in with a passkey from now on."
)


@bp.get("/second-factor")
@may(Action.OWN_ACCOUNT)
@before_second_factor
async def second_factor() -> ResponseReturnValue:
    actor = current_user()
    async with db().reading() as session:
        is_on = await has_totp(session, actor.id)
        codes_left = await RecoveryCode.count_unused(session, actor.id)
        has_passkey = await session.scalar(Passkey.of(actor.id).limit(1)) is not None
    left: dict[str, Any] = {"codes_left": codes_left, "has_passkey": has_passkey}
    return await render("account/second_factor.html", is_on=is_on, is_demanded=needs_two_factors(actor), **left)


@bp.route("/second-factor/new", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@before_second_factor
@fresh
async def second_factor_new() -> ResponseReturnValue:
    actor = current_user()
    if await _is_on(actor):
        return redirect_to(url_for("account.second_factor"))
    form = await NewSecondFactorForm.load()
    if form.validate_on_submit() and (codes := await _turn_on(actor, form)):
        if current_user_or_none() is None:  # deleted or signed out just now: the page has nobody to greet
            raise ChangedMeanwhile
        return await render("account/recovery_codes.html", codes=codes, is_new=True)
    return await render_setup("account/second_factor_new.html", form, actor, "")


@bp.route("/second-factor/replacement", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@fresh
async def second_factor_replacement() -> ResponseReturnValue:
    """Another authenticator app: the one they have stays valid until the first code of the new one."""
    actor = current_user()
    user = await _find(actor)
    if user.totp_secret is None:
        return redirect_to(url_for("account.second_factor"))
    form = await NewSecondFactorForm.load()
    if form.validate_on_submit() and await _replace(actor, form):
        flash("The new app counts from now on, and the codes of the old one do not. Your recovery codes stay.")
        return redirect_to(url_for("account.second_factor"))
    return await render_setup("account/second_factor_replacement.html", form, actor, user.credentials_version)


@bp.route("/second-factor/removal", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@fresh
async def second_factor_removal() -> ResponseReturnValue:
    actor = current_user()
    form = await CodeForm.load()
    if form.is_submitted and not await _is_on(actor):  # turned off already
        return redirect_to(url_for("account.second_factor"))
    is_demanded = needs_two_factors(actor)
    if form.validate_on_submit() and await _turn_off(actor, form):
        flash(OFF_WITH_PASSKEY if is_demanded else OFF, "alert")
        return redirect_to(url_for("account.second_factor"))
    return await render_form("account/second_factor_removal.html", form, is_demanded=is_demanded)


@bp.route("/second-factor/recovery-codes", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@before_second_factor
@fresh
async def recovery_codes() -> ResponseReturnValue:
    actor = current_user()
    if not await _is_on(actor):
        return redirect_to(url_for("account.second_factor"))
    async with db().reading() as session:
        codes_left = await RecoveryCode.count_unused(session, actor.id)
        created = await RecoveryCode.version(session, actor.id)
    form = await RecoveryCodesForm.load(data={"replaces": created})
    if not form.validate_on_submit():
        return await render_form("account/recovery_codes_new.html", form, codes_left=codes_left)
    codes = await db().write(renew_recovery_codes, audit_source(), mailer, actor.id, form["replaces"].data)
    if codes is None:
        flash("New codes were created already, and shown once. If you have not saved them, create new ones.", "alert")
        return redirect_to(url_for("account.second_factor"))
    return await render("account/recovery_codes.html", codes=codes, is_new=False)


async def _is_on(actor: Actor) -> bool:
    async with db().reading() as session:
        return await has_totp(session, actor.id)


async def _find(actor: Actor) -> User:
    async with db().reading() as session:
        return await User.find(session, actor.id)


async def _turn_on(actor: Actor, form: NewSecondFactorForm) -> list[str] | None:
    """Return the recovery codes; or None, with the reason beside the field."""
    if (new := await _allowed_setup(actor, form)) is None:
        return None
    codes = await db().write(turn_on_totp, audit_source(), mailer, sealer(), actor.id, new.secret, form["code"].data)
    if codes is None:
        _refuse_new_code(form, step="set-up")
        return None
    await _confirm_new_app(actor)
    return codes


async def _replace(actor: Actor, form: NewSecondFactorForm) -> bool:
    """Or return False, with the reason beside the field: then the app they have goes on working."""
    if (new := await _allowed_setup(actor, form)) is None:
        return False
    if not await db().write(replace_totp, audit_source(), mailer, sealer(), actor.id, new, form["code"].data):
        _refuse_new_code(form, step="replacement")
        return False
    await _confirm_new_app(actor)
    return True


async def _allowed_setup(actor: Actor, form: NewSecondFactorForm) -> NewTotp | None:
    """The secret of the page, if another try is left; or None, with the reason in the form."""
    if not await rate_limits().allow(form, (rate_limits().own_guess, str(actor.id))):
        return None
    if (new := unseal(form, actor)) is None:
        form.refuse("code", TOO_OLD)
    return new


def _refuse_new_code(form: NewSecondFactorForm, *, step: str) -> None:
    record_refusal(Event.FACTOR_REFUSED, None, step=step)
    form.refuse("code", WRONG_NEW_CODE)


async def _confirm_new_app(actor: Actor) -> None:
    """Both factors have just been shown."""
    await rate_limits().own_guess.reset(str(actor.id))
    await confirm_identity("second factor", is_strong=True)


async def _turn_off(actor: Actor, form: CodeForm) -> bool:
    """Codes tried here and when signing in count together. Raises `LastFactor`."""
    tries = rate_limits().code_tries(await _find(actor))
    if not await rate_limits().allow(form, *tries):
        return False
    code, must_keep_factor = form["code"].data, needs_two_factors(actor)
    if not await db().write(
        turn_off_totp, audit_source(), mailer, sealer(), actor.id, code, must_keep_factor=must_keep_factor
    ):
        record_refusal(Event.FACTOR_REFUSED, None, step="removal")
        form.refuse("code", "This code is not right. Type the one the app shows now, or a recovery code.")
        return False
    await rate_limits().give_back(*tries)
    return True
