"""The trash of a table's rows and columns: nothing but what the change log says was deleted, and is not back.

A *deletion* is a change set that has deleted rows or columns which are still deleted by it: they were not restored
since, and not deleted again after that. What a set did besides is no part of it.
"""

import json
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, select

from webapp.models.base import MAX_ID
from webapp.models.tables.change_set import Change, ChangeSet, Entry, Kind, entries_from_blob, entries_of
from webapp.models.tables.history_query import SetInfo, sets_by_seq
from webapp.models.tables.table import Column
from webapp.rowstore.store import RowReader
from webapp.rowstore.table_ref import TableRef

PAGE_SIZE = 20  # deletions
LOOK_SECONDS = 0.5  # for which a page looks through sets that may have deleted something
# Sets that have deleted no row and no column.
_DELETING_NOTHING = (Kind.CELLS, Kind.ADD_ROWS, Kind.TITLE, Kind.IMPORT)


@dataclass(frozen=True, slots=True)
class Deletion:
    """`rows` and `columns` are the entries whose rows and columns are still deleted by this set. `is_whole`: it did
    nothing else.
    """

    info: SetInfo
    rows: list[Entry]
    columns: list[Entry]
    is_whole: bool

    @property
    def seq(self) -> int:
        return self.info.seq

    @property
    def entries(self) -> list[Entry]:
        return [*self.rows, *self.columns]


@dataclass(frozen=True, slots=True)
class DeletionsPage:
    """`before` is where the next page starts, None at the end."""

    deletions: list[Deletion]
    before: int | None


def list_deletions(
    connection: Connection,
    rows: RowReader,
    table_id: int,
    before: int | None = None,
    size: int = PAGE_SIZE,
    seconds: float = LOOK_SECONDS,
) -> DeletionsPage:
    """The latest first. At least one set is looked through, and more of them for `seconds`."""
    end, last = time.monotonic() + seconds, MAX_ID if before is None else min(max(before, 0), MAX_ID)
    found = list[Deletion]()
    while True:
        given = {"table_id": table_id, "before": last, "count": size}
        seqs = list(connection.scalars(_CANDIDATES, given))
        for seq in seqs:
            if len(found) == size or (last != given["before"] and time.monotonic() > end):
                return DeletionsPage(found, last)
            last = seq
            if (deletion := find_deletion(connection, rows, table_id, seq)) is not None:
                found.append(deletion)
        if len(seqs) < size:
            return DeletionsPage(found, None)


def find_deletion(connection: Connection, rows: RowReader, table_id: int, seq: int) -> Deletion | None:
    """None if nothing that this set has deleted is in the trash, or it is being deleted for good."""
    info = next(iter(sets_by_seq(connection, table_id, [seq])), None)
    if info is None or info.kind in _DELETING_NOTHING or info.is_purging:
        return None
    entries = entries_of(connection, table_id, seq)
    of_rows = _still_deleted(connection, rows, table_id, seq, [e for e in entries if e.is_row and e.after is None])
    of_columns = _deleted_columns(connection, table_id, seq, [e for e in entries if e.is_column and e.after is None])
    if not (of_rows or of_columns):
        return None
    return Deletion(info, of_rows, of_columns, len(of_rows) + len(of_columns) == len(entries))


def purging_rows(connection: Connection, table_id: int) -> set[int]:
    """The rows that are being deleted for good; usually there are none."""
    seqs = connection.scalars(_PURGING, {"table_id": table_id})
    return {
        entry.row_id
        for seq in list(seqs)
        for entry in entries_of(connection, table_id, seq)
        if entry.row_id is not None and entry.is_row and entry.after is None
    }


def rows_to_purge(connection: Connection, rows: RowReader, table_id: int, seq: int) -> set[int]:
    """Those that this set has deleted and that are still deleted by it."""
    entries = [e for e in entries_of(connection, table_id, seq) if e.is_row and e.after is None]
    return {e.row_id for e in _still_deleted(connection, rows, table_id, seq, entries) if e.row_id is not None}


def _still_deleted(
    connection: Connection, rows: RowReader, table_id: int, seq: int, entries: Sequence[Entry]
) -> list[Entry]:
    if not entries:
        return []
    ids = [entry.place[0] for entry in entries]
    back = rows.cells(TableRef(table_id, ()), ids, ()).keys() | _in_later_sets(connection, table_id, seq, ids)
    return [entry for entry in entries if entry.row_id not in back]


def _in_later_sets(connection: Connection, table_id: int, seq: int, ids: Collection[int]) -> set[int]:
    """Those of the rows that have come or gone once more after this set."""
    given = {"table_id": table_id, "seq": seq, "first": min(ids), "last": max(ids), "ids": json.dumps(list(ids))}
    found = {row_id for row_id in connection.scalars(_LISTED_LATER, given) if row_id is not None}
    for blob in connection.scalars(_BLOBS_LATER, given):
        found |= {entry.row_id for entry in entries_from_blob(blob or b"") if entry.is_row and entry.row_id is not None}
    return found & set(ids)


def _deleted_columns(connection: Connection, table_id: int, seq: int, entries: Iterable[Entry]) -> list[Entry]:
    by_number = {entry.column: entry for entry in entries}
    if not by_number:
        return []
    given = {"table_id": table_id, "seq": seq}
    deleted = set(connection.scalars(_DELETED, given)) - set(connection.scalars(_COLUMNS_LATER, given))
    return [entry for number, entry in by_number.items() if number in deleted]


def may_delete() -> ColumnElement[bool]:
    """Whether a set is of a kind that may have deleted rows or columns."""
    return ChangeSet.kind.not_in(_DELETING_NOTHING)


_SET: tuple[ColumnElement[bool], ...] = (ChangeSet.table_id == bindparam("table_id"),)
_CANDIDATES = (
    select(ChangeSet.seq)
    .where(*_SET, ChangeSet.seq < bindparam("before"), may_delete())
    .order_by(ChangeSet.seq.desc())
    .limit(bindparam("count"))
)
_PURGING = select(ChangeSet.seq).where(*_SET, ChangeSet.is_purging)
_json: Any = func.json_each(bindparam("ids")).table_valued("value")
_LISTED_LATER = select(Change.row_id).where(
    Change.table_id == bindparam("table_id"),
    Change.row_id.in_(select(_json.c.value)),
    Change.seq > bindparam("seq"),
    Change.column.is_(None),
)
_BLOBS_LATER = select(ChangeSet.blob).where(
    *_SET,
    ChangeSet.seq > bindparam("seq"),
    ChangeSet.blob.is_not(None),
    ChangeSet.first_row <= bindparam("last"),
    ChangeSet.last_row >= bindparam("first"),
    ChangeSet.kind != Kind.CELLS,
)
_DELETED = select(Column.number).where(
    Column.table_id == bindparam("table_id"),
    Column.deleted_at.is_not(None),
    Column.is_dropped.is_(False),
    Column.is_purged.is_(False),
)
# Deleted once more after having been restored.
_COLUMNS_LATER = select(Change.column).where(
    Change.table_id == bindparam("table_id"),
    Change.seq > bindparam("seq"),
    Change.row_id.is_(None),
    Change.column.is_not(None),
    Change.after.is_(None),
)
