"""The second factor: TOTP codes, turned on by entering one code and off by entering another; and its recovery codes.

An unconfirmed secret exists only in the page, encrypted and bound to its person: leaving the page changes nothing.
Recovery codes are shown once, when they are created.
"""

import json
from textwrap import wrap

import pyotp
import segno
from cryptography.fernet import InvalidToken
from markupsafe import Markup
from quart import url_for
from quart.typing import ResponseReturnValue

from webapp.account import bp
from webapp.account.forms import NewSecondFactorForm, RecoveryCodesForm
from webapp.auth.forms import CodeForm
from webapp.auth.rate_limits import rate_limits
from webapp.auth.responses import render_form
from webapp.extensions import db, sealer
from webapp.models import Actor, RecoveryCode
from webapp.models.accounts.recovery_code import renew_recovery_codes
from webapp.models.accounts.second_factor import has_totp, turn_off_totp, turn_on_totp
from webapp.web.access import Action, before_second_factor, fresh, may
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.hosts import own_origin
from webapp.web.mailer import mailer
from webapp.web.session import confirm_identity, current_user

MAX_SETUP_SECONDS = 3600  # between showing the secret and its first code


@bp.get("/second-factor")
@may(Action.OWN_ACCOUNT)
@before_second_factor
async def second_factor() -> ResponseReturnValue:
    actor = current_user()
    async with db().reading() as session:
        is_on = await has_totp(session, actor.id)
        codes_left = await RecoveryCode.count_unused(session, actor.id)
    return await render("account/second_factor.html", is_on=is_on, codes_left=codes_left)


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
        return await render("account/recovery_codes.html", codes=codes, is_new=True)
    secret = _unseal(actor, form["sealed"].data) or pyotp.random_base32()
    form["sealed"].data = sealer().encrypt(json.dumps({"for": actor.id, "secret": secret}).encode()).decode()
    grouped, qr_code = " ".join(wrap(secret, 4)), _qr_code(actor, secret)
    return await render_form("account/second_factor_new.html", form, secret=grouped, qr_code=qr_code)


@bp.route("/second-factor/removal", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@fresh
async def second_factor_removal() -> ResponseReturnValue:
    actor = current_user()
    form = await CodeForm.load()
    if form.is_submitted and not await _is_on(actor):  # turned off already
        return redirect_to(url_for("account.second_factor"))
    if form.validate_on_submit():
        await rate_limits().own_guess.hit(str(actor.id))
        if await db().write(turn_off_totp, audit_source(), mailer, sealer(), actor.id, form["code"].data):
            await rate_limits().own_guess.reset(str(actor.id))
            flash("The second factor is off: the password is enough to sign in.", "alert")
            return redirect_to(url_for("account.second_factor"))
        form.refuse("code", "This code is not right. Type the one the app shows now, or a recovery code.")
    return await render_form("account/second_factor_removal.html", form)


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
        flash("New codes were made already, and shown once. If you have not kept them, make new ones.", "alert")
        return redirect_to(url_for("account.second_factor"))
    return await render("account/recovery_codes.html", codes=codes, is_new=False)


async def _is_on(actor: Actor) -> bool:
    async with db().reading() as session:
        return await has_totp(session, actor.id)


async def _turn_on(actor: Actor, form: NewSecondFactorForm) -> list[str] | None:
    """Return the recovery codes; or None, with the reason beside the field."""
    await rate_limits().own_guess.hit(str(actor.id))
    secret = _unseal(actor, form["sealed"].data)
    if secret is None:
        form.refuse("code", "This page has become too old. Scan the new picture, then type the code.")
        return None
    codes = await db().write(turn_on_totp, audit_source(), mailer, sealer(), actor.id, secret, form["code"].data)
    if codes is None:
        form.refuse("code", "This code is not right. Type the one the app shows now.")
        return None
    await rate_limits().own_guess.reset(str(actor.id))
    await confirm_identity("second factor", is_strong=True)  # both factors have just been shown
    return codes


def _qr_code(actor: Actor, secret: str) -> Markup:
    host = own_origin().partition("://")[2]
    uri = pyotp.TOTP(secret).provisioning_uri(name=actor.email, issuer_name=f"Rowcast {host}".replace(":", " "))
    svg = segno.make(uri, micro=False, error="m").svg_inline(omitsize=True, svgclass="qr", lineclass=None)
    # Generated here: the text is in it only as a picture, in the colours of the style sheet.
    return Markup(svg.replace("#000", "currentColor"))  # noqa: S704


def _unseal(actor: Actor, sealed: str | None) -> str | None:
    """The secret this page gave to this person earlier."""
    try:
        data = json.loads(sealer().decrypt(sealed or "", ttl=MAX_SETUP_SECONDS))
    except (InvalidToken, ValueError):  # Fernet raises ValueError for non-ASCII letters
        return None
    return data["secret"] if isinstance(data, dict) and data.get("for") == actor.id else None
