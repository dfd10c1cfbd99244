"""How far back the change log goes: the oldest sets of a table are deleted a batch at a time, by age and by size.

What is deleted is always everything before one set, `Table.log_from`, so that whoever reads the log in order knows
whether it has missed something. What only those sets could have brought back is then gone for good: deleted rows have
no other copy, and the cells of deleted columns go with them.
"""

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Row, and_, bindparam, delete, exists, func, insert, or_, select, update

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.base import utc_now
from webapp.models.tables.change_set import Change, ChangeSet, Kind
from webapp.models.tables.history_query import SET_BYTES
from webapp.models.tables.table import Column, Table
from webapp.models.tables.type_change import SpareColumn
from webapp.rowstore import row_writer
from webapp.rowstore.table_ref import Field

BATCH_ENTRIES = 1_000  # deleted in one unit of work: others who write wait for milliseconds
BATCH_BYTES = 4_000_000  # the same for large sets
BATCH_ROWS = 2_000  # rows of which a deleted column's cells are emptied in one unit of work
MAX_ROWS_TO_DROP = 10_000  # of a table that is written anew without the column; in a larger one another gets its place


@dataclass(frozen=True, slots=True)
class Overdue:
    """A table whose log is too long: by `excess` bytes, or has sets from before the oldest time that is kept."""

    table_id: int
    excess: int


@dataclass(frozen=True, slots=True)
class ForgottenColumn:
    """A deleted column that no kept set can bring back, or that was deleted for good."""

    table_id: int
    field: Field


def find_overdue(connection: Connection, oldest: datetime, max_bytes: int) -> list[Overdue]:
    found = {table_id: size - max_bytes for table_id, size in connection.execute(_TOO_LARGE, {"most": max_bytes})}
    for table_id in connection.scalars(_TOO_OLD, {"oldest": oldest}):
        found.setdefault(table_id, 0)
    return [Overdue(table_id, excess) for table_id, excess in sorted(found.items())]


async def prune_batch(work: UnitOfWork, table_id: int, oldest: datetime, excess: int) -> int:
    """Delete some of the oldest sets: those made before `oldest`, and as many as make up `excess` bytes, but not the
    latest one for its size. Return how many bytes they had; 0 if none has to go.
    """
    return await work.run(lambda connection: _prune_batch(connection, table_id, oldest, excess))


def prune_until(connection: Connection, table_id: int, seq: int, at: datetime) -> None:
    """Delete the sets up to and with this one, which was made at that time."""
    given = {"key": table_id, "last": seq}
    connection.execute(_DELETE_CHANGES, given)
    connection.execute(_DELETE_SETS, given)
    connection.execute(_NOTE, given | {"first": seq + 1, "until": at})


def delete_oldest(connection: Connection, table_id: int) -> bool:
    """Delete a batch of the oldest sets whatever their age, the latest too; return whether there were any."""
    return _prune_batch(connection, table_id, datetime.max.replace(tzinfo=UTC), 0) > 0


def find_forgotten_columns(connection: Connection) -> list[ForgottenColumn]:
    return [
        ForgottenColumn(table_id, Field(*field))
        for table_id, is_purged, *field in connection.execute(_DELETED)
        if is_purged or not _is_kept(connection, table_id, field[0])
    ]


async def empty_column(work: UnitOfWork, forgotten: ForgottenColumn, after: int) -> int | None:
    """Empty its cells in some of the rows behind `after`; return the last one, None if there were no more."""
    place = forgotten.table_id, forgotten.field.storage, after, BATCH_ROWS
    return await work.run(lambda connection: row_writer(connection).empty_column(*place))


async def drop_column(work: UnitOfWork, forgotten: ForgottenColumn) -> None:
    """Its cells are empty; where it takes little time, their place goes too, else it waits for another column. Its
    number is never used again.
    """

    def drop(connection: Connection) -> None:
        given = {"key": forgotten.table_id, "column": forgotten.field.number}
        if (connection.scalar(_ROWS, given) or 0) <= MAX_ROWS_TO_DROP:
            row_writer(connection).drop_column(forgotten.table_id, forgotten.field)
        else:
            # Emptied once more: until now undo could bring rows back with their cells of this column.
            spare = {"table_id": forgotten.table_id, "storage": forgotten.field.storage, "kept_until": utc_now()}
            connection.execute(insert(SpareColumn), spare)
        connection.execute(_SET_DROPPED, given)

    await work.run(drop)


