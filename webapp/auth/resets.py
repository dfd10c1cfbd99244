"""A forgotten password: the same response for every address, and a link for those that have an account.

Nothing about the mail happens before the response, so its timing reveals nothing either. Choosing a new password does
not sign anybody in: a second factor is still asked for.
"""

from quart import request, url_for
from quart.typing import ResponseReturnValue
from sqlalchemy import delete

from webapp.auth import bp
from webapp.auth.answers import answer
from webapp.auth.forms import NewPasswordForm, ResetForm
from webapp.auth.links import find_link
from webapp.auth.passwords import set_password
from webapp.auth.throttles import throttles
from webapp.auth.verifications import sends_mail
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import config, db, hasher
from webapp.models import (
    AuditEvent,
    AuditSource,
    Event,
    OneTimeToken,
    Passkey,
    Purpose,
    RecoveryCode,
    TokenUnusable,
    User,
    utc_now,
)
from webapp.models.accounts.links import send_reset
from webapp.models.accounts.people import has_factor
from webapp.web.access import public
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to
from webapp.web.known_devices import remember_device
from webapp.web.mailer import mailer
from webapp.web.rate_limit.requests import client_address
from webapp.web.session import sign_out


@bp.route("/reset", methods=["GET", "POST"])
@public
async def reset() -> ResponseReturnValue:
    form = await ResetForm.read() if request.method == "POST" else ResetForm()
    if request.method == "POST" and form.validate() and await _may_ask(form):
        await _ask(form["email"].data)
        return redirect_to(url_for("auth.login"), whole=True)
    return await answer("auth/reset.html", form, sends_mail=sends_mail())


@bp.route("/reset/<token>", methods=["GET", "POST"])
@public
async def reset_edit(token: str) -> ResponseReturnValue:
    found = await find_link(Purpose.RESET, token)
    form = await NewPasswordForm.read() if request.method == "POST" else NewPasswordForm()
    form["password"].whose = (found.email or "", "")
    if request.method == "POST" and form.validate() and await _choose(form, token):
        flash("Your new password is set, and you are signed out everywhere. Sign in with it now.")
        return redirect_to(url_for("auth.login"), whole=True)
    return await answer("auth/reset_edit.html", form, token=token, email=found.email)


async def _may_ask(form: ResetForm) -> bool:
    return await throttles().has_try_left(form, (throttles().link, client_address()))


async def _ask(email: str) -> None:
    """Repeated requests beyond the limit send no mail, and nobody is told that either."""
    if await throttles().mail.try_hit(email):
        db().write_soon(_send_link, email, audit_source())
    flash(f"If {email} has an account here, {_way_of_mail()}. It works for an hour.")


def _way_of_mail() -> str:
    if sends_mail():
        return "a mail with a link is on its way"
    if config().is_development:
        return f"a link for it is at {url_for('auth.outbox_index')} now"
    return "whoever runs this server has a link for you now"


async def _send_link(work: UnitOfWork, email: str, who: AuditSource) -> None:
    user = (await work.session.execute(User.able_to_sign_in(email))).scalar_one_or_none()
    await AuditEvent.record(work, Event.RESET_ASKED, who, user or email, sent=user is not None)
    if user is not None:
        await send_reset(work, mailer, user)


async def _choose(form: NewPasswordForm, token: str) -> bool:
    if not await throttles().has_try_left(form, (throttles().link, client_address())):
        return False
    user = await db().write(_reset, token, await hasher().hash(form["password"].data))
    await sign_out()
    if user.totp_secret is None:  # reading the mails must not grant a separate allowance of tries at the codes
        remember_device(user.id)
    return True


async def _reset(work: UnitOfWork, token: str, password_hash: str) -> User:
    """Raises `TokenUnusable`, also if the account is inactive or has another address by now."""
    found = await OneTimeToken.redeem(work, Purpose.RESET, token)
    user = await work.session.get(User, found.user_id)
    if user is None or not user.is_active or user.email != found.email:
        raise TokenUnusable
    if user.verified_at is None and not (found.is_by_hand and await has_factor(work, user)):
        await _take_over(work, user)
    await set_password(work, user.id, password_hash, audit_source(user), Event.PASSWORD_RESET)
    await mailer.send(work, "password_changed", user.email, user_id=user.id)
    return user


async def _take_over(work: UnitOfWork, user: User) -> None:
    """The address was unverified. Now somebody has proved that it is theirs, so what others added is removed."""
    user.verified_at, user.totp_secret = utc_now(), None
    await RecoveryCode.remove(work, user.id)
    await work.session.execute(delete(Passkey).where(Passkey.user_id == user.id))
    await AuditEvent.record(work, Event.VERIFIED, audit_source(user), user)
