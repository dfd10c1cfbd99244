"""Beginning to delete rows and columns of the trash for good: by their owner's decision, or because of their age.

A set whose deletions are to go is marked (`ChangeSet.is_purging`): from then on nothing of it comes back, and no large
change begins. A job removes their texts from the log (`log_scrubbing.py`), and the mark at the end.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, or_, select, update

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.policy import Action, Actor
from webapp.models.tables.access import TableAccess
from webapp.models.tables.change_set import ChangeSet, Kind
from webapp.models.tables.deletions import Deletion, find_deletion, may_delete
from webapp.models.tables.large_change import ensure_none_running, find_running, is_planned
from webapp.models.tables.large_steps import give_up_planning
from webapp.models.tables.table import Column, Table
from webapp.rowstore import row_writer

MAX_AT_ONCE = 5_000  # rows of a deletion that are looked at one by one before it is marked
BATCH_SETS = 20  # that are looked through for old deletions in one unit of work
PLANS_OUTDATED = "Rows or columns of the table were deleted for good meanwhile. Nothing was changed: begin again."


async def purge_deletions(work: UnitOfWork, actor: Actor, table_id: int, seqs: Sequence[int]) -> int:
    """Begin to delete for good what these sets have deleted and is still in the trash; return how many rows and columns
    that is at most. What is purged, or restored, already is left out. Raises `NotFound`, and `NotAllowed` for whoever
    does not own the table; `LargeChangeRunning`.
    """

    def mark(connection: Connection) -> int:
        TableAccess.require(connection, actor, table_id, Action.CHANGE_TABLE)
        ensure_none_running(connection, table_id)
        reader = row_writer(connection)
        marked = 0
        for seq in dict.fromkeys(seqs):
            if (rows := connection.scalar(_LARGE, {"table_id": table_id, "seq": seq})) is not None:
                connection.execute(_BEGIN, {"key": table_id, "number": seq})
                marked += rows  # the job finds out which of them are back
            elif (deletion := find_deletion(connection, reader, table_id, seq)) is not None:
                marked += _mark(connection, table_id, deletion)
        return marked

    count = await work.run(mark)
    if count:
        await give_up_planning(work, table_id, PLANS_OUTDATED)
        work.enqueue("purge_deletions", str(table_id))
    return count


def find_tables_with_old_deletions(connection: Connection, before: datetime) -> list[int]:
    """Tables whose logs have sets from before this time that were not looked at for old deletions."""
    return list(connection.scalars(_WITH_OLD, {"before": before}))


async def purge_old_deletions(work: UnitOfWork, table_id: int, before: datetime) -> bool:
    """Begin to delete for good what was deleted before this time, in some sets; return whether there are more."""

    def mark(connection: Connection) -> tuple[int, bool]:
        if find_running(connection, table_id) is not None or is_planned(connection, table_id):
            return 0, False  # the next time
        reader, given = row_writer(connection), {"table_id": table_id, "before": before, "count": BATCH_SETS}
        seqs = list(connection.scalars(_OLD, given))
        found = [find_deletion(connection, reader, table_id, seq) for seq in seqs]
        marked = sum(_mark(connection, table_id, deletion) for deletion in found if deletion is not None)
        if seqs:
            connection.execute(_MOVE, {"key": table_id, "next": seqs[-1] + 1})
        return marked, len(seqs) == BATCH_SETS

    marked, is_more = await work.run(mark)
    if marked:
        work.enqueue("purge_deletions", str(table_id))
    return is_more


def _mark(connection: Connection, table_id: int, deletion: Deletion) -> int:
    connection.execute(_BEGIN, {"key": table_id, "number": deletion.seq})
    for entry in deletion.columns:
        connection.execute(_PURGE_COLUMN, {"key": table_id, "column": entry.column})
    return deletion.count


_OF_TABLE = ChangeSet.table_id == bindparam("table_id")
_BEGIN = (
    update(ChangeSet)
    .where(ChangeSet.table_id == bindparam("key"), ChangeSet.seq == bindparam("number"))
    .values(is_purging=True)
)
_PURGE_COLUMN = (
    update(Column)
    .where(Column.table_id == bindparam("key"), Column.number == bindparam("column"))
    .values(is_purged=True, title="", rules={}, facts={})
)
# Deletions of very many rows and nothing else: looking at each of them here would make others wait.
_LARGE = select(ChangeSet.rows).where(
    _OF_TABLE,
    ChangeSet.seq == bindparam("seq"),
    ChangeSet.blob.is_not(None),
    ChangeSet.kind == Kind.DELETE_ROWS,
    ChangeSet.rows > MAX_AT_ONCE,
    ChangeSet.is_purging.is_(False),
    or_(ChangeSet.purged == 0, ChangeSet.size > 0),
)
_IS_OLD = ChangeSet.at < bindparam("before"), may_delete()
_WITH_OLD = (
    select(Table.id)
    .join(ChangeSet, ChangeSet.table_id == Table.id)
    .where(*_IS_OLD, ChangeSet.seq >= Table.trash_from, Table.deleted_at.is_(None))
    .distinct()
)
_OLD = (
    select(ChangeSet.seq)
    .join(Table, Table.id == ChangeSet.table_id)
    .where(_OF_TABLE, *_IS_OLD, ChangeSet.seq >= Table.trash_from)
    .order_by(ChangeSet.seq)
    .limit(bindparam("count"))
)
_MOVE = update(Table).where(Table.id == bindparam("key")).values(trash_from=bindparam("next"))
