"""The verbs of invitations. An invitation is a token with an address and a role; accepting it creates the account."""

from collections.abc import Sequence

from sqlalchemy import Select, delete, select, update

from webapp.db.unit_of_work import UnitOfWork
from webapp.models import AuditEvent, Event, Mail, OneTimeToken, Purpose, Role, User, utc_now
from webapp.models.accounts.links import send_invitation
from webapp.models.accounts.people import ActingUser, NotAllowed, ensure_can_grant
from webapp.models.errors import NotFound
from webapp.web.mailer import mailer


def unused() -> Select[OneTimeToken]:
    return select(OneTimeToken).where(OneTimeToken.purpose == Purpose.INVITE, OneTimeToken.used_at.is_(None))


def role_of(token: OneTimeToken) -> Role:
    return Role(token.data.get("role", Role.MEMBER))


async def invite(work: UnitOfWork, by: ActingUser, emails: Sequence[str], role: Role) -> tuple[list[str], list[str]]:
    """Return the addresses now invited, and those that need no invitation or have a better one."""
    await ensure_can_grant(work, by, role)
    sent, known = [], []
    for email in emails:
        if await work.session.scalar(select(User.id).where(User.email == email)) is not None:
            known.append(email)
            continue
        try:
            await _forget_earlier(work, by, email)
        except NotAllowed:
            known.append(email)
            continue
        await send_invitation(work, mailer, email, await _issue(work, by, email, role), role=role, inviter=by.doer.name)
        await AuditEvent.record(work, Event.INVITED, by.doer, email, role=role)
        sent.append(email)
    return sent, known


async def send_again(work: UnitOfWork, by: ActingUser, token_id: int) -> str:
    """With a new link and a new expiry; return the address."""
    email, role, token = await _renew(work, by, token_id)
    await send_invitation(work, mailer, email, token, role=role, inviter=by.doer.name)
    await AuditEvent.record(work, Event.INVITED, by.doer, email, role=role, again=True)
    return email


async def pass_on(work: UnitOfWork, by: ActingUser, token_id: int) -> tuple[str, str]:
    """Return the address and a new token that is not mailed."""
    email, _, token = await _renew(work, by, token_id)
    await AuditEvent.record(work, Event.LINK_COPIED, by.doer, email, mail="invitation")
    return email, token


async def withdraw(work: UnitOfWork, by: ActingUser, token_id: int) -> str:
    found = await _find(work, by, token_id)
    await _forget_earlier(work, by, found.email or "")
    await AuditEvent.record(work, Event.INVITATION_WITHDRAWN, by.doer, found.email)
    return found.email or ""


async def _renew(work: UnitOfWork, by: ActingUser, token_id: int) -> tuple[str, Role, str]:
    found = await _find(work, by, token_id)
    email, role = found.email or "", role_of(found)
    await _forget_earlier(work, by, email)
    return email, role, await _issue(work, by, email, role)


async def _issue(work: UnitOfWork, by: ActingUser, email: str, role: Role) -> str:
    data = {"role": role, "inviter": by.doer.name, "inviter_id": by.actor.id if by.actor else None}
    return await OneTimeToken.issue(work, Purpose.INVITE, email=email, data=data)


async def _find(work: UnitOfWork, by: ActingUser, token_id: int) -> OneTimeToken:
    """Raises `NotFound`, and `NotAllowed` if the invitation's role is not below that of `by`."""
    found = await work.session.scalar(unused().where(OneTimeToken.id == token_id))
    if found is None:
        raise NotFound("invitation")
    await ensure_can_grant(work, by, role_of(found))
    return found


async def _forget_earlier(work: UnitOfWork, by: ActingUser, email: str) -> None:
    """Revoke earlier links, and delete mails that still contain one."""
    for token in await work.session.scalars(unused().where(OneTimeToken.email == email)):
        await ensure_can_grant(work, by, role_of(token))
    await work.session.execute(
        update(OneTimeToken)
        .where(OneTimeToken.email == email, OneTimeToken.purpose == Purpose.INVITE, OneTimeToken.used_at.is_(None))
        .values(used_at=utc_now())
    )
    waiting = delete(Mail).where(Mail.recipient == email, Mail.user_id.is_(None), Mail.sealed.is_not(None))
    await work.session.execute(waiting)
