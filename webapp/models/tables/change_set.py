"""The change log: one entry for each cell, row or column that changed, in numbered sets, one for each action.

It is the only source of conflicts, undo, history, live updates and the upkeep of what depends on rows. Values are the
texts of cells, which every type reproduces. Undoing is the same entry with both sides exchanged.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, ForeignKey, ForeignKeyConstraint, Index, bindparam, insert, select, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.statements import OFTEN
from webapp.models.base import Base, only_where
from webapp.rowstore.entries import Entry, cells_from_json, cells_to_json, pack
from webapp.rowstore.entries import unpack as entries_from_blob
from webapp.rowstore.nul_escape import decode, encode

__all__ = [
    "MAX_LISTED",
    "Change",
    "ChangeSet",
    "ChangeSetPart",
    "Entry",
    "Kind",
    "SetState",
    "StoredEntries",
    "Via",
    "cells_from_json",
    "cells_to_json",
    "columns_of",
    "entries_from_blob",
    "entries_of",
    "entry_from_row",
    "extent_of",
    "insert_entries",
    "insert_listed",
    "listed_of",
    "parts_of",
    "size_of",
    "store_entries",
]

MAX_LISTED = 1_000  # entries of a set with a row each in the database; those of larger sets are one compressed blob


class Kind(StrEnum):
    """What a change set does."""

    CELLS = "cells"
    ADD_ROWS = "rows.add"
    DELETE_ROWS = "rows.delete"
    RESTORE = "rows.restore"  # rows and columns from the trash, unless that undoes a set as a whole
    COLUMNS = "columns"
    TITLE = "title"
    IMPORT = "import"  # rows `first_row` to `last_row` came from a file; it has no entries
    IMPORT_UPDATE = "import.update"  # a further file was laid over the table
    UNDO = "undo"  # the step back of the person who made the other set
    REDO = "redo"  # and the step forward again
    REVERT = "revert"  # any set, chosen from the history


class Via(StrEnum):
    """By what way a change came."""

    GRID = "grid"
    PAGE = "page"  # a form on a page, also without JavaScript
    IMPORT = "import"
    API = "api"
    LINK = "link"  # by a visitor without an account
    FORM = "form"  # an answer: `form_id`


class SetState(StrEnum):
    """What a large change makes of its set; "" is a set that is whole."""

    WHOLE = ""
    GROWING = "growing"  # it is being applied, or taken back again
    CANCELLED = "cancelled"  # it was taken back again, but for what somebody had changed meanwhile
    FAILED = "failed"  # the same, because it could not be applied


class ChangeSet(Base):
    """One action of one person. `seq` counts the sets of a table without gaps, in the order of their commits."""

    __tablename__ = "change_sets"
    __table_args__ = (
        Index("ix_change_sets_at", "at"),
        Index("ix_change_sets_actor_id", "actor_id"),
        Index("ix_change_sets_purging", "table_id", **only_where("is_purging")),
    )

    table_id: Mapped[int] = mapped_column(ForeignKey("tables.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    # The name of somebody who has no account here: the table comes from another installation.
    author: Mapped[str] = mapped_column(default="", server_default=text("''"))
    # Of a visitor: the link that they came by, and its name then.
    link_id: Mapped[int | None]
    link_name: Mapped[str] = mapped_column(default="", server_default=text("''"))
    via: Mapped[str]
    # The form that it answers; the log outlives forms.
    form_id: Mapped[int | None]
    kind: Mapped[str]
    rows: Mapped[int]  # how many rows it changed, added or deleted
    cells: Mapped[int]  # of these, how many cells of rows that were there before and after
    # The numbers of the columns of its cells, and of those that are columns themselves: `1,3`. Whole rows name none.
    columns: Mapped[str] = mapped_column(default="", server_default=text("''"))
    first_row: Mapped[int | None]  # the smallest and largest id of its rows
    last_row: Mapped[int | None]
    undo_of: Mapped[int | None]  # the `seq` of the set that it takes back
    undone_by: Mapped[int | None]  # the `seq` of the set that took it back and is in force
    note: Mapped[str] = mapped_column(default="")
    size: Mapped[int]  # bytes of its entries, about
    blob: Mapped[bytes | None] = mapped_column(deferred=True)  # its entries, if they are not in `changes`
    # How many of its entries are gone because what they were about was deleted for good, and whether that of the rows
    # and columns that it has deleted is under way: `deletion_purging.py`.
    purged: Mapped[int] = mapped_column(default=0, server_default="0")
    is_purging: Mapped[bool] = mapped_column(default=False, server_default="0")
    # Of a large change: how many parts its entries are in (`ChangeSetPart`), as planned until it is whole.
    parts: Mapped[int] = mapped_column(default=0, server_default="0")
    state: Mapped[str] = mapped_column(default=SetState.WHOLE, server_default=text("''"))


class ChangeSetPart(Base):
    """Some of the entries of a large change, in the order in which they were made. No row and no cell is in a set
    twice. What the set says of columns is before all parts, in `changes`.

    Parts outlive their set for a moment when the log is pruned: `log_pruning` deletes them some at a time.
    """

    __tablename__ = "change_set_parts"
    __table_args__ = (Index("ix_change_set_parts_rows", "table_id", "seq", "first_row", "last_row"),)

    table_id: Mapped[int] = mapped_column(ForeignKey("tables.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 1
    entries: Mapped[int]
    rows: Mapped[int]
    cells: Mapped[int]
    columns: Mapped[str]  # as those of the set
    first_row: Mapped[int]
    last_row: Mapped[int]
    blob: Mapped[bytes] = mapped_column(deferred=True)


class Change(Base):
    __tablename__ = "changes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["table_id", "seq"], ["change_sets.table_id", "change_sets.seq"], name="fk_changes_set", ondelete="CASCADE"
        ),
        Index("ix_changes_row", "table_id", "row_id", "seq"),
        {"sqlite_with_rowid": False},
    )

    table_id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)  # its place in the set
    row_id: Mapped[int | None]
    column: Mapped[int | None]
    before: Mapped[str | None]
    after: Mapped[str | None]


@dataclass(frozen=True, slots=True)
class StoredEntries:
    """The entries of a set as they are stored: rows of `changes`, or a blob."""

    listed: list[dict[str, Any]]
    blob: bytes | None
    size: int


def store_entries(entries: Sequence[Entry]) -> StoredEntries:
    if len(entries) > MAX_LISTED:
        blob = pack(entries)
        return StoredEntries([], blob, len(blob))
    return StoredEntries(_listed(entries), None, size_of(entries))


def size_of(entries: Iterable[Entry]) -> int:
    """Bytes of entries that have a row each, about."""
    return sum(30 + len(entry.before or "") + len(entry.after or "") for entry in entries)


def insert_entries(connection: Connection, table_id: int, seq: int, stored: StoredEntries) -> None:
    if stored.listed:
        connection.execute(_INSERT, [{"table_id": table_id, "seq": seq, **row} for row in stored.listed])


def insert_listed(connection: Connection, table_id: int, seq: int, entries: Sequence[Entry], first: int = 0) -> None:
    """What a large set says of columns, however many: it is before its parts. `first` is the place of the first one."""
    insert_entries(connection, table_id, seq, StoredEntries(_listed(entries, first), None, 0))


def listed_of(connection: Connection, table_id: int, seq: int) -> list[Entry]:
    """The entries of a set that have a row each: of a large one those of columns, its parts have the others."""
    rows = connection.execute(_LISTED, {"table_id": table_id, "seq": seq})
    return [entry_from_row(*row) for row in rows]


def entries_of(connection: Connection, table_id: int, seq: int) -> list[Entry]:
    """All entries of a set, in their order. Those of a large change can be a million: see `parts_of`."""
    return [entry for part in parts_of(connection, table_id, seq) for entry in part]


def parts_of(connection: Connection, table_id: int, seq: int, row_id: int | None = None) -> Iterator[list[Entry]]:
    """The entries of a set, of a large change part by part; with `row_id` those of one row, and only parts that may
    have some. Nothing is kept: a million entries take the memory of one part.
    """
    given = {"table_id": table_id, "seq": seq}
    blob = connection.scalar(_BLOB, given)
    if blob is not None:
        yield entries_from_blob(blob, row_id)
        return
    numbers = connection.scalars(_NUMBERS if row_id is None else _NUMBERS_OF_ROW, given | {"row": row_id}).all()
    yield [entry for entry in listed_of(connection, table_id, seq) if row_id is None or entry.row_id == row_id]
    for number in numbers:
        yield entries_from_blob(connection.scalar(_PART, given | {"number": number}) or b"", row_id)


def entry_from_row(row_id: int | None, column: int | None, before: str | None, after: str | None) -> Entry:
    return Entry(row_id, column, before and decode(before), after and decode(after))


def extent_of(entries: Iterable[Entry]) -> tuple[set[int], int]:
    """The ids of the rows that entries are about, and how many cells they are."""
    rows, cells = set[int](), 0
    for entry in entries:
        if entry.row_id is not None:
            rows.add(entry.row_id)
            cells += entry.column is not None
    return rows, cells


def columns_of(entries: Iterable[Entry]) -> list[int]:
    """The numbers of the columns that entries name."""
    return sorted({entry.column for entry in entries if entry.column is not None})


def _listed(entries: Sequence[Entry], first: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "number": number,
            "row_id": entry.row_id,
            "column": entry.column,
            "before": entry.before and encode(entry.before),
            "after": entry.after and encode(entry.after),
        }
        for number, entry in enumerate(entries, first)
    ]


_INSERT = insert(Change).execution_options(**OFTEN)
_BLOB = select(ChangeSet.blob).where(
    ChangeSet.table_id == bindparam("table_id"), ChangeSet.seq == bindparam("seq"), ChangeSet.blob.is_not(None)
)
_LISTED = (
    select(Change.row_id, Change.column, Change.before, Change.after)
    .where(Change.table_id == bindparam("table_id"), Change.seq == bindparam("seq"))
    .order_by(Change.number)
)
_NUMBERS = (
    select(ChangeSetPart.number)
    .where(ChangeSetPart.table_id == bindparam("table_id"), ChangeSetPart.seq == bindparam("seq"))
    .order_by(ChangeSetPart.number)
)
_NUMBERS_OF_ROW = _NUMBERS.where(
    ChangeSetPart.first_row <= bindparam("row"), ChangeSetPart.last_row >= bindparam("row")
)
_PART = select(ChangeSetPart.blob).where(
    ChangeSetPart.table_id == bindparam("table_id"),
    ChangeSetPart.seq == bindparam("seq"),
    ChangeSetPart.number == bindparam("number"),
)
