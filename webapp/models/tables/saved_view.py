"""Saved views of a table: what its address asks for, under a name, for one person or for all members."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, ForeignKey, Index, Select, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, utc_now
from webapp.models.errors import NotFound
from webapp.models.tables.table import Table
from webapp.models.tables.view_layout import ViewLayout

MAX_SHARED = 200  # views for all members, a table
MAX_OWN = 50  # views of one's own, a person and table
MAX_NAME = 80  # characters
DELETED_RETENTION = timedelta(days=1)  # for which a deletion can be undone

State = list[tuple[str, str]]  # parameters of an address: `TableQuery.state`


class SavedView(Base):
    __tablename__ = "saved_views"
    __table_args__ = (Index("ix_saved_views_table_id_owner_id", "table_id", "owner_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    table_id: Mapped[int] = mapped_column(ForeignKey("tables.id", ondelete="CASCADE"))
    # Whose it is; None: it is for all members.
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    # Search, filters, sorts and columns: [name, value] of each parameter.
    state: Mapped[list[Any]]
    # Widths of columns and the height of rows: `ViewLayout`, as text.
    layout: Mapped[str] = mapped_column(default="")
    # Incremented when another state is saved over it: nobody replaces what they have not seen.
    version: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)
    # Nobody finds it any more, but its deletion can be undone.
    deleted_at: Mapped[datetime | None]

    @classmethod
    def is_gone(cls, now: datetime) -> ColumnElement[bool]:
        """Whether nobody can undo its deletion any more."""
        return cls.deleted_at < now - DELETED_RETENTION


@dataclass(frozen=True, slots=True)
class ViewRecord:
    """A view as one person finds it."""

    id: int
    name: str
    is_shared: bool
    is_default: bool
    version: int
    state: State
    layout: ViewLayout


def list_views(connection: Connection, table_id: int, user_id: int) -> list[ViewRecord]:
    """Those for all members, then this person's own; each by name."""
    found = connection.execute(_VIEWS.where(SavedView.table_id == table_id, _is_seen_by(user_id)))
    records = [_record(row) for row in found]
    return sorted(records, key=lambda record: (not record.is_shared, record.name.casefold(), record.id))


def find_view(connection: Connection, table_id: int, user_id: int, view_id: int) -> ViewRecord:
    """Raises `NotFound`, also for a view that is somebody else's own."""
    return _find(connection, _VIEWS, table_id, user_id, view_id)


def find_deleted_view(connection: Connection, table_id: int, user_id: int, view_id: int) -> ViewRecord:
    """One whose deletion can be undone. Raises `NotFound`."""
    return _find(connection, _DELETED_VIEWS, table_id, user_id, view_id)


def _find(connection: Connection, views: Select[Any], table_id: int, user_id: int, view_id: int) -> ViewRecord:
    chosen = views.where(SavedView.id == view_id, SavedView.table_id == table_id, _is_seen_by(user_id))
    row = connection.execute(chosen).first()
    if row is None:
        raise NotFound("view")
    return _record(row)


def _is_seen_by(user_id: int) -> ColumnElement[bool]:
    return or_(SavedView.owner_id.is_(None), SavedView.owner_id == user_id)


def _record(row: Sequence[Any]) -> ViewRecord:
    view_id, name, owner_id, version, state, layout, default_id = row
    pairs = [(parameter, value) for parameter, value in state]
    is_default, kept = default_id == view_id, ViewLayout.parse(layout)
    return ViewRecord(view_id, name, owner_id is None, is_default, version, pairs, kept)


_ALL_VIEWS = select(
    SavedView.id,
    SavedView.name,
    SavedView.owner_id,
    SavedView.version,
    SavedView.state,
    SavedView.layout,
    Table.default_view_id,
).join(Table, Table.id == SavedView.table_id)
_VIEWS = _ALL_VIEWS.where(SavedView.deleted_at.is_(None))
_DELETED_VIEWS = _ALL_VIEWS.where(SavedView.deleted_at.is_not(None))
