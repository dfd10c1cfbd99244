"""Which rows have changed since a place in the change log: for what was made of the rows as they were there."""

from collections.abc import Iterator
from heapq import merge

from sqlalchemy import Connection, and_, bindparam, func, or_, select

from webapp.models.tables.change_set import (
    Change,
    ChangeSet,
    Entry,
    Kind,
    SetState,
    cells_from_json,
    entry_from_row,
    parts_of,
)
from webapp.models.tables.table import Table

ROWS = 1_000  # that are told at once


def is_complete_since(connection: Connection, table_id: int, seq: int) -> bool:
    """Whether the log still has every set after this one, and says of each row that it is another one since: a large
    change that was taken back has deleted rows and made them anew, and has no entries of these any more.
    """
    latest, since = connection.scalar(_LATEST, {"table_id": table_id}) or 0, {"table_id": table_id, "seq": seq}
    return connection.scalar(_COUNT, since) == latest - seq and connection.scalar(_MADE_ANEW, since) is None


def changed_rows(connection: Connection, table_id: int, column: int, seq: int) -> set[int]:
    """The rows whose cell in this column may be another one since the set `seq`; some of them may be gone."""
    since = {"table_id": table_id, "seq": seq}
    found = {row_id for row_id in connection.scalars(_LISTED, since | {"column": column}) if row_id is not None}
    for seq_of_large in connection.scalars(_LARGE, since).all():
        for entries in parts_of(connection, table_id, seq_of_large):
            found |= {entry.row_id for entry in entries if entry.row_id and entry.column in (None, column)}
    for first, last in connection.execute(_IMPORTED, since):
        found |= set(range(first or 0, (last or 0) + 1))
    return found


def texts_then(connection: Connection, table_id: int, column: int, seq: int) -> Iterator[dict[int, str]]:
    """Of the rows whose cell in this column has changed since the set `seq`, once or more often: the text it had there,
    empty if there was no such row. Some rows at a time: there may be a million.
    """
    since = {"table_id": table_id, "seq": seq}
    listed = (
        (at, entry_from_row(row_id, of, before, None)) for at, row_id, of, before in connection.execute(_BEFORE, since)
    )
    large = (
        (at, entry)
        for at in connection.scalars(_LARGE, since).all()
        for entries in parts_of(connection, table_id, at)
        for entry in entries
    )
    seen, found = set[int](), dict[int, str]()
    for _, entry in merge(listed, large, key=lambda each: each[0]):  # those of a set stay in their order
        if entry.row_id is None or entry.row_id in seen or entry.column not in (None, column):
            continue
        seen.add(entry.row_id)
        found[entry.row_id] = _text_of(entry, column)
        if len(found) == ROWS:
            yield found
            found = {}
    yield found


def is_column_changed(connection: Connection, table_id: int, column: int, seq: int) -> bool:
    """Whether a set after this one is about the column as a whole: it was renamed, moved, deleted or the like."""
    given = {"table_id": table_id, "seq": seq, "column": column}
    if connection.scalar(_OF_COLUMN, given) is not None:
        return True
    stored = connection.scalars(_BLOBS, given).all()
    parts = (part for at in stored for part in parts_of(connection, table_id, at))
    return any(entry.is_column and entry.column == column for part in parts for entry in part)


def _text_of(entry: Entry, column: int) -> str:
    if entry.is_row:
        return cells_from_json(entry.before).get(column, "") if entry.before else ""
    return entry.before or ""


_KEEPING_ROWS = (Kind.CELLS, Kind.ADD_ROWS)
_LATEST = select(Table.seq).where(Table.id == bindparam("table_id"))
_SINCE = and_(ChangeSet.table_id == bindparam("table_id"), ChangeSet.seq > bindparam("seq"))
_COUNT = select(func.count()).select_from(ChangeSet).where(_SINCE)
_MADE_ANEW = (
    select(ChangeSet.seq)
    .where(_SINCE, ChangeSet.state.in_((SetState.CANCELLED, SetState.FAILED)), ChangeSet.kind.not_in(_KEEPING_ROWS))
    .limit(1)
)
_LISTED = (
    select(Change.row_id)
    .distinct()
    .where(
        Change.table_id == bindparam("table_id"),
        Change.seq > bindparam("seq"),
        Change.row_id.is_not(None),
        or_(Change.column.is_(None), Change.column == bindparam("column")),
    )
)
_LARGE = (
    select(ChangeSet.seq).where(_SINCE, or_(ChangeSet.blob.is_not(None), ChangeSet.parts > 0)).order_by(ChangeSet.seq)
)
_BLOBS = select(ChangeSet.seq).where(_SINCE, ChangeSet.blob.is_not(None), ChangeSet.kind != Kind.CELLS)
_OF_COLUMN = (
    select(Change.seq)
    .where(
        Change.table_id == bindparam("table_id"),
        Change.seq > bindparam("seq"),
        Change.row_id.is_(None),
        Change.column == bindparam("column"),
    )
    .limit(1)
)
_BEFORE = (
    select(Change.seq, Change.row_id, Change.column, Change.before)
    .where(Change.table_id == bindparam("table_id"), Change.seq > bindparam("seq"), Change.row_id.is_not(None))
    .order_by(Change.seq, Change.number)
)
_IMPORTED = select(ChangeSet.first_row, ChangeSet.last_row).where(
    _SINCE, ChangeSet.kind == Kind.IMPORT, ChangeSet.first_row.is_not(None)
)
