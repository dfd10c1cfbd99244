"""Reading the change log forwards, for pages that are open: what they show of each set, and when that is too much."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, func, or_, select

from webapp.models.accounts.user import User
from webapp.models.tables.change_set import Change, ChangeSet, Kind
from webapp.models.tables.set_author import AUTHOR_NAME
from webapp.models.tables.table import Column, Table
from webapp.models.tables.table_form import TableForm
from webapp.rowstore.nul_escape import decode_beginning
from webapp.rowstore.page_budget import MAX_CELL
from webapp.rowstore.table_ref import TableRef

MAX_SETS = 500  # that a page is sent at a time; one that is further behind loads its rows again
MAX_ENTRIES = 2_000  # of all of these


@dataclass(frozen=True, slots=True)
class Author:
    """Who made a change; nobody if the account is gone, and the form by whose address it came if that is all there is
    to say. Visitors by a link have the id of their `Actor`.
    """

    id: int | None
    name: str


@dataclass(slots=True)
class LoggedSet:
    """A change set as pages show it. Texts of cells are cut: they end after `MAX_CELL` characters and one more."""

    seq: int
    kind: str
    author: Author
    cells: list[tuple[int, int, str]] = field(default_factory=list)  # row, column, text
    added: list[int] = field(default_factory=list)  # ids of rows
    deleted: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)  # numbers of those that were added, changed or deleted
    title: str | None = None
    # Of a set that is too large to be listed: from the first to the last of so many rows something has changed.
    extent: tuple[int, int, int] | None = None
    # The columns of its cells; empty if it is about whole rows.
    touched: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        return 1 + len(self.cells) + len(self.added) + len(self.deleted)


@dataclass(frozen=True, slots=True)
class Feed:
    """A table and what was logged after some set: all up to `seq`, in order and without a gap, or None if that is too
    much or has been pruned. `growing` is the set of a large change that is being applied.
    """

    seq: int
    version: int
    growing: int | None
    sets: list[LoggedSet] | None


def read_feed(connection: Connection, table_id: int, after: int | None, up_to: int | None = None) -> Feed | None:
    """The sets after `after`, none if that is None; None if there is no such table, or it is in the trash.

    `up_to` leaves out those that come later. A table that is behind `after` (a backup was restored) has too much too.
    """
    found = connection.execute(_TABLE, {"table_id": table_id}).first()
    if found is None:
        return None
    seq, version, growing = found
    seq = seq if up_to is None else min(seq, max(up_to, after or 0))
    if after is None or after == seq:
        return Feed(seq, version, growing, [])
    sets = _read_sets(connection, table_id, after, seq) if after < seq <= after + MAX_SETS else None
    return Feed(seq, version, growing, sets)


def read_columns(connection: Connection, table_id: int) -> TableRef:
    """The table's columns as they are now, in order."""
    return TableRef.of(table_id, connection.execute(_COLUMNS, {"table_id": table_id}))


def _read_sets(connection: Connection, table_id: int, after: int, seq: int) -> list[LoggedSet] | None:
    rows: Sequence[Any] = connection.execute(_SETS, {"table_id": table_id, "after": after, "seq": seq}).all()
    if [row.seq for row in rows] != list(range(after + 1, seq + 1)):
        return None
    if sum(_listed(row) for row in rows) > MAX_ENTRIES:
        return None
    sets = {row.seq: logged_set(row, is_listed=_is_listed(row)) for row in rows}
    changes = connection.execute(_CHANGES, {"table_id": table_id, "after": after, "seq": seq, "limit": MAX_ENTRIES})
    filled = {_add_change(sets, change) for change in changes}
    is_pruned = any(_listed(row) and row.seq not in filled for row in rows)
    return None if is_pruned else list(sets.values())


def _listed(row: Any) -> int:
    """How many entries the set has in `changes`, about: none if they are a blob, or if an import made it."""
    return max(row.rows, row.cells) if _is_listed(row) else 0


def _is_listed(row: Any) -> bool:
    return not row.is_large and row.kind != Kind.IMPORT


def logged_set(row: Any, *, is_listed: bool) -> LoggedSet:
    """Without its entries. `row` has the columns of `SET_COLUMNS`; of a set that is not listed the extent is told."""
    name = row.name or (f"the form {row.form}" if row.form else "")
    logged = LoggedSet(row.seq, row.kind, Author(row.actor_id if row.link_id is None else -row.link_id, name))
    if not is_listed:
        logged.extent = (row.first_row or 0, row.last_row or 0, row.rows)
        logged.touched = tuple(int(number) for number in row.columns.split(",") if number)
    return logged


def _add_change(sets: dict[int, LoggedSet], change: Any) -> int:
    """Returns the number of its set."""
    logged: LoggedSet = sets[change.seq]
    if change.row_id is not None and change.column is not None:
        logged.cells.append((change.row_id, change.column, decode_beginning(change.after or "")))
    elif change.row_id is not None:
        (logged.deleted if change.after is None else logged.added).append(change.row_id)
    elif change.column is not None:
        logged.columns.append(change.column)
    else:
        logged.title = decode_beginning(change.after or "")
    return logged.seq


_TABLE = select(Table.seq, Table.version, Table.growing).where(
    Table.id == bindparam("table_id"), Table.deleted_at.is_(None)
)
_COLUMNS = (
    select(Column.number, Column.title, Column.type, Column.format, Column.keeps_texts, Column.storage)
    .where(Column.table_id == bindparam("table_id"), Column.deleted_at.is_(None))
    .order_by(Column.position)
)
IS_LARGE = or_(ChangeSet.blob.is_not(None), ChangeSet.parts > 0, ChangeSet.state != "").label("is_large")
SET_COLUMNS: tuple[Any, ...] = (
    ChangeSet.seq,
    ChangeSet.kind,
    ChangeSet.rows,
    ChangeSet.cells,
    ChangeSet.first_row,
    ChangeSet.last_row,
    ChangeSet.columns,
    IS_LARGE,
    ChangeSet.actor_id,
    ChangeSet.link_id,
    AUTHOR_NAME.label("name"),
    TableForm.name.label("form"),
)
_SETS = (
    select(*SET_COLUMNS)
    .outerjoin(User, User.id == ChangeSet.actor_id)
    .outerjoin(TableForm, TableForm.id == ChangeSet.form_id)
    .where(
        ChangeSet.table_id == bindparam("table_id"),
        ChangeSet.seq > bindparam("after"),
        ChangeSet.seq <= bindparam("seq"),
    )
    .order_by(ChangeSet.seq)
)
_CHANGES = (
    select(
        Change.seq,
        Change.row_id,
        Change.column,
        # Two characters more than a cell shows, one of which may begin an escape.
        func.substr(Change.after, 1, MAX_CELL + 2).label("after"),
    )
    .where(
        Change.table_id == bindparam("table_id"),
        Change.seq > bindparam("after"),
        Change.seq <= bindparam("seq"),
    )
    .order_by(Change.seq, Change.number)
    .limit(bindparam("limit"))
)
