"""Invitations: sent to several addresses at once, resent, passed on by hand, withdrawn."""

from typing import Any

from quart import url_for
from quart.typing import ResponseReturnValue
from sqlalchemy import select

from webapp.admin import bp
from webapp.admin.forms import ROLES, InvitationForm
from webapp.auth.responses import render_form
from webapp.extensions import config, db
from webapp.models import OneTimeToken, Role, is_above, utc_now
from webapp.models.accounts import invitation
from webapp.models.accounts.outcomes import invitation_subject
from webapp.models.idempotency import Outcome, once
from webapp.web.access import Action, fresh, may, resumable
from webapp.web.flashes import flash
from webapp.web.formatting import plural
from webapp.web.fragments import redirect_to, render
from webapp.web.hosts import own_origin
from webapp.web.idempotency import form_key
from webapp.web.mailer import mailer
from webapp.web.session import acting_user, current_user

MAX_SHOWN = 1000


@bp.get("/people/invitations")
@may(Action.MANAGE_PEOPLE)
async def invitations_index() -> ResponseReturnValue:
    return await render("admin/invitations/index.html", pending=await _pending(), sends_mail=config().sends_mail)


@bp.get("/people/invitations/new")
@may(Action.MANAGE_PEOPLE)
@fresh
async def invitations_new() -> ResponseReturnValue:
    return await _new(InvitationForm(data={"role": Role.MEMBER}).offer(current_user()))


@bp.post("/people/invitations")
@may(Action.MANAGE_PEOPLE)
@fresh
async def invitations_create() -> ResponseReturnValue:
    form = (await InvitationForm.load()).offer(current_user())
    if not form.validate_on_submit():
        return await _new(form)
    who = (form.addresses, form["role"].data)
    invited, left_out = await db().write(
        once, await form_key(*who), _invited, invitation.invite, acting_user(), mailer, *who
    )
    if invited:
        flash(f"{plural(len(invited), 'person is', 'people are')} invited.")
    if left_out:
        flash(f"Already here, so not invited: {', '.join(left_out)}.", "alert")
    return redirect_to(url_for("admin.invitations_index"))


@bp.post("/people/invitations/<id:token_id>/resend")
@may(Action.MANAGE_PEOPLE)
async def invitations_resend(token_id: int) -> ResponseReturnValue:
    email = await db().write(invitation.resend, acting_user(), mailer, token_id)
    flash(f"{email} is invited once more; the link before no longer works.")
    return redirect_to(url_for("admin.invitations_index"))


@bp.post("/people/invitations/<id:token_id>/link")
@may(Action.MANAGE_PEOPLE)
@fresh
@resumable
async def invitations_link(token_id: int) -> ResponseReturnValue:
    """A link to pass on by hand. The database stores no readable token, so this creates a new one."""
    email, token = await db().write(invitation.issue_link, acting_user(), token_id)
    link = f"{own_origin()}{url_for('auth.invitation', token=token)}"
    back_url = url_for("admin.invitations_index")
    return await render("admin/mails/link.html", link=link, recipient=email, back_url=back_url)


@bp.post("/people/invitations/<id:token_id>/withdrawal")
@may(Action.MANAGE_PEOPLE)
async def invitations_withdraw(token_id: int) -> ResponseReturnValue:
    email = await db().write(invitation.withdraw, acting_user(), token_id)
    flash(f"The invitation for {email} no longer works.")
    return redirect_to(url_for("admin.invitations_index"))


def _invited(result: tuple[list[str], list[str]]) -> Outcome:
    message = "This form was sent already. The list shows who is invited."
    subject = "\n".join(map(invitation_subject, result[0]))
    return Outcome(url_for("admin.invitations_index"), message, subject)


async def _new(form: InvitationForm) -> ResponseReturnValue:
    return await render_form("admin/invitations/new.html", form, sends_mail=config().sends_mail)


async def _pending() -> list[dict[str, Any]]:
    newest = select(OneTimeToken).where(invitation.IS_PENDING).order_by(OneTimeToken.id.desc()).limit(MAX_SHOWN)
    async with db().reading() as session:
        tokens = (await session.scalars(newest)).all()
    return [
        {
            "token": token,
            "role": ROLES[invitation.role_of(token)],
            "inviter": token.data.get("inviter"),
            "has_expired": token.expires_at <= utc_now(),
            "may_manage": is_above(current_user(), invitation.role_of(token)),
        }
        for token in tokens
    ]
