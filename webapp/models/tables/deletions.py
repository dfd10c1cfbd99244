"""The trash of a table's rows and columns: nothing but what the change log says was deleted, and is not back.

A *deletion* is a change set that has deleted rows or columns which are still deleted by it: they were not restored
since, and not deleted again after that. What a set did besides is no part of it.
"""

import json
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, bindparam, select

from webapp.db.functions import listed
from webapp.models.base import MAX_ID
from webapp.models.tables.change_set import (
    Change,
    ChangeSet,
    Entry,
    Kind,
    SetState,
    entries_from_blob,
    entries_of,
    listed_of,
)
from webapp.models.tables.history_query import SetInfo, sets_by_seq
from webapp.models.tables.row_parts import (
    count_rows,
    deleted_in_part,
    has_parts,
    is_taken_back,
    parts_of_rows,
    row_parts,
    rows_in_later_parts,
)
from webapp.models.tables.table import Column
from webapp.rowstore.reader import RowReader
from webapp.rowstore.table_ref import TableRef

PAGE_SIZE = 20  # deletions
ROWS_SIZE = 100  # rows that are read of a large deletion, and as many more as the last part has
COUNTED_PARTS = 20  # of a large deletion: in these, the rows that are still deleted are counted
LOOK_SECONDS = 0.5  # for which a page looks through sets that may have deleted something
# Sets that have deleted no row and no column.
_DELETING_NOTHING = (Kind.CELLS, Kind.ADD_ROWS, Kind.TITLE, Kind.IMPORT)


@dataclass(frozen=True, slots=True)
class Deletion:
    """`rows` and `columns` are the entries whose rows and columns are still deleted by this set. `is_whole`: it did
    nothing else.

    One that `is_large` has parts: `rows` are some of it, behind the part `following` there are more; `row_count` is
    exact, or how many rows it has deleted at most.
    """

    info: SetInfo
    rows: list[Entry]
    columns: list[Entry]
    is_whole: bool
    row_count: int
    is_exact: bool = True
    is_large: bool = False
    following: int | None = None

    @property
    def seq(self) -> int:
        return self.info.seq

    @property
    def count(self) -> int:
        return self.row_count + len(self.columns)

    @property
    def entries(self) -> list[Entry]:
        """All, unless it is large."""
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


def find_deletion(connection: Connection, rows: RowReader, table_id: int, seq: int, after: int = 0) -> Deletion | None:
    """None if nothing that this set has deleted is in the trash, or it is being deleted for good. The rows of a large
    one are read from behind the part `after` on.
    """
    info = next(iter(sets_by_seq(connection, table_id, [seq])), None)
    if info is None or info.kind in _DELETING_NOTHING or info.is_purging or info.state == SetState.GROWING:
        return None
    if has_parts(connection, table_id, seq):
        return _find_large(connection, rows, table_id, info, after)
    entries = entries_of(connection, table_id, seq)
    of_rows = _still_deleted(connection, rows, table_id, seq, [e for e in entries if e.is_row and e.after is None])
    of_columns = _deleted_columns(connection, table_id, seq, entries)
    if not (of_rows or of_columns):
        return None
    is_whole = len(of_rows) + len(of_columns) == len(entries)
    return Deletion(info, of_rows, of_columns, is_whole, len(of_rows))


def find_rows(connection: Connection, rows: RowReader, table_id: int, seq: int, ids: Collection[int]) -> list[Entry]:
    """The entries of those of the rows that are still deleted by this large set."""
    found = list[Entry]()
    for number in parts_of_rows(connection, table_id, seq, ids):
        some = [e for e in deleted_in_part(connection, table_id, seq, number) if e.row_id in ids]
        found += _still_deleted(connection, rows, table_id, seq, some)
    return found


def columns_deleted_by(connection: Connection, table_id: int, seq: int) -> list[Entry]:
    """The entries of the columns that are still deleted by this set."""
    return _deleted_columns(connection, table_id, seq, listed_of(connection, table_id, seq))


def purging_rows(connection: Connection, table_id: int, ids: Collection[int]) -> set[int]:
    """Those of the rows that are being deleted for good; usually there are none."""
    found = set[int]()
    for seq in list(connection.scalars(_PURGING, {"table_id": table_id})):
        if not has_parts(connection, table_id, seq):
            entries = entries_of(connection, table_id, seq)
            found |= {entry.place[0] for entry in entries if entry.is_row and entry.after is None}
        for number in parts_of_rows(connection, table_id, seq, ids):
            found |= {entry.place[0] for entry in deleted_in_part(connection, table_id, seq, number)}
    return found & set(ids)


def rows_to_purge(connection: Connection, rows: RowReader, table_id: int, seq: int) -> set[int]:
    """Those that this set has deleted and that are still deleted by it."""
    entries = [e for e in entries_of(connection, table_id, seq) if e.is_row and e.after is None]
    return {e.row_id for e in _still_deleted(connection, rows, table_id, seq, entries) if e.row_id is not None}


def rows_to_purge_of_part(connection: Connection, rows: RowReader, table_id: int, seq: int, number: int) -> set[int]:
    """The same of one part of a large set."""
    entries = deleted_in_part(connection, table_id, seq, number)
    return {entry.place[0] for entry in _still_deleted(connection, rows, table_id, seq, entries)}


def _find_large(connection: Connection, rows: RowReader, table_id: int, info: SetInfo, after: int) -> Deletion | None:
    if is_taken_back(connection, table_id, info.seq):
        return None
    found, count, last = list[Entry](), 0, after
    following: int | None = None
    numbers = row_parts(connection, table_id, info.seq, after)
    for looked, number in enumerate(numbers):
        if len(found) >= ROWS_SIZE:
            following = last if following is None else following
            if looked >= COUNTED_PARTS:
                break
        entries = deleted_in_part(connection, table_id, info.seq, number)
        some = _still_deleted(connection, rows, table_id, info.seq, entries)
        found += some if following is None else []
        count, last = count + len(some), number
    of_columns = [] if after else columns_deleted_by(connection, table_id, info.seq)
    if not found and not of_columns:
        return None
    at_most, is_alone = count_rows(connection, table_id, info.seq)
    is_exact = not after and (not numbers or last == numbers[-1])
    is_whole = info.kind == Kind.DELETE_ROWS and is_alone and (not is_exact or count == at_most)
    return Deletion(info, found, of_columns, is_whole, count if is_exact else at_most, is_exact, True, following)


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
    return (found & set(ids)) | rows_in_later_parts(connection, table_id, seq, ids)


def _deleted_columns(connection: Connection, table_id: int, seq: int, entries: Iterable[Entry]) -> list[Entry]:
    """What came with the same set, and went when that was cancelled, is nothing that was deleted."""
    columns = [entry for entry in entries if entry.is_column]
    came = {entry.column for entry in columns if entry.before is None}
    by_number = {entry.column: entry for entry in columns if entry.after is None and entry.column not in came}
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
_LISTED_LATER = select(Change.row_id).where(
    Change.table_id == bindparam("table_id"),
    listed(Change.row_id, "ids"),
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
