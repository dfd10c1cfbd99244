"""Invitations: sent to several addresses at once, resent, passed on by hand, withdrawn."""

import re
from dataclasses import dataclass
from datetime import datetime

from quart import url_for
from quart.typing import ResponseReturnValue

from webapp.admin import bp
from webapp.admin.doing import acting_user
from webapp.admin.forms import ROLES, InvitationForm
from webapp.admin.inviting import invite, pass_on, role_of, send_again, unused, withdraw
from webapp.extensions import config, db
from webapp.models import OneTimeToken, Role, is_above, normalise_email, utc_now
from webapp.web.access import Action, fresh, may, resumable
from webapp.web.flashes import flash
from webapp.web.formatting import plural
from webapp.web.fragments import redirect_to, render
from webapp.web.hosts import own_origin
from webapp.web.session import current_user

MOST = 100  # addresses at once


@dataclass(frozen=True, slots=True)
class Pending:
    """An invitation that has not been accepted yet."""

    id: int
    email: str
    role: str
    inviter: str
    created_at: datetime
    expires_at: datetime
    has_expired: bool
    may_manage: bool


@bp.get("/people/invitations")
@may(Action.MANAGE_PEOPLE)
async def invitations_index() -> ResponseReturnValue:
    return await render("admin/invitations/index.html", pending=await _pending(), sends_mail=_sends_mail())


@bp.get("/people/invitations/new")
@may(Action.MANAGE_PEOPLE)
@fresh
async def invitations_new() -> ResponseReturnValue:
    return await _new(InvitationForm(data={"role": Role.MEMBER}).offer(current_user()))


@bp.post("/people/invitations")
@may(Action.MANAGE_PEOPLE)
@fresh
async def invitations_create() -> ResponseReturnValue:
    form = (await InvitationForm.read()).offer(current_user())
    emails = _addresses(form) if form.validate() else []
    if form.errors:
        return await _new(form, status=422)
    sent, known = await db().write(invite, acting_user(), emails, form["role"].data)
    if sent:
        flash(f"{plural(len(sent), 'person is', 'people are')} invited.")
    if known:
        flash(f"Already here, so not invited: {', '.join(known)}.", "alert")
    return redirect_to(url_for("admin.invitations_index"))


@bp.post("/people/invitations/<id:token_id>/resend")
@may(Action.MANAGE_PEOPLE)
async def invitations_resend(token_id: int) -> ResponseReturnValue:
    email = await db().write(send_again, acting_user(), token_id)
    flash(f"{email} is invited once more; the link before no longer works.")
    return redirect_to(url_for("admin.invitations_index"))


@bp.post("/people/invitations/<id:token_id>/link")
@may(Action.MANAGE_PEOPLE)
@fresh
@resumable
async def invitations_link(token_id: int) -> ResponseReturnValue:
    """A link to pass on by hand. The database stores no readable token, so this creates a new one."""
    email, token = await db().write(pass_on, acting_user(), token_id)
    link = f"{own_origin()}{url_for('auth.invitation', token=token)}"
    return await render(
        "admin/mails/link.html", link=link, recipient=email, back_url=url_for("admin.invitations_index")
    )


@bp.post("/people/invitations/<id:token_id>/withdrawal")
@may(Action.MANAGE_PEOPLE)
async def invitations_withdraw(token_id: int) -> ResponseReturnValue:
    email = await db().write(withdraw, acting_user(), token_id)
    flash(f"The invitation for {email} no longer works.")
    return redirect_to(url_for("admin.invitations_index"))


def _sends_mail() -> bool:
    return bool(config().smtp_url.get_secret_value())


async def _new(form: InvitationForm, status: int = 200) -> ResponseReturnValue:
    return await render("admin/invitations/new.html", status=status, form=form, sends_mail=_sends_mail())


async def _pending() -> list[Pending]:
    actor, now = current_user(), utc_now()
    async with db().reading() as session:
        tokens = await session.scalars(unused().order_by(OneTimeToken.id.desc()).limit(1000))
        return [
            Pending(
                token.id,
                token.email or "",
                ROLES[role_of(token)],
                str(token.data.get("inviter", "")),
                token.created_at,
                token.expires_at,
                token.expires_at <= now,
                is_above(actor, role_of(token)),
            )
            for token in tokens
        ]


def _addresses(form: InvitationForm) -> list[str]:
    """Each address once, normalised; malformed ones are reported beside the field."""
    typed = [part for part in re.split(r"[\s,;]+", form["emails"].data or "") if part]
    found: dict[str, None] = {}
    for part in typed[:MOST]:
        try:
            found[normalise_email(part)] = None
        except ValueError:
            form.refuse("emails", f"“{part[:100]}” is no e-mail address.")
    if len(typed) > MOST:
        form.refuse("emails", f"Invite at most {MOST} people at once.")
    return list(found)
