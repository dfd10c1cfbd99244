"""Invitations: a one-time token with an address and a role; accepting it creates the account."""

from collections.abc import Collection, Sequence
from contextlib import suppress

from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.accounts.one_time_token import OneTimeToken, Purpose, TokenUnusable
from webapp.models.accounts.people import ActingUser, NotAllowed, ensure_can_grant
from webapp.models.accounts.user import User, actor_from
from webapp.models.base import utc_now
from webapp.models.errors import NotFound
from webapp.models.mail import Mail, Mailer
from webapp.models.policy import Role

# True of invitations that were neither accepted nor withdrawn; they may have expired.
IS_PENDING: ColumnElement[bool] = and_(OneTimeToken.purpose == Purpose.INVITE, OneTimeToken.used_at.is_(None))


def role_of(invitation: OneTimeToken) -> Role:
    return Role(invitation.data.get("role", Role.MEMBER))


async def pending_roles(session: AsyncSession, emails: Collection[str]) -> dict[str, list[Role]]:
    """The roles of the pending invitations of each address; addresses without one are absent."""
    roles: dict[str, list[Role]] = {}
    for invitation in await session.scalars(select(OneTimeToken).where(IS_PENDING, OneTimeToken.email.in_(emails))):
        roles.setdefault(invitation.email or "", []).append(role_of(invitation))
    return roles


async def invite(
    work: UnitOfWork, by: ActingUser, mailer: Mailer, emails: Sequence[str], role: Role
) -> tuple[list[str], list[str]]:
    """Return the addresses now invited, and those that have an account or an invitation to a role above `by`.

    `emails` must be normalised by `normalise_email`. Raises `NotAllowed` if `by` may not grant the role.
    """
    await ensure_can_grant(work, by, role)
    invited = []
    have_account = set(await work.session.scalars(select(User.email).where(User.email.in_(emails))))
    for email in emails:
        if email not in have_account:
            with suppress(NotAllowed):
                invited.append(await _send(work, by, mailer, email, role))
    return invited, [email for email in emails if email not in invited]


async def resend(work: UnitOfWork, by: ActingUser, mailer: Mailer, invitation_id: int) -> str:
    """Send a new link, valid from now on; return the address. Raises `NotFound` and `NotAllowed`, as do the others."""
    invitation = await _find(work, by, invitation_id)
    return await _send(work, by, mailer, invitation.email or "", role_of(invitation), again=True)


async def issue_link(work: UnitOfWork, by: ActingUser, invitation_id: int) -> tuple[str, str]:
    """Return the address and a new token, to be passed on by hand; links sent before stop working."""
    invitation = await _find(work, by, invitation_id)
    email = invitation.email or ""
    token = await _issue(work, by, email, role_of(invitation))
    await AuditEvent.record(work, Event.LINK_COPIED, by.source, email, mail="invitation")
    return email, token


async def withdraw(work: UnitOfWork, by: ActingUser, invitation_id: int) -> str:
    """Return the address."""
    invitation = await _find(work, by, invitation_id)
    email = invitation.email or ""
    await _revoke_pending(work, by, email)
    await AuditEvent.record(work, Event.INVITATION_WITHDRAWN, by.source, email)
    return email


async def accept_invitation(
    work: UnitOfWork, source: AuditSource, *, token: str, name: str, password_hash: str
) -> User:
    """Create the account somebody was invited to. This verifies the address, because the link was sent there.

    Raises `TokenUnusable`, and `EmailTaken` if the address has got an account in the meantime.
    """
    invitation = await OneTimeToken.redeem(work, Purpose.INVITE, token)
    role, inviter = role_of(invitation), invitation.data.get("inviter")
    await _ensure_inviter_may(work, source, invitation.data.get("inviter_id"), role)
    email = invitation.email or ""
    user = await User.create(work, email=email, name=name, password_hash=password_hash, role=role, is_verified=True)
    await AuditEvent.record(work, Event.REGISTERED, source.acting_as(user), user, role=role, inviter=inviter)
    return user


async def _find(work: UnitOfWork, by: ActingUser, invitation_id: int) -> OneTimeToken:
    """Raises `NotFound`, and `NotAllowed` if the invitation's role is not below that of `by`."""
    invitation = await work.session.scalar(select(OneTimeToken).where(IS_PENDING, OneTimeToken.id == invitation_id))
    if invitation is None:
        raise NotFound("invitation")
    await ensure_can_grant(work, by, role_of(invitation))
    return invitation


async def _send(work: UnitOfWork, by: ActingUser, mailer: Mailer, email: str, role: Role, **details: bool) -> str:
    token = await _issue(work, by, email, role)
    # An address as the inviter: a name could contain any text, and would speak in our name.
    await mailer.send(work, "invitation", email, token=token, role=role, inviter=by.source.name)
    await AuditEvent.record(work, Event.INVITED, by.source, email, role=role, **details)
    return email


async def _issue(work: UnitOfWork, by: ActingUser, email: str, role: Role) -> str:
    await _revoke_pending(work, by, email)
    data = {"role": role, "inviter": by.source.name, "inviter_id": by.actor.id if by.actor else None}
    return await OneTimeToken.issue(work, Purpose.INVITE, email=email, data=data)


async def _revoke_pending(work: UnitOfWork, by: ActingUser, email: str) -> None:
    """Revoke earlier links, and delete mails that still contain one. Raises `NotAllowed`, having changed nothing."""
    for role in (await pending_roles(work.session, [email])).get(email, []):
        await ensure_can_grant(work, by, role)
    await work.session.execute(
        update(OneTimeToken).where(IS_PENDING, OneTimeToken.email == email).values(used_at=utc_now())
    )
    unsent = (Mail.recipient == email, Mail.user_id.is_(None), Mail.sealed.is_not(None))
    await work.session.execute(delete(Mail).where(*unsent))


async def _ensure_inviter_may(work: UnitOfWork, source: AuditSource, inviter_id: int | None, role: Role) -> None:
    """Raises `TokenUnusable` if the inviter may no longer grant this role. Command-line invitations have no inviter."""
    if inviter_id is None:
        return
    inviter = await work.session.get(User, inviter_id)
    if inviter is None:
        raise TokenUnusable
    by = ActingUser(actor_from(inviter), source.acting_as(inviter))
    try:
        await ensure_can_grant(work, by, role)
    except NotAllowed as error:
        raise TokenUnusable from error
