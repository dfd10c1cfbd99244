"""Who has a part in a table, and whom it could be shared with, as lists show them."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from webapp.models.accounts.invitation import IS_PENDING, is_for_table
from webapp.models.accounts.one_time_token import OneTimeToken
from webapp.models.accounts.people_query import people_like
from webapp.models.accounts.table_invitation import TableInvitation
from webapp.models.accounts.user import User, normalise_email
from webapp.models.base import utc_now
from webapp.models.policy import TableRole
from webapp.models.tables.table import Member, Table

MAX_FOUND = 20  # people whom a typed name may mean
MAX_LISTED = 1_000  # tables that are shared with one person


@dataclass(frozen=True, slots=True)
class ListedMember:
    """A person with a part in a table. The owner has no `added_at`; `added_by` is None if that person is gone."""

    person: User
    role: TableRole
    added_by: str | None = None
    added_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class InvitedMember:
    """Somebody who is to be a member once they have an account. `is_for_table`: a guest, invited by a table's owner."""

    invitation_id: int
    email: str
    role: TableRole
    has_expired: bool
    is_for_table: bool


@dataclass(frozen=True, slots=True)
class SharedTable:
    table_id: int
    owner: str  # the address
    role: TableRole
    added_at: datetime


async def members_of(session: AsyncSession, table_id: int) -> list[ListedMember]:
    """The owner, then the members by name."""
    owner = await session.scalar(select(User).join(Table, Table.owner_id == User.id).where(Table.id == table_id))
    adder = aliased(User)
    statement = select(User, Member, adder.name).join(Member, Member.user_id == User.id)
    statement = statement.outerjoin(adder, adder.id == Member.added_by).where(Member.table_id == table_id)
    rows = (await session.execute(statement)).all()
    members = [ListedMember(user, TableRole(member.role), by, member.added_at) for user, member, by in rows]
    members.sort(key=lambda member: (member.person.name.casefold(), member.person.email))
    return [*([ListedMember(owner, TableRole.OWNER)] if owner else []), *members]


async def invited_to(session: AsyncSession, table_id: int) -> list[InvitedMember]:
    """By address."""
    statement = select(TableInvitation, OneTimeToken).join(OneTimeToken)
    statement = statement.where(TableInvitation.table_id == table_id, IS_PENDING).order_by(OneTimeToken.email)
    return [
        InvitedMember(
            token.id, token.email or "", TableRole(grant.role), token.expires_at <= utc_now(), is_for_table(token)
        )
        for grant, token in await session.execute(statement)
    ]


async def shared_with(session: AsyncSession, user_id: int) -> list[SharedTable]:
    """Without titles: these are for whoever the table is shared with. Newest first."""
    statement = select(Table.id, User.email, Member.role, Member.added_at)
    statement = statement.join(Member, Member.table_id == Table.id).join(User, User.id == Table.owner_id)
    statement = statement.where(Member.user_id == user_id, Table.deleted_at.is_(None))
    statement = statement.order_by(Member.added_at.desc(), Table.id).limit(MAX_LISTED)
    rows = await session.execute(statement)
    return [SharedTable(table_id, owner, TableRole(role), at) for table_id, owner, role, at in rows]


async def find_typed_people(
    session: AsyncSession, typed: str, *, also_deactivated: bool = False
) -> tuple[User | None, Sequence[User]]:
    """The one person with this address, or with this very name; and else, at most `MAX_FOUND` whose name or address
    contains what was typed. Deactivated people are left out, unless they are asked for.
    """
    found = select(User) if also_deactivated else select(User).where(User.is_active)
    with suppress(ValueError):
        if person := await session.scalar(found.where(User.email == normalise_email(typed))):
            return person, []
    namesakes = (await session.scalars(found.where(User.name == typed.strip()).limit(MAX_FOUND))).all()
    if len(namesakes) == 1:
        return namesakes[0], []
    return None, namesakes or await people_like(session, typed, MAX_FOUND, also_deactivated=also_deactivated)
