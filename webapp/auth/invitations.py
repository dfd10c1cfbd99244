"""Accepting an invitation: a name and a password create the account, with the invitation's role and address."""

from typing import Any

from quart import request, url_for
from quart.typing import ResponseReturnValue

from webapp.auth import bp
from webapp.auth.forms import InvitationForm
from webapp.auth.rate_limits import rate_limits
from webapp.auth.responses import account_exists, find_link, render_form
from webapp.extensions import db, hasher
from webapp.models import EmailTaken, Purpose
from webapp.models.accounts.invitation import role_of
from webapp.models.idempotency import ensure_first, once
from webapp.models.tables.invited import accept_invitation, tables_of_invitation
from webapp.web.access import public
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to
from webapp.web.idempotency import form_key
from webapp.web.mailer import mailer
from webapp.web.oidc.choices import single_sign_on, takes_password
from webapp.web.rate_limit.requests import client_address
from webapp.web.session import sign_in


@bp.route("/invitations/<token>", methods=["GET", "POST"])
@public
async def invitation(token: str) -> ResponseReturnValue:
    await _ensure_first(token)
    link = await find_link(Purpose.INVITE, token)
    form = await InvitationForm.load()
    form["password"].owner = (link.email or "", "")
    async with db().reading() as session:
        tables = await tables_of_invitation(session, link.id)
    takes = takes_password(role_of(link))
    if takes and form.validate_on_submit() and await _accept(form, token):
        flash("Welcome.")
        return redirect_to(_first_page(list(tables)), whole=True)
    details: dict[str, Any] = {
        "titles": list(tables.values()),
        "email": link.email,
        "role": link.data.get("role"),
        "inviter": link.data.get("inviter"),
        "takes_password": takes,
        "provider": single_sign_on()["provider"],
    }
    return await render_form("auth/invitation.html", form, token=token, **details)


def _first_page(table_ids: list[int]) -> str:
    """The address of the table that somebody was invited to, of the dashboard if it is none or more than one."""
    if len(table_ids) == 1:
        return url_for("tables.show", table_id=table_ids[0])
    return url_for("main.dashboard")


async def _ensure_first(token: str) -> None:
    """Before the link is looked up: it is used now, which would not say by whom. Raises `AlreadyDone`."""
    if request.method == "POST":
        key = await form_key(token, is_public=True)
        async with db().reading() as session:
            await ensure_first(session, key)


async def _accept(form: InvitationForm, token: str) -> bool:
    if not await rate_limits().allow(form, (rate_limits().link, client_address())):
        return False
    name, password_hash = form["name"].data or "", await hasher().hash(form["password"].data)
    try:
        user = await db().write(
            once,
            await form_key(token, is_public=True),
            account_exists,
            accept_invitation,
            audit_source(),
            mailer,
            token=token,
            name=name,
            password_hash=password_hash,
        )
    except EmailTaken as error:
        form.refuse(None, str(error))
        return False
    await sign_in(user, remembered=False, method="invitation")
    return True
