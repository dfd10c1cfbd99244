"""Inviting people who have no account to a table: by mail, or with a link that the table's owner passes on."""

from quart import url_for
from quart.typing import ResponseReturnValue
from werkzeug.exceptions import UnprocessableEntity
from wtforms.validators import InputRequired

from webapp.auth.forms import EmailAddress
from webapp.extensions import Extension, config, db
from webapp.models.errors import NotAllowed
from webapp.models.tables import invited
from webapp.models.tables.access import find_table
from webapp.tables import bp
from webapp.tables.member_presenter import may_invite
from webapp.tables.members import MemberRoleForm
from webapp.web.access import Action, fresh, may, resumable
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.hosts import own_origin
from webapp.web.mailer import mailer
from webapp.web.rate_limit.limits import RateLimit
from webapp.web.session import current_user

# Of one person an hour: each may be a mail to somebody who did not ask for it.
invitation_limit: Extension[RateLimit] = Extension(
    "tables.invitation_limit", lambda app: RateLimit("tables.invitations", 60, 3600)
)


class TableInvitationForm(MemberRoleForm):
    email = EmailAddress("E-mail", [InputRequired("Type an address.")])


@bp.post("/<id:table_id>/invitations")
@may(Action.CHANGE_TABLE)
async def invitations_create(table_id: int) -> ResponseReturnValue:
    """Invite somebody new; who has got an account in the meantime is added. Again, it changes the role."""
    await find_table(db(), current_user(), table_id, Action.CHANGE_TABLE)
    form = await TableInvitationForm.load()
    if not form.validate_on_submit():
        raise UnprocessableEntity("Type one e-mail address, and choose viewer or editor. Nobody was invited.")
    if not may_invite(current_user()):
        raise NotAllowed("Only administrators invite people to this server. Ask one, then add them here.")
    await invitation_limit().hit(str(current_user().id))
    email, who = form["email"].data or "", (current_user(), audit_source())
    is_invited = await db().write(invited.invite_member, *who, mailer, table_id, email, form["role"].data)
    sent = "" if config().sends_mail else " Copy the link below and pass it on: this server sends no mail."
    flash(f"{email} is invited.{sent}" if is_invited else f"{email} has an account, and is a member of this table now.")
    return redirect_to(url_for("tables.members_index", table_id=table_id))


@bp.post("/<id:table_id>/invitations/<id:token_id>/link")
@may(Action.CHANGE_TABLE)
@fresh
@resumable
async def invitations_link(table_id: int, token_id: int) -> ResponseReturnValue:
    """A link to pass on by hand. The database stores no readable token, so this creates a new one."""
    email, token = await db().write(invited.renew_link, current_user(), audit_source(), table_id, token_id)
    link = f"{own_origin()}{url_for('auth.invitation', token=token)}"
    back_url = url_for("tables.members_index", table_id=table_id)
    return await render("admin/mails/link.html", link=link, recipient=email, back_url=back_url)


@bp.post("/<id:table_id>/invitations/<id:token_id>/withdrawal")
@may(Action.CHANGE_TABLE)
async def invitations_withdraw(table_id: int, token_id: int) -> ResponseReturnValue:
    email = await db().write(invited.uninvite, current_user(), audit_source(), table_id, token_id)
    flash(f"{email} is not invited to this table any more.")
    return redirect_to(url_for("tables.members_index", table_id=table_id))
