"""Mails: the unsent ones, retried or their links passed on by hand, and those that were sent.

No page lists a link. It is shown only to people who request it, have just proved their identity, and may manage the
recipient; and the request is in the audit log.
"""

from urllib.parse import urlsplit

from quart import url_for
from quart.typing import ResponseReturnValue
from sqlalchemy import select

from webapp.admin import bp
from webapp.db.errors import UserError
from webapp.extensions import config, db, sealer
from webapp.models import Mail
from webapp.models.accounts.outbox import retry_mail, reveal_link, unsent_mails
from webapp.web.access import Action, fresh, may, resumable
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.hosts import own_origin
from webapp.web.session import acting_user, current_user

MAX_SHOWN = 200  # mails of each kind, newest first


@bp.get("/mails")
@may(Action.RUN_SERVER)
async def mails_index() -> ResponseReturnValue:
    newest = select(Mail).where(Mail.sent_at.is_not(None)).order_by(Mail.created_at.desc(), Mail.id).limit(MAX_SHOWN)
    async with db().reading() as session:
        unsent = await unsent_mails(session, current_user(), sealer(), MAX_SHOWN)
        sent = (await session.scalars(newest)).all()
    return await render("admin/mails/index.html", unsent=unsent, sent=sent, sends_mail=config().sends_mail)


@bp.post("/mails/<mail_id>/link")
@may(Action.MANAGE_PEOPLE)
@fresh
@resumable
async def mails_link(mail_id: str) -> ResponseReturnValue:
    recipient, link = await db().write(reveal_link, acting_user(), mail_id, sealer())
    back_url = url_for("admin.mails_index")
    return await render("admin/mails/link.html", link=_on_this_host(link), recipient=recipient, back_url=back_url)


@bp.post("/mails/<mail_id>/retry")
@may(Action.RUN_SERVER)
async def mails_retry(mail_id: str) -> ResponseReturnValue:
    if not config().sends_mail:
        raise UserError("No mail server is set up (ROWCAST_SMTP_URL), so no mail can be sent. Copy the link instead.")
    mail = await db().write(retry_mail, acting_user(), mail_id)
    flash(f"The mail to {mail.recipient} is tried again now.")
    return redirect_to(url_for("admin.mails_index"))


def _on_this_host(link: str) -> str:
    """As the reader reaches this server: the mail may have been requested under another host name."""
    parts = urlsplit(link)
    return f"{own_origin()}{parts.path}" + (f"?{parts.query}" if parts.query else "")
