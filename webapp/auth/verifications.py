"""Confirming an address: the mailed link shows a page; its button confirms.

Mail scanners open links before people do, so opening one changes nothing. And only the account holder can confirm: if
somebody signed up with your address, your click must not make it theirs.
"""

from quart import request, url_for
from quart.typing import ResponseReturnValue

from webapp.auth import bp
from webapp.auth.rate_limits import rate_limits
from webapp.auth.responses import find_link
from webapp.extensions import config, db
from webapp.models import Purpose
from webapp.models.accounts.account import resend_verification, verify_email
from webapp.web.access import Action, before_second_factor, may
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.mailer import mailer
from webapp.web.safe_urls import safe_next
from webapp.web.session import current_user

NO_MAIL_SERVER = (
    "This server sends no mail, so it cannot confirm addresses, and nothing you do here depends on it. If the address "
    "is not yours, change it on the page of your account; whoever runs the server passes the link for it on to you."
)


@bp.route("/verifications/<token>", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@before_second_factor
async def verify(token: str) -> ResponseReturnValue:
    link, person = await find_link(Purpose.VERIFY, token), current_user()
    is_theirs = link.user_id == person.id
    if request.method == "POST" and is_theirs:
        await db().write(verify_email, audit_source(), person.id, token)
        flash("Thank you. Your address is confirmed.")
        return redirect_to(url_for("main.home"), whole=True)
    status = 200 if is_theirs else 403
    return await render("auth/verify.html", status=status, email=link.email, token=token, is_theirs=is_theirs)


@bp.post("/verifications")
@may(Action.OWN_ACCOUNT)
@before_second_factor
async def verify_resend() -> ResponseReturnValue:
    person = current_user()
    if person.is_verified:
        flash("Your address is confirmed already.")
    elif not config().can_confirm_addresses:
        flash(NO_MAIL_SERVER)
    elif not await rate_limits().mail.try_hit(person.email):
        flash("Several mails are already on their way. Look for them, also in the spam folder.", "alert")
    else:
        await db().write(resend_verification, mailer, person.id)
        flash(f"A new link is on its way to {person.email}; earlier ones no longer work.")
    return redirect_to(safe_next((await request.form).get("next"), url_for("main.dashboard")), whole=True)
