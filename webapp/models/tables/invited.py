"""Sharing a table with people who have no account yet: they are invited to the server, and become members once they
accept.
"""

from sqlalchemy import and_, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts import invitation as invitations
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.accounts.invitation import IS_PENDING, is_for_table
from webapp.models.accounts.one_time_token import OneTimeToken
from webapp.models.accounts.people import ActingUser
from webapp.models.accounts.table_invitation import TableInvitation
from webapp.models.accounts.user import User
from webapp.models.errors import NotAllowed, NotFound
from webapp.models.mail import Mailer
from webapp.models.policy import Actor, TableRole
from webapp.models.tables.change_log import publish_access
from webapp.models.tables.members import add_member, ensure_member_role, ensure_room, require_owner
from webapp.models.tables.table import Member, Table

MAX_INVITED = 100  # of a table at a time
MAX_NAMED = 10  # tables that an invitation names


class TooManyInvited(UserError):
    def __init__(self) -> None:
        super().__init__(f"A table has at most {MAX_INVITED} invitations at a time. Withdraw one first.")


async def invite_member(
    work: UnitOfWork, actor: Actor, source: AuditSource, mailer: Mailer, table_id: int, email: str, role: TableRole
) -> bool:
    """Invite this address to the server as a guest, and to the table. An invitation that is on its way gets the table
    as well, with no other mail. False: they have an account, so they are a member now.

    `email` must be normalised by `normalise_email`. Raises `NotFound`, `NotAllowed`, `TooManyMembers`,
    `TooManyInvited`, `NoMemberRole`, and what `add_member` raises.
    """
    await require_owner(work, actor, table_id)
    ensure_member_role(role)
    user_id = await work.session.scalar(User.id_by_email(email))
    if user_id is not None:
        await add_member(work, actor, source, table_id, user_id, role)
        return False
    invitation = await invitations.invite_guest(work, ActingUser(actor, source), mailer, email)
    grant = await work.session.get(TableInvitation, (invitation.id, table_id))
    if grant is not None:
        grant.role = role
        return True
    await ensure_room(work, table_id)
    await _ensure_invited_room(work, table_id)
    # What expired unaccepted is invited anew.
    earlier = select(OneTimeToken.id).where(IS_PENDING, OneTimeToken.email == email)
    is_expired = and_(TableInvitation.table_id == table_id, TableInvitation.invitation_id.in_(earlier))
    await work.session.execute(delete(TableInvitation).where(is_expired))
    work.session.add(TableInvitation(invitation_id=invitation.id, table_id=table_id, role=role, added_by=actor.id))
    await AuditEvent.record(work, Event.MEMBER_INVITED, source, email, table_id=table_id, role=role)
    return True


async def renew_link(
    work: UnitOfWork, actor: Actor, source: AuditSource, table_id: int, invitation_id: int
) -> tuple[str, str]:
    """Return the address and a new token, to be passed on by hand; links sent before stop working.

    Raises `NotFound`, and `NotAllowed` for an invitation that an administrator sent: it may be for more than a guest.
    """
    invitation, _ = await _find(work, actor, table_id, invitation_id)
    if not is_for_table(invitation):
        raise NotAllowed("An administrator invited this person to the server, and has their link.")
    return invitation.email or "", await invitations.renew_guest_link(work, ActingUser(actor, source), invitation)


async def uninvite(work: UnitOfWork, actor: Actor, source: AuditSource, table_id: int, invitation_id: int) -> str:
    """Return the address. An invitation to the server that was only for this table is withdrawn with it."""
    invitation, grant = await _find(work, actor, table_id, invitation_id)
    await work.session.delete(grant)
    await work.session.flush()
    await AuditEvent.record(work, Event.MEMBER_UNINVITED, source, invitation.email, table_id=table_id)
    others = select(TableInvitation).where(TableInvitation.invitation_id == invitation_id).limit(1)
    if is_for_table(invitation) and await work.session.scalar(others) is None:
        await invitations.withdraw_guest(work, ActingUser(actor, source), invitation)
    return invitation.email or ""


async def accept_invitation(
    work: UnitOfWork, source: AuditSource, mailer: Mailer, *, token: str, name: str, password_hash: str
) -> User:
    """Create the account somebody was invited to, a member of the tables that the invitation names.

    Raises `TokenUnusable` and `EmailTaken`.
    """
    user, invitation = await invitations.accept_invitation(
        work, source, mailer, token=token, name=name, password_hash=password_hash
    )
    await _join_tables(work, source, user, invitation)
    return user


async def accept_for_address(work: UnitOfWork, source: AuditSource, email: str, name: str) -> User | None:
    """The same for somebody whose address is proved to be theirs; None if it is not invited."""
    accepted = await invitations.accept_for_address(work, source, email, name)
    if accepted is None:
        return None
    user, invitation = accepted
    await _join_tables(work, source, user, invitation)
    return user


async def _join_tables(work: UnitOfWork, source: AuditSource, user: User, invitation: OneTimeToken) -> None:
    granted = select(TableInvitation).where(TableInvitation.invitation_id == invitation.id)
    for grant in await work.session.scalars(granted):
        work.session.add(Member(table_id=grant.table_id, user_id=user.id, role=grant.role, added_by=grant.added_by))
        await work.session.delete(grant)
        details = {"table_id": grant.table_id, "role": grant.role}
        await AuditEvent.record(work, Event.MEMBER_ADDED, source.acting_as(user), user, **details)
        publish_access(work, grant.table_id)


async def tables_of_invitation(session: AsyncSession, invitation_id: int) -> dict[int, str]:
    """The titles by id, at most `MAX_NAMED`, of the tables that whoever accepts the invitation becomes a member of."""
    named = select(Table.id, Table.title).join(TableInvitation, TableInvitation.table_id == Table.id)
    named = named.where(TableInvitation.invitation_id == invitation_id, Table.deleted_at.is_(None))
    named = named.order_by(Table.title, Table.id).limit(MAX_NAMED)
    return {table_id: title for table_id, title in await session.execute(named)}


async def _find(
    work: UnitOfWork, actor: Actor, table_id: int, invitation_id: int
) -> tuple[OneTimeToken, TableInvitation]:
    await require_owner(work, actor, table_id)
    grant = await work.session.get(TableInvitation, (invitation_id, table_id))
    pending = select(OneTimeToken).where(IS_PENDING, OneTimeToken.id == invitation_id)
    invitation = await work.session.scalar(pending)
    if grant is None or invitation is None:
        raise NotFound("invitation")
    return invitation, grant


async def _ensure_invited_room(work: UnitOfWork, table_id: int) -> None:
    counted = select(func.count()).select_from(TableInvitation).join(OneTimeToken)
    counted = counted.where(TableInvitation.table_id == table_id, IS_PENDING)
    if (await work.session.scalar(counted) or 0) >= MAX_INVITED:
        raise TooManyInvited
