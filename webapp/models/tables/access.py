"""Finding a table through the person who asks: in one place, and what they may do with it is decided with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, case, literal, or_, select, union_all
from sqlalchemy.orm import Session, make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value

from webapp.db.database import Database
from webapp.db.errors import UserError
from webapp.db.statements import OFTEN
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.errors import NotAllowed, NotFound
from webapp.models.policy import Action, Actor, TableRole, is_allowed
from webapp.models.tables.link import LINKS_OF_TABLE, parameters_for, role_of
from webapp.models.tables.narrowing import narrow
from webapp.models.tables.table import Column, Member, Table

CACHE_KEY = "rowcast.tables"  # of the cached tables in the `info` of a connection
MAX_CACHED_COLUMNS = 2_000  # columns cached per connection, over all tables


@dataclass(frozen=True, slots=True)
class TableAccess:
    """A table, and what the person who found it is to it. Callers share the table and must not modify it.

    For whoever comes by a link it has only what the link shows (`TableRef.is_narrowed`).
    """

    table: Table
    table_role: TableRole

    @classmethod
    def find(cls, connection: Connection, user_id: int, table_id: int) -> "TableAccess | None":
        """None if this person has no part in it: a stranger's table is a 404, never a 403.

        Every request about a table starts here, so it avoids an ORM session, which took longer than most of the rest,
        and keeps what it made with the connection until the row changes.
        """
        found = connection.execute(_TABLE, {"user_id": user_id, "table_id": table_id}).first()
        if found is None:
            return None
        *values, table_role = found
        return cls(_cached(connection, tuple(values)), TableRole(table_role))

    @classmethod
    def find_by_link(cls, connection: Connection, link_id: int, table_id: int) -> "TableAccess | None":
        """None if there is no such link to this table, or nothing that it could show."""
        link = connection.execute(LINKS_OF_TABLE, parameters_for(table_id, [link_id])).first()
        if link is None:
            return None
        *values, _ = connection.execute(_TABLE_OF_LINK, {"table_id": table_id}).one()
        table = narrow(_cached(connection, tuple(values)), link.scope, link.shown)
        return None if table is None else cls(table, role_of(link))

    @classmethod
    def of_readers(cls, connection: Connection, actors: Iterable[Actor], table_id: int) -> dict[int, TableRole]:
        """What each of these people, by id, is to the table, without those who may not see it: for many at once."""
        actors = list(actors)
        roles = {user_id: TableRole(role) for user_id, role in connection.execute(_ROLES, {"table_id": table_id})}
        if links := [actor.link_id for actor in actors if actor.link_id is not None]:
            found = connection.execute(LINKS_OF_TABLE, parameters_for(table_id, links))
            roles |= {-link.id: role_of(link) for link in found}
        return {
            actor.id: roles[actor.id]
            for actor in actors
            if actor.id in roles
            and (actor.table_ids is None or table_id in actor.table_ids)
            and is_allowed(actor, Action.READ_TABLE, _Part(roles[actor.id]))
        }

    @classmethod
    def require(cls, connection: Connection, actor: Actor, table_id: int, action: Action) -> "TableAccess":
        """The same. Raises `NotFound`, and `NotAllowed` if this person may see it but not do `action`.

        Verbs call it in their transaction: rights are those of the moment of the change.
        """
        if actor.table_ids is not None and table_id not in actor.table_ids:
            raise NotFound("table")  # the token is not for it
        if actor.link_id is None:
            access = cls.find(connection, actor.id, table_id)
        else:
            access = cls.find_by_link(connection, actor.link_id, table_id)
        if access is None:
            raise _missing(connection, actor, table_id)
        if is_allowed(actor, action, access):
            return access
        if action is Action.READ_TABLE or not is_allowed(actor, Action.READ_TABLE, access):
            raise NotFound("table")
        raise NotAllowed(_REFUSALS[action])


class TableInTrash(NotFound):
    """The table was deleted, and the person who asks for it is its owner, who can restore it."""

    def __init__(self, table_id: int, title: str) -> None:
        UserError.__init__(self, f"“{title}” is in the trash. Restore it there to open it again.")
        self.table_id, self.title = table_id, title


def _missing(connection: Connection, actor: Actor, table_id: int) -> NotFound:
    """What to say of a table that this person does not find."""
    title = connection.scalar(_IN_TRASH, {"table_id": table_id, "user_id": actor.id})
    return NotFound("table") if title is None else TableInTrash(table_id, title)


class _Part(NamedTuple):
    """What somebody is to a table, where the table itself is not needed."""

    table_role: TableRole


_REFUSALS = {
    Action.SAVE_VIEWS: "You can look at this table, and nothing more.",
    Action.EDIT_ROWS: "You can look at this table but not change it. Its owner can make you an editor.",
    Action.EDIT_TABLE: "You can look at this table but not change it. Its owner can make you an editor.",
    Action.CHANGE_TABLE: "Only the owner of this table can do this.",
}


async def require_access(work: UnitOfWork, actor: Actor, table_id: int, action: Action) -> TableAccess:
    """`TableAccess.require` in a unit of work."""
    return await work.run(lambda connection: TableAccess.require(connection, actor, table_id, action))


async def find_access(
    database: Database, actor: Actor, table_id: int, action: Action = Action.READ_TABLE
) -> TableAccess:
    """The table with its columns, if this person may do `action` with it. Raises `NotFound` and `NotAllowed`."""
    return await database.read(lambda connection: TableAccess.require(connection, actor, table_id, action))


async def find_table(database: Database, actor: Actor, table_id: int, action: Action = Action.READ_TABLE) -> Table:
    """The same, where only the table is needed."""
    return (await find_access(database, actor, table_id, action)).table


_TABLE = (
    select(
        *Table.__table__.columns,
        case((Table.owner_id == bindparam("user_id"), TableRole.OWNER.value), else_=Member.role).label("table_role"),
    )
    .outerjoin(Member, and_(Member.table_id == Table.id, Member.user_id == bindparam("user_id")))
    .where(
        Table.id == bindparam("table_id"),
        Table.deleted_at.is_(None),
        or_(Table.owner_id == bindparam("user_id"), Member.user_id.is_not(None)),
    )
    .execution_options(**OFTEN)
)
_TABLE_OF_LINK = select(*Table.__table__.columns, literal(TableRole.VIEWER.value)).where(
    Table.id == bindparam("table_id")
)
_ROLES = union_all(
    select(Member.user_id, Member.role)
    .join(Table, Table.id == Member.table_id)
    .where(Table.id == bindparam("table_id"), Table.deleted_at.is_(None)),
    select(Table.owner_id, literal(TableRole.OWNER.value)).where(
        Table.id == bindparam("table_id"), Table.deleted_at.is_(None)
    ),
)
_IN_TRASH = select(Table.title).where(
    Table.id == bindparam("table_id"),
    Table.owner_id == bindparam("user_id"),
    Table.deleted_at.is_not(None),
    Table.state == "ready",
)
_COLUMNS = select(Column).where(Column.table_id == bindparam("table_id"), Column.deleted_at.is_(None))
_COLUMNS = _COLUMNS.order_by(Column.position)
_NAMES = [column.name for column in Table.__table__.columns]


def _cached(connection: Connection, row: tuple[Any, ...]) -> Table:
    """The table of this row; its columns are read again only if they have changed."""
    cache: dict[int, tuple[tuple[Any, ...], Table]] = connection.info.setdefault(CACHE_KEY, {})
    table_id = row[_NAMES.index("id")]
    cached_row, cached = cache.get(table_id, (None, None))
    if cached is not None and cached_row == row:
        return cached
    table = Table()
    table.__dict__.update(zip(_NAMES, row, strict=True))  # the constructor would note each value as a change
    make_transient_to_detached(table)
    is_current = cached and cached.version == table.version
    columns = cached.columns if cached and is_current else _columns(connection, table_id)
    set_committed_value(table, "columns", columns)
    if cached is not None and is_current and "ref" in cached.__dict__:
        table.__dict__["ref"] = cached.ref  # each change of a cell makes another row of the table, not other columns
    if sum(len(other.columns) for _, other in cache.values()) + len(columns) > MAX_CACHED_COLUMNS:
        cache.clear()
    cache[table_id] = row, table
    return table


def _columns(connection: Connection, table_id: int) -> list[Column]:
    with Session(connection) as session:
        return list(session.scalars(_COLUMNS, {"table_id": table_id}))
