"""Reading the change log: what has become of one row, or of one cell of it.

The entries of small sets are found by an index. Those of large ones are looked through, for a limited time a page.
"""

import time
from itertools import islice
from typing import Any

from sqlalchemy import Connection, bindparam, case, literal, select

from webapp.models.base import MAX_ID
from webapp.models.tables.change_set import (
    Change,
    ChangeSet,
    Entry,
    Kind,
    cells_from_json,
    entry_from_row,
    parts_of,
)
from webapp.models.tables.history_query import PAGE_SIZE, HistoryPage, sets_by_seq

BLOB_SECONDS = 0.5  # for which it looks through large sets
_LARGE, _IMPORTED = "large", "import"  # how a set is stored that does not list its entries


def list_row_history(
    connection: Connection,
    table_id: int,
    row_id: int,
    column: int | None = None,
    before: int | None = None,
    size: int = PAGE_SIZE,
    seconds: float = BLOB_SECONDS,
) -> HistoryPage:
    """The sets that changed this row, or only this cell of it, with those entries. At least one large set is looked
    through, and more of them for `seconds`.
    """
    end = time.monotonic() + seconds
    given = {"table_id": table_id, "row": row_id, "before": MAX_ID if before is None else min(max(before, 0), MAX_ID)}
    found = dict[int, list[Entry]]()
    last, looked, is_stopped = given["before"], 0, False
    for seq, stored in _candidates(connection, given):
        if len(found) > size or (looked and time.monotonic() > end):
            is_stopped = len(found) <= size
            break
        looked += stored == _LARGE
        about = [entry for entry in _of_row(connection, table_id, row_id, seq, stored) if is_about(entry, column)]
        if about or stored == _IMPORTED:
            found[seq] = about
        last = seq
    else:
        last = 0
    kept = dict(islice(found.items(), size))
    last = min(kept) if len(found) > size else last
    return HistoryPage(sets_by_seq(connection, table_id, kept), last or None, kept, is_stopped)


def is_about(entry: Entry, column: int | None) -> bool:
    """Whether it is about this column's cell, if one is asked for: one of a row says something of all its cells."""
    if column is None or entry.column == column:
        return True
    return entry.is_row and column in cells_from_json(entry.after or entry.before or "{}")


def _candidates(connection: Connection, given: dict[str, Any]) -> list[tuple[int, str]]:
    """The sets that may have something about a row, the newest first, and how their entries are stored."""
    listed = select(Change.seq.label("seq"), literal("listed").label("stored")).where(
        Change.table_id == bindparam("table_id"), Change.row_id == bindparam("row"), Change.seq < bindparam("before")
    )
    others = select(ChangeSet.seq, case((ChangeSet.kind == Kind.IMPORT, _IMPORTED), else_=_LARGE)).where(
        ChangeSet.table_id == bindparam("table_id"),
        ChangeSet.first_row <= bindparam("row"),
        ChangeSet.last_row >= bindparam("row"),
        ChangeSet.seq < bindparam("before"),
        ChangeSet.blob.is_not(None) | (ChangeSet.parts > 0) | (ChangeSet.kind == Kind.IMPORT),
    )
    both = listed.union(others).subquery()
    rows = connection.execute(select(both.c.seq, both.c.stored).order_by(both.c.seq.desc()), given)
    return [(seq, stored) for seq, stored in rows]


def _of_row(connection: Connection, table_id: int, row_id: int, seq: int, stored: str) -> list[Entry]:
    if stored == _IMPORTED:
        return []
    if stored == _LARGE:
        return [entry for part in parts_of(connection, table_id, seq, row_id) for entry in part]
    rows = connection.execute(_OF_ROW, {"table_id": table_id, "row": row_id, "seq": seq})
    return [entry_from_row(*values) for values in rows]


_OF_ROW = (
    select(Change.row_id, Change.column, Change.before, Change.after)
    .where(Change.table_id == bindparam("table_id"), Change.row_id == bindparam("row"), Change.seq == bindparam("seq"))
    .order_by(Change.number)
)
