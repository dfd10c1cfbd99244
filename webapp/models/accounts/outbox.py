"""Unsent mails: retried, or their links passed on by hand.

A link grants what its mail is about. It is revealed only to people who may manage its recipient, and the audit log says
so: an administrator must not get into an owner's account through the owner's mails.
"""

import re
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.db.errors import UserError
from webapp.db.sealing import Sealer
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.audit import AuditEvent, Event
from webapp.models.accounts.invitation import pending_roles
from webapp.models.accounts.one_time_token import OneTimeToken, Purpose
from webapp.models.accounts.people import ActingUser, ensure_can_grant, get_manageable_user
from webapp.models.accounts.user import User
from webapp.models.base import hash_token
from webapp.models.errors import NotFound
from webapp.models.mail import Mail
from webapp.models.policy import Actor, Role, is_above


class NoWorkingLink(UserError):
    def __init__(self) -> None:
        super().__init__(
            "This mail holds no link that can be passed on: it was sent, its link was used or is too old, its key is "
            "gone, or it confirms an address, which only a mailed link does."
        )


async def unsent_mails(session: AsyncSession, reader: Actor, sealer: Sealer, limit: int) -> list[tuple[Mail, bool]]:
    """The newest first, each with whether the reader may see its link. Links are decrypted and not returned."""
    statement = select(Mail, User.role).outerjoin(User, User.id == Mail.user_id).where(Mail.sealed.is_not(None))
    rows = (await session.execute(statement.order_by(Mail.created_at.desc(), Mail.id).limit(limit))).all()
    links = {mail.id: letter.link for mail, _ in rows if (letter := mail.letter(sealer)) is not None}
    working = await _working_links(session, links.values())
    invited = await pending_roles(session, [mail.recipient for mail, role in rows if role is None])

    def may_reveal(mail: Mail, role: str | None) -> bool:
        if mail.user_id == reader.id or links.get(mail.id) not in working:
            return False
        roles = [Role(role)] if role else invited.get(mail.recipient, [Role.OWNER])
        return all(is_above(reader, role) for role in roles)

    return [(mail, may_reveal(mail, role)) for mail, role in rows]


async def reveal_link(work: UnitOfWork, by: ActingUser, mail_id: str, sealer: Sealer) -> tuple[str, str]:
    """Return the recipient and the link. Using it no longer shows that mail reaches them.

    Raises `NotFound`, `NoWorkingLink`, and `NotAllowed` if `by` may not manage the recipient.
    """
    mail = await _find(work, mail_id)
    if mail.sealed is None:
        raise NoWorkingLink
    if mail.user_id is not None:
        await get_manageable_user(
            work, by, mail.user_id, refuse_self="The links of your own mails come by mail, or from a colleague."
        )
    else:
        # Owner, for an invitation that is no longer pending: nobody below needs its dead link.
        for role in (await pending_roles(work.session, [mail.recipient])).get(mail.recipient, [Role.OWNER]):
            await ensure_can_grant(work, by, role)
    letter = mail.letter(sealer)
    if letter is None or not await _working_links(work.session, [letter.link]):
        raise NoWorkingLink
    await OneTimeToken.mark_by_hand(work, _token_in(letter.link))
    await AuditEvent.record(work, Event.LINK_COPIED, by.source, mail.recipient, mail=mail.subject)
    return mail.recipient, letter.link


async def retry_mail(work: UnitOfWork, by: ActingUser, mail_id: str) -> Mail:
    """Send a mail that was given up once more. Raises `NotFound`, and `UserError` if it was not given up."""
    mail = await _find(work, mail_id)
    if mail.sealed is None:
        raise UserError("This mail was sent, or is too old to be sent. Nothing was changed.")
    if not mail.is_given_up:
        raise UserError("This mail is still being retried automatically. Look again in a while.")
    mail.tries, mail.failure = 0, None
    await AuditEvent.record(work, Event.JOB_RETRIED, by.source, mail.recipient, mail=mail.subject)
    work.enqueue("send_mail", mail.id)
    return mail


async def _find(work: UnitOfWork, mail_id: str) -> Mail:
    mail = await work.session.get(Mail, mail_id)
    if mail is None:
        raise NotFound("mail")
    return mail


async def _working_links(session: AsyncSession, links: Iterable[str]) -> set[str]:
    """Those that still grant something when passed on by hand. The links in notices never do: they lead to pages that
    everybody can open; and one that confirms an address confirms it only if it was mailed.
    """
    by_hash = {hash_token(_token_in(link)): link for link in links}
    usable = select(OneTimeToken.token_hash).where(
        OneTimeToken.token_hash.in_(by_hash), OneTimeToken.is_usable(), OneTimeToken.purpose != Purpose.VERIFY
    )
    return {by_hash[token_hash] for token_hash in await session.scalars(usable)}


def _token_in(link: str) -> str:
    """It stands at the end of the path, or of the query."""
    return re.split("[/=]", link)[-1]
