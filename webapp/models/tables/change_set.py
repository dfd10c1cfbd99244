"""The change log: one entry for each cell, row or column that changed, in numbered sets, one for each action.

It is the only source of conflicts, undo, history, live updates and the upkeep of what depends on rows. Values are the
texts of cells, which every type reproduces. Undoing is the same entry with both sides exchanged.
"""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, ForeignKey, ForeignKeyConstraint, Index, bindparam, insert, select, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base
from webapp.rowstore.nul_escape import decode, encode

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
    UNDO = "undo"  # the step back of the person who made the other set
    REDO = "redo"  # and the step forward again
    REVERT = "revert"  # any set, chosen from the history


class Via(StrEnum):
    """By what way a change came."""

    GRID = "grid"
    PAGE = "page"  # a form on a page, also without JavaScript
    IMPORT = "import"
    API = "api"


class Entry(NamedTuple):
    """One change, of one of four things: with both ids a cell, whose texts are `before` and `after`; with `row_id`
    alone a row, its cells by column as JSON (`cells_to_json`), None where it does not exist; with `column` alone a
    column, its properties as JSON; with neither the table's title.
    """

    row_id: int | None
    column: int | None
    before: str | None
    after: str | None

    @property
    def place(self) -> tuple[int, int]:
        """The row and the column, 0 for neither."""
        return self.row_id or 0, self.column or 0

    @property
    def is_cell(self) -> bool:
        return self.row_id is not None and self.column is not None

    @property
    def is_row(self) -> bool:
        return self.row_id is not None and self.column is None

    @property
    def is_column(self) -> bool:
        return self.row_id is None and self.column is not None

    @property
    def is_title(self) -> bool:
        return self.row_id is None and self.column is None

    @property
    def reversed(self) -> "Entry":
        return self._replace(before=self.after, after=self.before)


class ChangeSet(Base):
    """One action of one person. `seq` counts the sets of a table without gaps, in the order of their commits."""

    __tablename__ = "change_sets"
    __table_args__ = (
        Index("ix_change_sets_at", "at"),
        Index("ix_change_sets_actor_id", "actor_id"),
        Index("ix_change_sets_purging", "table_id", sqlite_where=text("is_purging")),
    )

    table_id: Mapped[int] = mapped_column(ForeignKey("tables.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    via: Mapped[str]
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
    # and columns that it has deleted is under way: `log_scrubbing.py`.
    purged: Mapped[int] = mapped_column(default=0, server_default="0")
    is_purging: Mapped[bool] = mapped_column(default=False, server_default="0")


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


def cells_to_json(cells: Mapping[int, str]) -> str:
    """The texts of a row by column number, also the empty ones: what an empty cell is written as, a column's next type
    may have another word for.
    """
    return json.dumps({str(number): text for number, text in cells.items()}, ensure_ascii=False)


def cells_from_json(text: str) -> dict[int, str]:
    return {int(number): cell for number, cell in json.loads(text).items()}


@dataclass(frozen=True, slots=True)
class StoredEntries:
    """The entries of a set as they are stored: rows of `changes`, or a blob."""

    listed: list[dict[str, Any]]
    blob: bytes | None
    size: int


def store_entries(entries: Sequence[Entry]) -> StoredEntries:
    if len(entries) > MAX_LISTED:
        blob = entries_to_blob(entries)
        return StoredEntries([], blob, len(blob))
    listed = [
        {
            "number": number,
            "row_id": entry.row_id,
            "column": entry.column,
            "before": entry.before and encode(entry.before),
            "after": entry.after and encode(entry.after),
        }
        for number, entry in enumerate(entries)
    ]
    size = sum(30 + len(entry.before or "") + len(entry.after or "") for entry in entries)
    return StoredEntries(listed, None, size)


def insert_entries(connection: Connection, table_id: int, seq: int, stored: StoredEntries) -> None:
    if stored.listed:
        connection.execute(_INSERT, [{"table_id": table_id, "seq": seq, **row} for row in stored.listed])


def entries_of(connection: Connection, table_id: int, seq: int) -> list[Entry]:
    """All entries of a set, in their order."""
    blob = connection.scalar(_BLOB, {"table_id": table_id, "seq": seq})
    if blob is not None:
        return entries_from_blob(blob)
    rows = connection.execute(_LISTED, {"table_id": table_id, "seq": seq})
    return [entry_from_row(*row) for row in rows]


def entries_to_blob(entries: Sequence[Entry]) -> bytes:
    return zlib.compress(json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode(), 3)


def entries_from_blob(blob: bytes, row_id: int | None = None, part: slice = slice(None)) -> list[Entry]:
    """All entries of a blob, those of one row, or a part of them: making the others takes longer than reading."""
    found = json.loads(zlib.decompress(blob))[part]
    return [Entry(*entry) for entry in found if row_id is None or entry[0] == row_id]


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


_INSERT = insert(Change)
_BLOB = select(ChangeSet.blob).where(
    ChangeSet.table_id == bindparam("table_id"), ChangeSet.seq == bindparam("seq"), ChangeSet.blob.is_not(None)
)
_LISTED = (
    select(Change.row_id, Change.column, Change.before, Change.after)
    .where(Change.table_id == bindparam("table_id"), Change.seq == bindparam("seq"))
    .order_by(Change.number)
)
