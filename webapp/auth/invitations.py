"""Accepting an invitation: a name and a password create the account, with the invitation's role and address."""

from quart import url_for
from quart.typing import ResponseReturnValue

from webapp.auth import bp
from webapp.auth.forms import InvitationForm
from webapp.auth.rate_limits import rate_limits
from webapp.auth.responses import find_link, render_form
from webapp.extensions import db, hasher
from webapp.models import EmailTaken, Purpose
from webapp.models.accounts.invitation import accept_invitation
from webapp.web.access import public
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to
from webapp.web.rate_limit.requests import client_address
from webapp.web.session import sign_in


@bp.route("/invitations/<token>", methods=["GET", "POST"])
@public
async def invitation(token: str) -> ResponseReturnValue:
    link = await find_link(Purpose.INVITE, token)
    form = await InvitationForm.load()
    form["password"].owner = (link.email or "", "")
    if form.validate_on_submit() and await _accept(form, token):
        flash("Welcome.")
        return redirect_to(url_for("main.dashboard"), whole=True)
    details = {"email": link.email, "role": link.data.get("role"), "inviter": link.data.get("inviter")}
    return await render_form("auth/invitation.html", form, token=token, **details)


async def _accept(form: InvitationForm, token: str) -> bool:
    if not await rate_limits().allow(form, (rate_limits().link, client_address())):
        return False
    name, password_hash = " ".join((form["name"].data or "").split()), await hasher().hash(form["password"].data)
    try:
        user = await db().write(accept_invitation, audit_source(), token=token, name=name, password_hash=password_hash)
    except EmailTaken as error:
        form.refuse(None, str(error))
        return False
    await sign_in(user, remembered=False, method="invitation")
    return True
