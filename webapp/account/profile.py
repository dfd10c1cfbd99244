"""The profile: name, time zone, number style and e-mail address.

A new address is requested here, confirmed by a link sent to it, and announced at the old one. Only its owner learns
whether it already has an account: the mail says so, the page does not.
"""

from quart import request, url_for
from quart.typing import ResponseReturnValue

from webapp.account import bp
from webapp.account.forms import EmailConfirmationForm, EmailForm, ProfileForm
from webapp.auth.rate_limits import rate_limits
from webapp.auth.responses import render_form
from webapp.extensions import config, db
from webapp.models import TokenUnusable
from webapp.models.accounts.account import (
    change_profile,
    confirm_email_change,
    find_email_change,
    pending_email,
    request_email_change,
    withdraw_email_change,
)
from webapp.models.idempotency import Outcome, once
from webapp.web.access import Action, fresh, may
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.idempotency import form_key
from webapp.web.mailer import mailer
from webapp.web.session import current_user


@bp.route("", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
async def profile() -> ResponseReturnValue:
    actor = current_user()
    form = await ProfileForm.load(obj=actor)
    form.offer_time_zones(actor.time_zone)
    if form.validate_on_submit():
        await db().write(change_profile, audit_source(), actor.id, form.data)
        flash("Your profile is saved.")
        return redirect_to(url_for("account.profile"), whole=True)
    async with db().reading() as session:
        pending = await pending_email(session, actor.id)
    can_confirm = config().can_confirm_addresses
    return await render_form("account/profile.html", form, pending=pending, can_confirm=can_confirm)


@bp.route("/email", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@fresh
async def email() -> ResponseReturnValue:
    actor = current_user()
    form = await EmailForm.load()
    if form.validate_on_submit() and form.is_other_than(actor.email):
        await rate_limits().email_change.hit(str(actor.id))
        new = form["email"].data
        repeat = Outcome(
            url_for("account.profile"), f"The link for {new} exists already. Open the form again for another."
        )
        key = await form_key(new)
        await db().write(once, key, lambda _: repeat, request_email_change, audit_source(), mailer, actor.id, new)
        by_hand = f"This server sends no mail. Whoever runs it has a link for {new} now: ask for it."
        link = f"A link is on its way to {new}." if config().sends_mail else by_hand
        flash(f"{link} The address changes when you open it.", "alert")
        return redirect_to(url_for("account.profile"))
    return await render_form("account/email.html", form, sends_mail=config().sends_mail)


@bp.post("/email/withdrawal")
@may(Action.OWN_ACCOUNT)
async def email_withdrawal() -> ResponseReturnValue:
    await db().write(withdraw_email_change, audit_source(), current_user().id)
    flash("Your address stays as it is; the link does not work any more.")
    return redirect_to(url_for("account.profile"))


@bp.route("/email/confirmation", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
async def email_confirmation() -> ResponseReturnValue:
    """Only for the person who requested it: in the mailbox of a mistyped address the link opens nothing.

    Opening it changes nothing, because mail scanners open links too.
    """
    actor = current_user()
    form = await EmailConfirmationForm.load(data={"token": request.args.get("token")})
    if not form.validate():
        raise TokenUnusable
    token = form["token"].data
    if form.is_submitted:
        new = await db().write(confirm_email_change, audit_source(), mailer, actor.id, token)
        flash(f"Your address is {new} now. Sign in with it from now on.")
        return redirect_to(url_for("account.profile"), whole=True)
    async with db().reading() as session:
        new = await find_email_change(session, actor.id, token)
    return await render("account/email_confirmation.html", form=form, new=new)
