"""The second factor: TOTP codes, turned on by entering one code and off by entering another.

An unconfirmed secret exists only in the page, encrypted and bound to its person: leaving the page changes nothing.
"""

import json
from dataclasses import dataclass

import pyotp
import segno
from cryptography.fernet import InvalidToken
from markupsafe import Markup
from quart import request, url_for
from quart.typing import ResponseReturnValue
from sqlalchemy import func, select

from webapp.account import bp
from webapp.account.forms import NewFactorForm
from webapp.account.throttles import throttles
from webapp.auth.forms import CodeForm
from webapp.auth.second_factor import matching_step, verify_code
from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db, sealer
from webapp.models import Actor, AuditEvent, AuditSource, Event, RecoveryCode, User
from webapp.web.access import Action, before_second_factor, fresh, may
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.hosts import own_origin
from webapp.web.mailer import mailer
from webapp.web.session import confirm_session, current_user

SETTING_UP = 3600  # seconds between showing the secret and its first code


class FactorThere(UserError):
    def __init__(self) -> None:
        super().__init__("The second factor is on already. Turn it off first to use another app.")


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret as the page shows it."""

    plain: str
    sealed: str
    picture: Markup

    @property
    def grouped(self) -> str:
        return " ".join(self.plain[start : start + 4] for start in range(0, len(self.plain), 4))


@bp.get("/second-factor")
@may(Action.OWN_ACCOUNT)
@before_second_factor
async def second_factor() -> ResponseReturnValue:
    person = current_user()
    is_on = await has_factor(person.id)
    left = await codes_left(person.id) if is_on else 0
    return await render("account/second_factor.html", is_on=is_on, codes_left=left)


@bp.route("/second-factor/new", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@before_second_factor
@fresh
async def second_factor_new() -> ResponseReturnValue:
    person = current_user()
    if await has_factor(person.id):
        return redirect_to(url_for("account.second_factor"))
    form = await NewFactorForm.read() if request.method == "POST" else NewFactorForm()
    if request.method == "POST" and form.validate() and (codes := await _turn_on(person, form)):
        return await render("account/recovery_codes.html", codes=codes, is_new=True)
    secret = _secret_of(person, _opened(person, form["sealed"].data) or pyotp.random_base32())
    return await render("account/second_factor_new.html", status=422 if form.errors else 200, form=form, secret=secret)


@bp.route("/second-factor/removal", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@fresh
async def second_factor_removal() -> ResponseReturnValue:
    person = current_user()
    form = await CodeForm.read() if request.method == "POST" else CodeForm()
    if request.method == "POST" and form.validate():
        await throttles().begin_guess(person.id)
        if await db().write(_turn_off, person.id, form["code"].data, audit_source()):
            await throttles().forget_guess(person.id)
            flash("The second factor is off: the password is enough to sign in.", "alert")
            return redirect_to(url_for("account.second_factor"))
        form.refuse("code", "This code is not right. Type the one the app shows now, or a recovery code.")
    return await render("account/second_factor_removal.html", status=422 if form.errors else 200, form=form)


async def has_factor(user_id: int) -> bool:
    async with db().reading() as session:
        return await session.scalar(select(User.totp_secret.is_not(None)).where(User.id == user_id)) or False


async def codes_left(user_id: int) -> int:
    unused = select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    async with db().reading() as session:
        return await session.scalar(unused) or 0


async def _turn_on(person: Actor, form: NewFactorForm) -> list[str] | None:
    """Return the recovery codes; or None, with the reason beside the field."""
    await throttles().begin_guess(person.id)
    secret = _opened(person, form["sealed"].data)
    step = matching_step(secret, form["code"].data) if secret else None
    if secret is None or step is None:
        old = "This page has become too old. Scan the new picture, then type the code."
        form.refuse("code", "This code is not right. Type the one the app shows now." if secret else old)
        return None
    await throttles().forget_guess(person.id)
    codes = await db().write(_keep, person.id, sealer().encrypt(secret.encode()).decode(), step, audit_source())
    await confirm_session("second factor", is_strong=True)  # both factors have just been shown
    return codes


async def _keep(work: UnitOfWork, user_id: int, sealed: str, step: int, audit_source: AuditSource) -> list[str]:
    user = await work.session.get_one(User, user_id)
    if user.totp_secret is not None:
        raise FactorThere
    user.totp_secret, user.totp_step = sealed, step
    await AuditEvent.record(work, Event.FACTOR_ADDED, audit_source, user)
    await mailer.send(work, "second_factor_added", user.email, user_id=user.id)
    return await RecoveryCode.replace(work, user_id)


async def _turn_off(work: UnitOfWork, user_id: int, typed: str, audit_source: AuditSource) -> bool:
    if not await verify_code(work, user_id, typed, sealer(), audit_source):
        return False
    user = await work.session.get_one(User, user_id)
    user.totp_secret, user.totp_step = None, 0
    await RecoveryCode.remove(work, user_id)
    await AuditEvent.record(work, Event.FACTOR_REMOVED, audit_source, user)
    await mailer.send(work, "second_factor_removed", user.email, user_id=user.id)
    return True


def _secret_of(person: Actor, plain: str) -> Secret:
    sealed = sealer().encrypt(json.dumps({"for": person.id, "secret": plain}).encode()).decode()
    host = own_origin().partition("://")[2]
    address = pyotp.TOTP(plain).provisioning_uri(name=person.email, issuer_name=f"Rowcast {host}".replace(":", " "))
    drawn = segno.make(address, micro=False, error="m").svg_inline(omitsize=True, svgclass="qr", lineclass=None)
    # Generated here: its letters appear in the page only as a picture, in the colours of the style sheet.
    return Secret(plain, sealed, Markup(drawn.replace("#000", "currentColor")))  # noqa: S704


def _opened(person: Actor, sealed: str | None) -> str | None:
    """The secret this page gave to this person earlier."""
    try:
        found = json.loads(sealer().decrypt(sealed or "", ttl=SETTING_UP))
    except (InvalidToken, ValueError):  # Fernet raises ValueError for non-ASCII letters
        return None
    return found["secret"] if isinstance(found, dict) and found.get("for") == person.id else None
