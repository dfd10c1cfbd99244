"""An imported table: its title, its columns, its members. The rows live in a real SQL table, `t<id>`."""

from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Select,
    UniqueConstraint,
    and_,
    event,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship, selectinload

from webapp.models.base import Base, utc_now
from webapp.rowstore.table_ref import TableRef


class SearchIndex(StrEnum):
    """The state of a table's full-text index."""

    NONE = "none"
    BUILDING = "building"
    READY = "ready"


def _own_number(context: Any) -> int:
    return int(context.get_current_parameters()["number"])


class Column(Base):
    """`number` never changes and names it in URLs; `position` is its place on the page; `storage` names the stored
    column that has its values (`c3`), which a change of its type replaces.
    """

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
    # Whether cells that their value does not print back have their text stored beside it.
    keeps_texts: Mapped[bool] = mapped_column(default=False, server_default="0")
    storage: Mapped[int] = mapped_column(default=_own_number, server_default="0")
    # What edits of its cells have to keep to: `ColumnRules`.
    rules: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    # Set when it was deleted; its cells stay until the change log forgets the deletion, which can be undone until then.
    deleted_at: Mapped[datetime | None] = mapped_column(default=None)
    # Whether the change log has forgotten the deletion: its cells are gone, and only its number remains, which no other
    # column of the table may ever have, because older entries of the log name it.
    is_dropped: Mapped[bool] = mapped_column(default=False, server_default="0")
    # Whether it was deleted for good, before the log forgets its deletion: it cannot come back, and its cells go next.
    is_purged: Mapped[bool] = mapped_column(default=False, server_default="0")
    # Facts from the import: {"reason", "empty", "width" (characters of the widest value), "exceptions" (filled cells
    # without a value of the type)}.
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Member(Base):
    """Somebody with whom a table is shared. Its owner is not one of them: `Table.owner_id`."""

    __tablename__ = "table_members"

    table_id: Mapped[int] = mapped_column(ForeignKey("tables.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)
    role: Mapped[str]  # TableRole.VIEWER or EDITOR
    added_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    added_at: Mapped[datetime] = mapped_column(default=utc_now)


class Table(Base):
    __tablename__ = "tables"
    __table_args__ = ({"sqlite_autoincrement": True},)  # no reused ids: an old link never opens a newer table

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    title: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    # Rows in the SQL table, maintained by the import and by every change of rows.
    row_count: Mapped[int] = mapped_column(default=0)
    # The id of the next row added by hand: taken by `take_row_ids`, never used twice.
    next_row_id: Mapped[int] = mapped_column(default=1, server_default="1")
    # The least number that the next column may have: no number is used twice. It may lag behind those of an import.
    next_column: Mapped[int] = mapped_column(default=1, server_default="1")
    # "importing" until all rows are in, then "ready"; "purging" while what was deleted for good is being removed.
    state: Mapped[str] = mapped_column(default="importing")
    # When it was moved to the trash. Until it is restored nobody finds it but its owner, and only there.
    deleted_at: Mapped[datetime | None] = mapped_column(default=None)
    # Incremented on every change of rows or columns; caches of a table depend on it.
    version: Mapped[int] = mapped_column(default=0)
    # The number of its latest change set; the next is taken by `take_seq`.
    seq: Mapped[int] = mapped_column(default=0, server_default="0")
    changed_at: Mapped[datetime | None] = mapped_column(default=utc_now)
    # The set of a large change while it is applied or taken back: its rows change without a further number.
    growing: Mapped[int | None]
    # The number of the oldest change set that is kept, and when the newest of those was made that are not.
    log_from: Mapped[int] = mapped_column(default=1, server_default="1")
    log_pruned_to: Mapped[datetime | None]
    # The first change set that was not looked at for what has been in the trash for too long.
    trash_from: Mapped[int] = mapped_column(default=1, server_default="1")
    search_index: Mapped[str] = mapped_column(default=SearchIndex.NONE)
    # The saved view that its address without parameters shows; one for all members. None: the whole table.
    default_view_id: Mapped[int | None]
    # Those that are not deleted.
    columns: Mapped[list[Column]] = relationship(
        primaryjoin=lambda: and_(Table.id == Column.table_id, Column.deleted_at.is_(None)),
        order_by=Column.position,
        cascade="all, delete-orphan",
        passive_deletes=True,
        lazy="raise",
    )

    @cached_property
    def ref(self) -> TableRef:
        """The table for the row store. Its columns must have been loaded, and do not change afterwards."""
        return TableRef.of(self.id, self.columns)

    @classmethod
    def visible_to(cls, user_id: int) -> Select["Table"]:
        """The tables this person may see, their own and those shared with them, with columns loaded."""
        return select(cls).where(cls.is_visible_to(user_id)).options(selectinload(cls.columns))

    @classmethod
    def is_visible_to(cls, user_id: int) -> ColumnElement[bool]:
        shared = cls.id.in_(select(Member.table_id).where(Member.user_id == user_id))
        return and_(cls.deleted_at.is_(None), or_(cls.owner_id == user_id, shared))


@event.listens_for(Session, "before_flush")
def _increment_versions(session: Session, *_: object) -> None:
    """Runs for every change of a column. Columns of a table being created have no table id yet."""
    changed = (row for row in (*session.new, *session.dirty, *session.deleted) if isinstance(row, Column))
    if tables := {column.table_id for column in changed} - {None}:
        session.execute(update(Table).where(Table.id.in_(tables)).values(version=Table.version + 1))