def _prune_batch(connection: Connection, table_id: int, oldest: datetime, excess: int) -> int:
    last: Row[tuple[int, datetime, int, int, int]] | None = None
    freed = entries = size = 0
    with closing(connection.execute(_OLDEST, {"table_id": table_id, "count": BATCH_ENTRIES})) as found:
        for one in found:  # counted one by one, only as far as they are needed
            is_over = one.at < oldest or (freed < excess and one.seq < one.latest)
            if not is_over or (last and (entries + one.entries > BATCH_ENTRIES or size + one.size > BATCH_BYTES)):
                break
            last, freed = one, freed + one.size + SET_BYTES
            entries, size = entries + one.entries + 1, size + one.size
    if last is None:
        return 0
    prune_until(connection, table_id, last.seq, last.at)
    return freed


def _is_kept(connection: Connection, table_id: int, number: int) -> bool:
    """Whether some kept set is about this column as a whole. One that is stored as a blob may be."""
    given = {"table_id": table_id, "column": number, "named": f"%,{number},%"}
    return connection.scalar(_LISTED, given) is not None or connection.scalar(_LARGE, given) is not None


_bytes_of_log = func.sum(ChangeSet.size + SET_BYTES)
_TOO_LARGE = (
    select(ChangeSet.table_id, _bytes_of_log)
    .group_by(ChangeSet.table_id)
    .having(_bytes_of_log > bindparam("most"), func.count() > 1)
)
_TOO_OLD = (
    select(Table.id)
    .join(ChangeSet, (ChangeSet.table_id == Table.id) & (ChangeSet.seq == Table.log_from))
    .where(ChangeSet.at < bindparam("oldest"))
)
_LISTED_ENTRIES = (
    select(func.count())
    .where(Change.table_id == ChangeSet.table_id, Change.seq == ChangeSet.seq)
    .correlate(ChangeSet)
    .scalar_subquery()
)
_OLDEST = (
    select(ChangeSet.seq, ChangeSet.at, ChangeSet.size, _LISTED_ENTRIES.label("entries"), Table.seq.label("latest"))
    .join(Table, Table.id == ChangeSet.table_id)
    .where(ChangeSet.table_id == bindparam("table_id"))
    .order_by(ChangeSet.seq)
    .limit(bindparam("count"))
)
_DELETE_CHANGES = delete(Change).where(Change.table_id == bindparam("key"), Change.seq <= bindparam("last"))
_DELETE_SETS = delete(ChangeSet).where(ChangeSet.table_id == bindparam("key"), ChangeSet.seq <= bindparam("last"))
_NOTE = (
    update(Table)
    .where(Table.id == bindparam("key"))
    .values(log_from=bindparam("first"), log_pruned_to=bindparam("until", type_=Table.log_pruned_to.type))
)
# The log may still have its texts.
_IS_PURGING = exists().where(ChangeSet.table_id == Column.table_id, ChangeSet.is_purging).correlate(Column)
_DELETED = (
    select(
        Column.table_id,
        Column.is_purged,
        Column.number,
        Column.title,
        Column.type,
        Column.format,
        Column.keeps_texts,
        Column.storage,
    )
    .join(Table, Table.id == Column.table_id)
    .where(
        or_(Column.deleted_at <= Table.log_pruned_to, and_(Column.is_purged, ~_IS_PURGING)),
        Column.is_dropped.is_(False),
    )
    .order_by(Column.table_id, Column.number)
)
_LISTED = (
    select(Change.seq)
    .where(Change.table_id == bindparam("table_id"), Change.row_id.is_(None), Change.column == bindparam("column"))
    .limit(1)
)
_LARGE = (
    select(ChangeSet.seq)
    .where(
        ChangeSet.table_id == bindparam("table_id"),
        ChangeSet.blob.is_not(None),
        ChangeSet.kind.in_((Kind.COLUMNS, Kind.UNDO, Kind.REDO, Kind.REVERT)),
        ("," + ChangeSet.columns + ",").like(bindparam("named")),
    )
    .limit(1)
)
_ROWS = select(Table.row_count).where(Table.id == bindparam("key"))
_SET_DROPPED = (
    update(Column)
    .where(Column.table_id == bindparam("key"), Column.number == bindparam("column"))
    .values(is_dropped=True)
)
