"""Invitations: a one-time token with an address and a role; accepting it creates the account."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.accounts.one_time_token import BY_HAND, OneTimeToken, Purpose, TokenUnusable, send_link
from webapp.models.accounts.outcomes import forget_invitation
from webapp.models.accounts.people import ActingUser, ensure_can_grant, with_current_role
from webapp.models.accounts.table_invitation import TableInvitation
from webapp.models.accounts.user import User, actor_from
from webapp.models.base import utc_now
from webapp.models.errors import NotAllowed, NotFound
from webapp.models.mail import Mail, Mailer
from webapp.models.policy import Action, Role, is_allowed

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
    token = await _issue(work, by, email, role_of(invitation), **BY_HAND)
    await AuditEvent.record(work, Event.LINK_COPIED, by.source, email, mail="invitation")
    return email, token


async def withdraw(work: UnitOfWork, by: ActingUser, invitation_id: int) -> str:
    """Return the address."""
    invitation = await _find(work, by, invitation_id)
    email = invitation.email or ""
    await _revoke_pending(work, by, email)
    await forget_invitation(work, email)
    await AuditEvent.record(work, Event.INVITATION_WITHDRAWN, by.source, email)
    return email


def is_for_table(invitation: OneTimeToken) -> bool:
    """Whether somebody was invited as a guest, by a person who shares a table with them."""
    return bool(invitation.data.get("is_for_table"))


async def invite_guest(work: UnitOfWork, by: ActingUser, mailer: Mailer, email: str) -> OneTimeToken:
    """Return the invitation of this address that can be accepted, whoever sent it; without one, send one for a guest.

    `email` must be normalised by `normalise_email`. Raises `NotAllowed`.
    """
    await _ensure_can_invite_guests(work, by)
    usable = select(OneTimeToken).where(IS_PENDING, OneTimeToken.email == email, OneTimeToken.is_usable())
    invitation = await work.session.scalar(usable.order_by(OneTimeToken.id.desc()).limit(1))
    if invitation is not None:
        return invitation
    token = await OneTimeToken.issue(work, Purpose.INVITE, email=email, data=_guest_data(by))
    await mailer.send(work, "invitation", email, token=token, role=Role.GUEST, inviter=by.source.name)
    await AuditEvent.record(work, Event.INVITED, by.source, email, role=Role.GUEST)
    return (await work.session.scalars(OneTimeToken.usable(Purpose.INVITE, token))).one()


async def renew_guest_link(work: UnitOfWork, by: ActingUser, invitation: OneTimeToken) -> str:
    """Return a new token of an invitation that `is_for_table`, to be passed on by hand; the link before stops working.

    Raises `NotAllowed`.
    """
    await _ensure_can_invite_guests(work, by)
    email = invitation.email or ""
    revoked = await _revoke(work, email, OneTimeToken.id == invitation.id)
    token = await OneTimeToken.issue(work, Purpose.INVITE, email=email, data=_guest_data(by, **BY_HAND))
    await _keep_tables(work, revoked, token)
    await AuditEvent.record(work, Event.LINK_COPIED, by.source, email, mail="invitation")
    return token


async def withdraw_guest(work: UnitOfWork, by: ActingUser, invitation: OneTimeToken) -> None:
    """Revoke an invitation that `is_for_table`, of which no table is left."""
    email = invitation.email or ""
    await _revoke(work, email, OneTimeToken.id == invitation.id)
    await forget_invitation(work, email)
    await AuditEvent.record(work, Event.INVITATION_WITHDRAWN, by.source, email)


def _guest_data(by: ActingUser, **more: bool) -> dict[str, Any]:
    inviter_id = by.actor.id if by.actor else None
    return {"role": Role.GUEST, "inviter": by.source.name, "inviter_id": inviter_id, "is_for_table": True, **more}


async def _ensure_can_invite_guests(work: UnitOfWork, by: ActingUser) -> None:
    if by.actor is not None and not is_allowed(await with_current_role(work, by.actor), Action.INVITE_GUESTS):
        raise NotAllowed("You may not invite anybody to this server.")


async def accept_invitation(
    work: UnitOfWork, source: AuditSource, mailer: Mailer, *, token: str, name: str, password_hash: str
) -> tuple[User, OneTimeToken]:
    """Create the account somebody was invited to. A mailed link confirms the address; after any other one is mailed.

    Return it and the invitation. Raises `TokenUnusable`, and `EmailTaken` if the address has got an account in the
    meantime.
    """
    invitation = await OneTimeToken.redeem(work, Purpose.INVITE, token)
    await _ensure_inviter_may(work, source, invitation)
    is_by_hand = invitation.is_by_hand
    user = await _create_invited(work, source, invitation, name, password_hash, is_verified=not is_by_hand)
    if is_by_hand:
        await send_link(work, mailer, Purpose.VERIFY, user, "verification")
    return user, invitation


async def accept_for_address(
    work: UnitOfWork, source: AuditSource, email: str, name: str
) -> tuple[User, OneTimeToken] | None:
    """The same without a link and a password, for somebody who has shown that the address is theirs. None if it is not
    invited, or by nobody who may.
    """
    usable = select(OneTimeToken).where(IS_PENDING, OneTimeToken.email == email, OneTimeToken.is_usable())
    for invitation in await work.session.scalars(usable.order_by(OneTimeToken.id.desc())):
        with suppress(TokenUnusable):
            await _ensure_inviter_may(work, source, invitation)
            invitation.used_at = utc_now()
            return await _create_invited(work, source, invitation, name, "", is_verified=True), invitation
    return None


async def _create_invited(
    work: UnitOfWork, source: AuditSource, invitation: OneTimeToken, name: str, password_hash: str, *, is_verified: bool
) -> User:
    """Raises `EmailTaken`."""
    role, inviter, email = role_of(invitation), invitation.data.get("inviter"), invitation.email or ""
    user = await User.create(
        work, email=email, name=name, password_hash=password_hash, role=role, is_verified=is_verified
    )
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


async def _issue(work: UnitOfWork, by: ActingUser, email: str, role: Role, **more: bool) -> str:
    revoked = await _revoke_pending(work, by, email)
    data = {"role": role, "inviter": by.source.name, "inviter_id": by.actor.id if by.actor else None, **more}
    token = await OneTimeToken.issue(work, Purpose.INVITE, email=email, data=data)
    await _keep_tables(work, revoked, token)
    return token


async def _revoke_pending(work: UnitOfWork, by: ActingUser, email: str) -> list[int]:
    """Revoke earlier invitations, and return their ids. Raises `NotAllowed`, having changed nothing."""
    for role in (await pending_roles(work.session, [email])).get(email, []):
        await ensure_can_grant(work, by, role)
    return await _revoke(work, email, OneTimeToken.email == email)


async def _revoke(work: UnitOfWork, email: str, is_meant: ColumnElement[bool]) -> list[int]:
    """Revoke the pending invitations of this address that are meant, and delete mails that still contain a link."""
    revoked = update(OneTimeToken).where(IS_PENDING, is_meant).values(used_at=utc_now()).returning(OneTimeToken.id)
    ids = list(await work.session.scalars(revoked))
    unsent = (Mail.recipient == email, Mail.user_id.is_(None), Mail.sealed.is_not(None))
    await work.session.execute(delete(Mail).where(*unsent))
    return ids


async def _keep_tables(work: UnitOfWork, revoked: Collection[int], token: str) -> None:
    """The new invitation grants the tables that the revoked ones did; if several had the same one, as the newest."""
    await work.session.flush()
    invitation = (await work.session.scalars(OneTimeToken.usable(Purpose.INVITE, token))).one()
    granted = select(TableInvitation.table_id, TableInvitation.invitation_id)
    granted = granted.where(TableInvitation.invitation_id.in_(revoked)).order_by(TableInvitation.added_at)
    newest = {table_id: invitation_id for table_id, invitation_id in await work.session.execute(granted)}
    for table_id, invitation_id in newest.items():
        is_this = and_(TableInvitation.invitation_id == invitation_id, TableInvitation.table_id == table_id)
        await work.session.execute(update(TableInvitation).where(is_this).values(invitation_id=invitation.id))


async def _ensure_inviter_may(work: UnitOfWork, source: AuditSource, invitation: OneTimeToken) -> None:
    """Raises `TokenUnusable` if the inviter may no longer grant this role. Command-line invitations have no inviter."""
    inviter_id = invitation.data.get("inviter_id")
    if inviter_id is None:
        return
    inviter = await work.session.get(User, inviter_id)
    if inviter is None:
        raise TokenUnusable
    by = ActingUser(actor_from(inviter), source.acting_as(inviter))
    try:
        if is_for_table(invitation):
            await _ensure_can_invite_guests(work, by)
        else:
            await ensure_can_grant(work, by, role_of(invitation))
    except NotAllowed as error:
        raise TokenUnusable from error
