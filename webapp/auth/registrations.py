"""Signing up.

On a server that others can reach, a set-up key keeps the first visitor from becoming the owner. It is derived from the
secret key, so that processes and restarts agree without storing it, and it is useless once there is an account.
"""

import base64
import hashlib
import hmac
from textwrap import wrap
from typing import Any

import structlog
from quart import request
from quart.typing import ResponseReturnValue

from settings import Registration, Settings
from webapp.auth import bp
from webapp.auth.forms import EmailCheckForm, RegistrationForm
from webapp.auth.rate_limits import rate_limits
from webapp.auth.responses import account_exists, redirect_after_login, render_form
from webapp.db.keys import secret_key
from webapp.extensions import config, db, hasher
from webapp.models import EmailTaken, Role, User
from webapp.models.accounts import account
from webapp.models.idempotency import once
from webapp.web.access import public
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import render
from webapp.web.idempotency import form_key
from webapp.web.mailer import mailer
from webapp.web.oidc.choices import single_sign_on, takes_password
from webapp.web.rate_limit.requests import client_address
from webapp.web.session import load_current_user, sign_in

log = structlog.get_logger("rowcast.setup")


@bp.route("/register", methods=["GET", "POST"])
@public
async def register() -> ResponseReturnValue:
    if await load_current_user() is not None:
        return redirect_after_login()
    is_first = not await has_accounts()
    if not (is_first or (is_registration_open() and takes_password(Role.MEMBER))):
        settings: dict[str, Any] = {"registration": config().registration, "sends_mail": config().sends_mail}
        return await render(
            "auth/closed.html", status=403, **settings, **single_sign_on(), next=request.args.get("next")
        )
    form = await RegistrationForm.load()
    if not is_first or config().is_private:
        del form["setup_key"]
    if form.validate_on_submit() and await _sign_up(form):
        return redirect_after_login()
    context: dict[str, Any] = {"is_first": is_first, "next": request.args.get("next"), **single_sign_on()}
    return await render_form("auth/register.html", form, **context)


@bp.get("/register/email")
@public
async def register_email() -> ResponseReturnValue:
    """What the form would say about the address being typed; nothing once the limit is reached."""
    form = EmailCheckForm(request.args)
    if not await rate_limits().email_check.try_hit(client_address()):
        return await render("auth/_email_check.html", problem=None)
    problem = None if form.validate() else " ".join(form["email"].errors)
    if problem is None and is_registration_open():
        async with db().reading() as session:
            if await session.scalar(User.id_by_email(form["email"].data)) is not None:
                problem = str(EmailTaken())
    return await render("auth/_email_check.html", problem=problem)


async def _sign_up(form: RegistrationForm) -> bool:
    """Create the account and sign in; or return False, with the reason beside its field.

    A taken address is disclosed: people must learn why they get no account. `docs/security.md` says so.
    """
    if not await rate_limits().allow(form, (rate_limits().registration, client_address())):
        return False
    if "setup_key" in form and not is_setup_key(config(), form["setup_key"].data):
        form.refuse("setup_key", "This is not the key in the server's log. It is printed at every start.")
        return False
    email, password_hash = form["email"].data, await hasher().hash(form["password"].data)
    try:
        user = await db().write(
            once,
            await form_key(email, is_public=True),
            account_exists,
            account.register,
            audit_source(),
            mailer,
            email=email,
            password_hash=password_hash,
            is_open=is_registration_open(),
        )
    except EmailTaken as error:
        form.refuse("email", str(error))
        return False
    await sign_in(user, remembered=False)
    flash("Welcome. You are the owner of this server." if user.role == "owner" else "Welcome.")
    return True


async def has_accounts() -> bool:
    row = await db().fetch_one(User.any_exist())
    return row is not None and row[0]


def is_registration_open() -> bool:
    """Whether people may create accounts once there is an owner."""
    return config().registration is Registration.OPEN


def setup_key(settings: Settings) -> str:
    """Such as `K7QD-2MXA-...`: 100 bits, without easily confused characters."""
    mac = hmac.digest(secret_key(settings).encode(), b"rowcast set-up key", hashlib.sha256)
    return "-".join(wrap(base64.b32encode(mac).decode()[:20], 4))


def is_setup_key(settings: Settings, key: str) -> bool:
    """Compared in constant time; case, spaces and dashes are ignored."""
    plain = "".join(character for character in key.upper() if character.isalnum())
    return hmac.compare_digest(plain.encode(), setup_key(settings).replace("-", "").encode())


@bp.before_app_serving
async def announce_setup_key() -> None:
    if config().is_private or await has_accounts():
        return
    log.warning("nobody has an account yet; who signs up first needs the set-up key", setup_key=setup_key(config()))
