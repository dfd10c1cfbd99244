"""Changing one's e-mail address: requested here, confirmed by a link sent to the new one, announced at the old one.

Only the owner of the new address learns whether it already has an account: the mail says so, the page does not.
"""

from quart import request, url_for
from quart.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from webapp.account import bp
from webapp.account.forms import ConfirmationForm, EmailForm
from webapp.account.throttles import throttles
from webapp.auth.links import answer_unusable
from webapp.auth.verifications import sends_mail
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import (
    AuditEvent,
    AuditSource,
    EmailTaken,
    Event,
    OneTimeToken,
    Purpose,
    TokenUnusable,
    User,
    utc_now,
)
from webapp.web.access import Action, fresh, may
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.mailer import mailer
from webapp.web.session import current_user

bp.register_error_handler(TokenUnusable, answer_unusable)

# Links sent to the old address, or made pointless by a new one.
OLD_LINKS = (Purpose.CHANGE_EMAIL, Purpose.RESET, Purpose.VERIFY)


async def pending_address(user_id: int) -> str | None:
    """The address that awaits confirmation."""
    statement = select(OneTimeToken.email).where(
        OneTimeToken.user_id == user_id,
        OneTimeToken.purpose == Purpose.CHANGE_EMAIL,
        OneTimeToken.used_at.is_(None),
        OneTimeToken.expires_at > utc_now(),
    )
    async with db().reading() as session:
        return await session.scalar(statement.order_by(OneTimeToken.id.desc()).limit(1))


@bp.route("/email", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@fresh
async def email() -> ResponseReturnValue:
    person = current_user()
    form = await EmailForm.read() if request.method == "POST" else EmailForm()
    if request.method == "POST" and form.validate():
        if form["email"].data != person.email:
            await throttles().begin_mail(person.id)
            await db().write(_ask, person.id, form["email"].data, audit_source())
            flash(f"{_way_of(form['email'].data)} The address changes when you open it.", "alert")
            return redirect_to(url_for("account.profile"))
        form.refuse("email", "This is your address already.")
    return await render("account/email.html", status=422 if form.errors else 200, form=form, sends_mail=sends_mail())


@bp.post("/email/withdrawal")
@may(Action.OWN_ACCOUNT)
async def email_withdrawal() -> ResponseReturnValue:
    await db().write(OneTimeToken.withdraw, Purpose.CHANGE_EMAIL, current_user().id)
    flash("Your address stays as it is; the link does not work any more.")
    return redirect_to(url_for("account.profile"))


@bp.route("/email/confirmation", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
async def email_confirmation() -> ResponseReturnValue:
    """Only for the person who requested it: in the mailbox of a mistyped address the link opens nothing.

    Opening it changes nothing, because mail scanners open links too.
    """
    person = current_user()
    form = ConfirmationForm(await request.form if request.method == "POST" else request.args)
    new = await _asked_for(person.id, form["token"].data) if form.validate() else None
    if new is None:
        raise TokenUnusable
    if request.method == "GET":
        return await render("account/email_confirmation.html", form=form, new=new)
    await db().write(_change, form["token"].data, audit_source())
    flash(f"Your address is {new} now. Sign in with it from now on.")
    return redirect_to(url_for("account.profile"), whole=True)


def _way_of(new: str) -> str:
    if sends_mail():
        return f"A link is on its way to {new}."
    return f"This server sends no mail. Whoever runs it has a link for {new} now: ask for it."


async def _asked_for(user_id: int, token: str) -> str | None:
    """The new address, if this link is valid and belongs to this person."""
    async with db().reading() as session:
        found = await session.scalar(OneTimeToken.usable(Purpose.CHANGE_EMAIL, token))
    return found.email if found is not None and found.user_id == user_id else None


async def _ask(work: UnitOfWork, user_id: int, new: str, audit_source: AuditSource) -> None:
    user = await work.session.get_one(User, user_id)
    taken = await work.session.scalar(select(User).where(User.email == new))
    token = await OneTimeToken.issue(work, Purpose.CHANGE_EMAIL, user_id=user_id, email=new)
    if taken is None:
        await mailer.send(work, "email_change", new, user_id=user.id, token=token, old_email=user.email)
    else:
        await mailer.send(work, "email_taken", new, user_id=taken.id)
    await mailer.send(work, "email_change_asked", user.email, user_id=user.id, new_email=new)
    await AuditEvent.record(work, Event.EMAIL_CHANGE_ASKED, audit_source, user, new=new)


async def _change(work: UnitOfWork, token: str, audit_source: AuditSource) -> None:
    """Raises `TokenUnusable`, and `EmailTaken` if somebody else has got the address in the meantime."""
    found = await OneTimeToken.redeem(work, Purpose.CHANGE_EMAIL, token)
    user = await work.session.get_one(User, found.user_id)
    before, user.email, user.verified_at = user.email, found.email or "", utc_now()
    try:
        await work.session.flush()
    except IntegrityError as error:
        raise EmailTaken from error
    for purpose in OLD_LINKS:
        await OneTimeToken.withdraw(work, purpose, user.id)
    await mailer.send(work, "email_changed", before, user_id=user.id, new_email=user.email)
    await AuditEvent.record(work, Event.EMAIL_CHANGED, audit_source, user, before=before)
