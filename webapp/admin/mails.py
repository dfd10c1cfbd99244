"""Unsent mails: retried, or their links passed on by hand.

A link grants what its mail is about, so no page lists it. It is shown only to people who request it, have just proved
their identity, and may manage the recipient; and the request is in the audit log.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from cryptography.fernet import MultiFernet
from quart import url_for
from quart.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.admin import bp
from webapp.admin.doing import acting_user
from webapp.admin.inviting import role_of, unused
from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import config, db, queue, sealer
from webapp.models import AuditEvent, Event, Mail, OneTimeToken, Role, User, is_above
from webapp.models.accounts.people import ActingUser, ensure_can_grant, get_manageable_user
from webapp.models.errors import NotFound
from webapp.models.mail import MAX_TRIES
from webapp.web.access import Action, fresh, may, resumable
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.hosts import own_origin
from webapp.web.session import current_user

SHOWN = 200  # mails, newest first


class NoLink(UserError):
    def __init__(self) -> None:
        why = "it was sent, its link was used or is too old, or its key is gone"
        super().__init__(f"This mail holds no link that works: {why}. Make a new one.")


@dataclass(frozen=True, slots=True)
class Listed:
    id: str
    recipient: str
    subject: str
    created_at: datetime
    sent_at: datetime | None
    tries: int
    failure: str | None
    is_given_up: bool
    may_pass_on: bool  # whether the reader may see its link


@bp.get("/mails")
@may(Action.RUN_SERVER)
async def mails_index() -> ResponseReturnValue:
    async with db().reading() as session:
        waiting = await _listed(session, is_sent=False)
        sent = await _listed(session, is_sent=True)
    return await render("admin/mails/index.html", waiting=waiting, sent=sent, sends_mail=_sends_mail())


@bp.post("/mails/<mail_id>/link")
@may(Action.MANAGE_PEOPLE)
@fresh
@resumable
async def mails_link(mail_id: str) -> ResponseReturnValue:
    recipient, link = await db().write(_pass_on, acting_user(), mail_id, sealer())
    back = url_for("admin.mails_index")
    return await render("admin/mails/link.html", link=_here(link), recipient=recipient, back_url=back)


@bp.post("/mails/<mail_id>/retry")
@may(Action.RUN_SERVER)
async def mails_retry(mail_id: str) -> ResponseReturnValue:
    if not _sends_mail():
        raise UserError("No mail server is set up (ROWCAST_SMTP_URL), so no mail can be sent. Copy the link instead.")
    mail = await db().write(_try_again, acting_user(), mail_id)
    queue().enqueue("send_mail", mail.id)
    flash(f"The mail to {mail.recipient} is tried again now.")
    return redirect_to(url_for("admin.mails_index"))


def _here(link: str) -> str:
    """The link on this server as the reader reaches it: the mail may have been requested under another host name."""
    found = urlsplit(link)
    return f"{own_origin()}{found.path}" + (f"?{found.query}" if found.query else "")


async def _pass_on(work: UnitOfWork, by: ActingUser, mail_id: str, seal: MultiFernet) -> tuple[str, str]:
    """An administrator must not get into an owner's account through the owner's mails."""
    mail = await _waiting(work, mail_id)
    if mail.user_id is not None:
        await get_manageable_user(
            work, by, mail.user_id, myself="The links of your own mails come by mail, or from a colleague."
        )
    else:
        for role in await _invited_as(work.session, mail.recipient):
            await ensure_can_grant(work, by, role)
    letter = mail.letter(seal)
    if letter is None or not await _works(work.session, letter.link):
        raise NoLink
    await OneTimeToken.pass_on(work, _token_in(letter.link))
    await AuditEvent.record(work, Event.LINK_COPIED, by.doer, mail.recipient, mail=mail.subject)
    return mail.recipient, letter.link


async def _try_again(work: UnitOfWork, by: ActingUser, mail_id: str) -> Mail:
    mail = await _waiting(work, mail_id)
    if mail.tries < MAX_TRIES:
        raise UserError("This mail is still being retried automatically. Look again in a while.")
    mail.tries, mail.failure = 0, None
    await AuditEvent.record(work, Event.JOB_RETRIED, by.doer, mail.recipient, mail=mail.subject)
    return mail


async def _waiting(work: UnitOfWork, mail_id: str) -> Mail:
    mail = await work.session.get(Mail, mail_id)
    if mail is None:
        raise NotFound("mail")
    if mail.sealed is None:
        raise NoLink
    return mail


async def _invited_as(session: AsyncSession, email: str) -> list[Role]:
    """Owner, for an invitation that is no longer pending: nobody below needs its dead link."""
    tokens = await session.scalars(unused().where(OneTimeToken.email == email))
    return [role_of(token) for token in tokens] or [Role.OWNER]


async def _listed(session: AsyncSession, *, is_sent: bool) -> list[Listed]:
    is_wanted = Mail.sent_at.is_not(None) if is_sent else Mail.sealed.is_not(None)
    found = select(Mail, User.role).outerjoin(User, User.id == Mail.user_id).where(is_wanted)
    rows = (await session.execute(found.order_by(Mail.created_at.desc(), Mail.id).limit(SHOWN))).all()
    return [await _described(session, mail, role) for mail, role in rows]


async def _described(session: AsyncSession, mail: Mail, role: str | None) -> Listed:
    actor = current_user()
    letter = mail.letter(sealer())
    if mail.user_id == actor.id or letter is None or not await _works(session, letter.link):
        may_pass_on = False
    elif role is not None:
        may_pass_on = is_above(actor, Role(role))
    else:
        may_pass_on = all(is_above(actor, invited) for invited in await _invited_as(session, mail.recipient))
    return Listed(
        mail.id,
        mail.recipient,
        mail.subject,
        mail.created_at,
        mail.sent_at,
        mail.tries,
        mail.failure,
        mail.tries >= MAX_TRIES,
        may_pass_on,
    )


async def _works(session: AsyncSession, link: str) -> bool:
    """Whether it still grants something. The links in notices never do: they lead to pages that everybody can open."""
    return await session.scalar(OneTimeToken.working(_token_in(link))) is not None


def _token_in(link: str) -> str:
    """It stands at the end of the path, or of the query."""
    return re.split("[/=]", link)[-1]


def _sends_mail() -> bool:
    return bool(config().smtp_url.get_secret_value())
