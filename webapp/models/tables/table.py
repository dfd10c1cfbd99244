"""An imported table: its title, its columns, who may see it. The rows live in a real SQL table, `t<id>`."""

from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, ForeignKey, Row, Select, UniqueConstraint, bindparam, event, select, update
from sqlalchemy.orm import Mapped, Session, make_transient_to_detached, mapped_column, relationship, selectinload
from sqlalchemy.orm.attributes import set_committed_value

from webapp.db.database import Database
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.base import Base, utc_now
from webapp.models.errors import NotFound
from webapp.models.policy import Action, Actor, is_allowed
from webapp.rowstore.table_ref import TableRef

CACHE_KEY = "rowcast.tables"  # of the cached tables in the `info` of a connection
MAX_CACHED_COLUMNS = 2_000  # columns cached per connection, over all tables


class SearchIndex(StrEnum):
    """The state of a table's full-text index."""

    NONE = "none"
    BUILDING = "building"
    READY = "ready"


class Column(Base):
    """`number` never changes and names it in SQL (`c3`) and in URLs; `position` is its place on the page."""

    __tablename__ = "columns"
    __table_args__ = (UniqueConstraint("table_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    table_id: Mapped[int] = mapped_column(ForeignKey("tables.id", ondelete="CASCADE"))
    number: Mapped[int]
    position: Mapped[int]
    title: Mapped[str]
    # A type of `webapp.types`, and the format that reproduces its values.
    type: Mapped[str]
    format: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # Facts from the import: {"reason", "empty", "width" (characters of the widest value)}.
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Table(Base):
    __tablename__ = "tables"
    __table_args__ = ({"sqlite_autoincrement": True},)  # no reused ids: an old link never opens a newer table

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    title: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # Rows in the SQL table, maintained by the import.
    row_count: Mapped[int] = mapped_column(default=0)
    # The id of the next row added by hand: taken by `take_row_ids`, never used twice.
    next_row_id: Mapped[int] = mapped_column(default=1, server_default="1")
    # "importing" until all rows are in, then "ready".
    state: Mapped[str] = mapped_column(default="importing")
    # Incremented on every change of rows or columns; caches of a table depend on it.
    version: Mapped[int] = mapped_column(default=0)
    search_index: Mapped[str] = mapped_column(default=SearchIndex.NONE)
    columns: Mapped[list[Column]] = relationship(
        order_by=Column.position, cascade="all, delete-orphan", passive_deletes=True, lazy="raise"
    )

    @cached_property
    def ref(self) -> TableRef:
        """The table for the row store. Its columns must have been loaded, and do not change afterwards."""
        return TableRef.of(self.id, self.columns)

    @classmethod
    def visible_to(cls, user_id: int) -> Select["Table"]:
        """The tables this person may see, with columns loaded."""
        return select(cls).where(cls.owner_id == user_id).options(selectinload(cls.columns))

    @classmethod
    def find(cls, connection: Connection, user_id: int, table_id: int) -> "Table | None":
        """Return one of these, or None: a stranger's table is a 404, never a 403.

        Every request about a table starts here, so it avoids an ORM session, which took longer than most of the rest,
        and keeps what it made with the connection until the row changes. Callers share it and must not modify it.
        """
        row = connection.execute(_TABLE, {"user_id": user_id, "table_id": table_id}).first()
        if row is None:
            return None
        cache: dict[int, tuple[Row[Any], Table]] = connection.info.setdefault(CACHE_KEY, {})
        cached_row, cached = cache.get(table_id, (None, None))
        if cached is not None and cached_row == row:
            return cached
        table = cls(**row._mapping)
        make_transient_to_detached(table)
        is_current = cached and cached.version == table.version
        columns = cached.columns if cached and is_current else _columns(connection, table_id)
        set_committed_value(table, "columns", columns)
        if sum(len(other.columns) for _, other in cache.values()) + len(columns) > MAX_CACHED_COLUMNS:
            cache.clear()
        cache[table_id] = row, table
        return table

    @classmethod
    async def rename(cls, work: UnitOfWork, table_id: int, title: str) -> None:
        """Raises `NotFound` if it has been deleted in the meantime."""
        table = await work.session.get(cls, table_id)
        if table is None:
            raise NotFound("table")
        table.title = title


async def find_table(database: Database, actor: Actor, table_id: int, action: Action = Action.READ_TABLE) -> Table:
    """Return the table with its columns if this person may do `action` with it. Raises `NotFound`."""
    table = await database.read(lambda connection: Table.find(connection, actor.id, table_id))
    if table is None or not is_allowed(actor, action, table):
        raise NotFound("table")
    return table


async def take_row_ids(work: UnitOfWork, table_id: int, count: int) -> range:
    """Reserve the ids of new rows. Raises `NotFound`."""
    taken = update(Table).where(Table.id == table_id).values(next_row_id=Table.next_row_id + count)
    end = await work.session.scalar(taken.returning(Table.next_row_id))
    if end is None:
        raise NotFound("table")
    return range(end - count, end)


_TABLE = select(*Table.__table__.columns).where(
    Table.id == bindparam("table_id"), Table.owner_id == bindparam("user_id")
)
_COLUMNS = select(Column).where(Column.table_id == bindparam("table_id")).order_by(Column.position)


def _columns(connection: Connection, table_id: int) -> list[Column]:
    with Session(connection) as session:
        return list(session.scalars(_COLUMNS, {"table_id": table_id}))


@event.listens_for(Session, "before_flush")
def _increment_versions(session: Session, *_: object) -> None:
    """Runs for every change of a column. Columns of a table being created have no table id yet."""
    changed = (row for row in (*session.new, *session.dirty, *session.deleted) if isinstance(row, Column))
    if tables := {column.table_id for column in changed} - {None}:
        session.execute(update(Table).where(Table.id.in_(tables)).values(version=Table.version + 1))
