"""The people a table is shared with: adding them, changing and removing them, leaving, and handing the table over.

Only a table's owner changes who its members are. Rights are those of the moment of the change, decided in its
transaction; all but `leave` raise `NotFound` for whoever has no part in the table and `NotAllowed` for its members.
"""

from sqlalchemy import delete, func, select, update

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.accounts.one_time_token import OneTimeToken
from webapp.models.accounts.people import with_current_role
from webapp.models.accounts.table_invitation import TableInvitation
from webapp.models.accounts.user import User
from webapp.models.errors import NotFound
from webapp.models.policy import Action, Actor, Role, TableRole, can_own_tables
from webapp.models.tables.access import TableAccess
from webapp.models.tables.change_log import publish_access
from webapp.models.tables.import_model import Import
from webapp.models.tables.saved_view import SavedView
from webapp.models.tables.sheet import TableNotReady
from webapp.models.tables.table import Member, Table

MAX_MEMBERS = 1_000  # of a table, with those who are invited to it
MEMBER_ROLES = (TableRole.VIEWER, TableRole.EDITOR)


class TooManyMembers(UserError):
    def __init__(self) -> None:
        super().__init__(f"A table has at most {MAX_MEMBERS:,} members. Remove somebody first.")


class IsOwner(UserError):
    def __init__(self) -> None:
        super().__init__("The owner of a table is no member of it. To change who that is, hand the table over.")


class NoMemberRole(UserError):
    def __init__(self) -> None:
        super().__init__("A member is a viewer or an editor.")


class MayNotOwn(UserError):
    def __init__(self, name: str) -> None:
        super().__init__(f"{name} may not own tables: guests cannot, nor can people who are deactivated.")


async def add_member(
    work: UnitOfWork, actor: Actor, source: AuditSource, table_id: int, user_id: int, role: TableRole
) -> User:
    """Share the table with this person; somebody who is a member already gets the role. Raises `NotFound` for a person
    who is not there or deactivated, `IsOwner`, `TooManyMembers` and `NoMemberRole`.
    """
    table = await require_owner(work, actor, table_id)
    ensure_member_role(role)
    person = await work.session.get(User, user_id)
    if person is None or not person.is_active:
        raise NotFound("person")
    if table.owner_id == person.id:
        raise IsOwner
    member = await work.session.get(Member, (table_id, user_id))
    if member is not None:
        await _set_role(work, source, member, person, role)
        return person
    await ensure_room(work, table_id)
    work.session.add(Member(table_id=table_id, user_id=user_id, role=role, added_by=actor.id))
    await AuditEvent.record(work, Event.MEMBER_ADDED, source, person, table_id=table_id, role=role)
    publish_access(work, table_id)
    return person


async def change_member_role(
    work: UnitOfWork, actor: Actor, source: AuditSource, table_id: int, user_id: int, role: TableRole
) -> User:
    """Raises `NotFound` for somebody who is no member, and `NoMemberRole`."""
    await require_owner(work, actor, table_id)
    ensure_member_role(role)
    member, person = await _find(work, table_id, user_id)
    await _set_role(work, source, member, person, role)
    return person


async def remove_member(
    work: UnitOfWork, actor: Actor, source: AuditSource, table_id: int, user_id: int
) -> User | None:
    """Return who was removed; None if they were no member."""
    await require_owner(work, actor, table_id)
    try:
        member, person = await _find(work, table_id, user_id)
    except NotFound:
        return None
    await _delete(work, member)
    await AuditEvent.record(work, Event.MEMBER_REMOVED, source, person, table_id=table_id, role=member.role)
    return person


async def leave(work: UnitOfWork, actor: Actor, source: AuditSource, table_id: int) -> str:
    """Give up one's own part; return the table's title. Raises `NotFound`, and `IsOwner`."""
    access = await _access(work, actor, table_id)
    if access.table_role is TableRole.OWNER:
        raise IsOwner
    member, person = await _find(work, table_id, actor.id)
    await _delete(work, member)
    await AuditEvent.record(work, Event.MEMBER_LEFT, source, person, table_id=table_id, role=member.role)
    return access.table.title


async def hand_over(work: UnitOfWork, actor: Actor, source: AuditSource, table_id: int, user_id: int) -> User:
    """Make this person the owner, and the owner until now an editor. Handing over again what they own changes nothing.

    Raises `NotFound` for a person who is not there, `MayNotOwn`, and `TableNotReady` while rows are coming in.
    """
    access = await _access(work, actor, table_id)
    person = await work.session.get(User, user_id)
    if person is not None and person.id == access.table.owner_id:
        return person
    await require_owner(work, actor, table_id)
    if person is None:
        raise NotFound("person")
    if not (person.is_active and can_own_tables(Role(person.role))):
        raise MayNotOwn(person.name)
    table = await work.session.get_one(Table, table_id)
    if table.state != "ready":
        raise TableNotReady
    if (member := await work.session.get(Member, (table_id, user_id))) is not None:
        await work.session.delete(member)
    table.owner_id = person.id
    work.session.add(Member(table_id=table_id, user_id=actor.id, role=TableRole.EDITOR, added_by=actor.id))
    # The file it came from stays with the table, whatever becomes of the account of the owner until now.
    await work.session.execute(update(Import).where(Import.table_id == table_id).values(user_id=person.id))
    await AuditEvent.record(work, Event.HANDED_OVER, source, person, table_id=table_id)
    publish_access(work, table_id)
    return person


async def require_owner(work: UnitOfWork, actor: Actor, table_id: int) -> Table:
    """The table, which is not to be modified. Raises `NotFound` and `NotAllowed`."""
    return (await _access(work, actor, table_id, Action.CHANGE_TABLE)).table


def ensure_member_role(role: TableRole) -> None:
    if role not in MEMBER_ROLES:
        raise NoMemberRole


async def ensure_room(work: UnitOfWork, table_id: int) -> None:
    """Raises `TooManyMembers`."""
    members = select(func.count()).select_from(Member).where(Member.table_id == table_id)
    invited = select(func.count()).select_from(TableInvitation).join(OneTimeToken)
    invited = invited.where(TableInvitation.table_id == table_id, OneTimeToken.used_at.is_(None))
    counted = select(members.scalar_subquery() + invited.scalar_subquery())
    if (await work.session.scalar(counted) or 0) >= MAX_MEMBERS:
        raise TooManyMembers


async def _access(work: UnitOfWork, actor: Actor, table_id: int, action: Action = Action.READ_TABLE) -> TableAccess:
    actor = await with_current_role(work, actor)
    return await work.run(lambda connection: TableAccess.require(connection, actor, table_id, action))


async def _find(work: UnitOfWork, table_id: int, user_id: int) -> tuple[Member, User]:
    member = await work.session.get(Member, (table_id, user_id))
    person = await work.session.get(User, user_id)
    if member is None or person is None:
        raise NotFound("member")
    return member, person


async def _set_role(work: UnitOfWork, source: AuditSource, member: Member, person: User, role: TableRole) -> None:
    before = member.role
    if before == role:
        return
    member.role = role
    details = {"table_id": member.table_id, "before": before, "role": role}
    await AuditEvent.record(work, Event.MEMBER_CHANGED, source, person, **details)
    publish_access(work, member.table_id)


async def _delete(work: UnitOfWork, member: Member) -> None:
    """With their own views of the table."""
    own = delete(SavedView).where(SavedView.table_id == member.table_id, SavedView.owner_id == member.user_id)
    await work.session.execute(own)
    await work.session.delete(member)
    publish_access(work, member.table_id)
