"""A table of somebody's: its title, its columns, who may see it. The rows live in a real SQL table, `t<id>`."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, ForeignKey, Select, UniqueConstraint, bindparam, event, select, update
from sqlalchemy.orm import Mapped, Session, make_transient_to_detached, mapped_column, relationship, selectinload
from sqlalchemy.orm.attributes import set_committed_value

from webapp.data.uow import UnitOfWork
from webapp.models.base import Base, utc_now

KEPT = "rowcast.columns"
MOST_KEPT = 2_000  # columns, of all tables that a connection knows


class Column(Base):
    """One column. `number` names it in SQL (`c3`) and in addresses and never changes; `position` is where it stands."""

    __tablename__ = "columns"
    __table_args__ = (UniqueConstraint("table_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    table_id: Mapped[int] = mapped_column(ForeignKey("tables.id", ondelete="CASCADE"))
    number: Mapped[int]
    position: Mapped[int]
    title: Mapped[str]
    # A name of `engine.types`, and the format that prints its values back as they were written.
    type: Mapped[str]
    format: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # What the import learned: {"reason", "empty", "width" (characters the widest value needs)}.
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)

    @property
    def name(self) -> str:
        return f"c{self.number}"


class Table(Base):
    __tablename__ = "tables"
    __table_args__ = ({"sqlite_autoincrement": True},)  # an old link never leads to somebody's newer table

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    title: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # Rows in the SQL table, kept by the import.
    row_count: Mapped[int] = mapped_column(default=0)
    # "importing" until all rows are in, then "ready".
    state: Mapped[str] = mapped_column(default="importing")
    # Goes up with every change of its rows and columns: what is kept of a table hangs on it.
    version: Mapped[int] = mapped_column(default=0)
    # "none", "building", "ready": the full-text index.
    search_index: Mapped[str] = mapped_column(default="none")
    columns: Mapped[list[Column]] = relationship(
        order_by=Column.position, cascade="all, delete-orphan", passive_deletes=True, lazy="raise"
    )

    @property
    def name(self) -> str:
        """Its SQL table."""
        return f"t{self.id}"

    @classmethod
    def visible_to(cls, user_id: int) -> Select["Table"]:
        """Tables this person may see, columns loaded."""
        return select(cls).where(cls.owner_id == user_id).options(selectinload(cls.columns))

    @classmethod
    def find(cls, connection: Connection, user_id: int, table_id: int) -> "Table | None":
        """One of these, or none: a stranger's table is a 404, never a 403.

        Every request about a table begins here, so a session does not do it: that took longer than most of the rest.
        """
        row = connection.execute(_OWN, {"user_id": user_id, "table_id": table_id}).first()
        if row is None:
            return None
        table = cls(**row._mapping)
        make_transient_to_detached(table)
        set_committed_value(table, "columns", _columns(connection, table))
        return table

    @classmethod
    async def rename(cls, work: UnitOfWork, table_id: int, title: str) -> None:
        table = await work.session.get_one(cls, table_id)
        table.title = title


_OWN = select(*Table.__table__.columns).where(Table.id == bindparam("table_id"), Table.owner_id == bindparam("user_id"))
_COLUMNS = select(Column).where(Column.table_id == bindparam("table_id")).order_by(Column.position)


def _columns(connection: Connection, table: Table) -> list[Column]:
    """Kept with the connection as long as the table just read has the same version, whichever process raised it.

    Whoever gets them shares them: they are for reading.
    """
    kept: dict[int, tuple[int, list[Column]]] = connection.info.setdefault(KEPT, {})
    version, columns = kept.get(table.id, (None, []))
    if version != table.version:
        with Session(connection) as session:
            columns = list(session.scalars(_COLUMNS, {"table_id": table.id}))
        if sum(len(others) for _, others in kept.values()) + len(columns) > MOST_KEPT:
            kept.clear()
        kept[table.id] = table.version, columns
    return columns


@event.listens_for(Session, "before_flush")
def _raise_version(session: Session, *_: object) -> None:
    """No change of a column is forgotten. The columns of a table that is being made have no table's id yet."""
    changed = (one for one in (*session.new, *session.dirty, *session.deleted) if isinstance(one, Column))
    if tables := {column.table_id for column in changed} - {None}:
        session.execute(update(Table).where(Table.id.in_(tables)).values(version=Table.version + 1))
