"""Confirming an address: the mailed link shows a page; its button confirms.

Mail scanners open links before people do, so opening one changes nothing. And only the account holder can confirm: if
somebody signed up with your address, your click must not make it theirs.
"""

from quart import request, url_for
from quart.typing import ResponseReturnValue

from webapp.auth import bp
from webapp.auth.links import find_link
from webapp.auth.throttles import throttles
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import config, db
from webapp.models import AuditEvent, Event, OneTimeToken, Purpose, TokenUnusable, User, utc_now
from webapp.models.accounts.links import send_verification
from webapp.web.access import Action, before_second_factor, may
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.mailer import mailer
from webapp.web.safe_urls import safe_next
from webapp.web.session import current_user


@bp.route("/verifications/<token>", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@before_second_factor
async def verify(token: str) -> ResponseReturnValue:
    found, person = await find_link(Purpose.VERIFY, token), current_user()
    is_theirs = found.user_id == person.id
    if request.method == "POST" and is_theirs:
        await db().write(_verify, token)
        flash("Thank you. Your address is confirmed.")
        return redirect_to(url_for("main.home"), whole=True)
    status = 200 if is_theirs else 403
    return await render("auth/verify.html", status=status, email=found.email, token=token, is_theirs=is_theirs)


@bp.post("/verifications")
@may(Action.OWN_ACCOUNT)
@before_second_factor
async def verify_resend() -> ResponseReturnValue:
    person = current_user()
    if person.is_verified:
        flash("Your address is confirmed already.")
    elif not await throttles().mail.try_hit(person.email):
        flash("Several mails are already on their way. Look for them, also in the spam folder.", "alert")
    else:
        await db().write(_send_again, person.id)
        flash(f"A new link is on its way to {person.email}; earlier ones no longer work." if sends_mail() else BY_HAND)
    return redirect_to(safe_next((await request.form).get("next"), url_for("main.dashboard")), whole=True)


BY_HAND = "This server sends no mail. Whoever runs it has a link for you now: ask for it."


def sends_mail() -> bool:
    return bool(config().smtp_url.get_secret_value())


async def _verify(work: UnitOfWork, token: str) -> None:
    """Raises `TokenUnusable`, also if the account has another address by now."""
    found = await OneTimeToken.redeem(work, Purpose.VERIFY, token)
    user = await work.session.get(User, found.user_id)
    if user is None or not user.is_active or user.email != found.email:
        raise TokenUnusable
    if user.verified_at is None:
        user.verified_at = utc_now()
        await AuditEvent.record(work, Event.VERIFIED, audit_source(user), user)


async def _send_again(work: UnitOfWork, user_id: int) -> None:
    await send_verification(work, mailer, await work.session.get_one(User, user_id))
