"""What becomes of a large change on its way: the steps that its job takes, and those that people's verbs begin."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Select, bindparam, delete, select
from sqlalchemy.orm import selectinload

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.user import ACTOR_COLUMNS, User, actor_from
from webapp.models.base import utc_now
from webapp.models.errors import NotAllowed
from webapp.models.policy import Action, is_allowed
from webapp.models.tables.access import TableAccess
from webapp.models.tables.change_log import (
    complete_large,
    mark_undone,
    publish_change,
    publish_rewritten,
    record_large,
    take_row_ids,
)
from webapp.models.tables.change_set import Entry, Kind, SetState, columns_of
from webapp.models.tables.column_properties import describe_entries
from webapp.models.tables.judged_columns import judged_otherwise
from webapp.models.tables.large_change import (
    ENDED,
    MAX_UNDECIDED,
    LargeChange,
    LargeChangeLeft,
    LargeChangePart,
    LargeState,
    ensure_free,
    large_topic,
)
from webapp.models.tables.large_columns import ColumnsDone, begin_columns, has_columns, take_columns_back
from webapp.models.tables.search_indexing import begin_search_index
from webapp.models.tables.table import Column, SearchIndex, Table
from webapp.rowstore import row_writer
from webapp.rowstore.entries import pack_part
from webapp.rowstore.table_ref import Field

INDEX_ROWS = 20_000  # for more rows the search index is not kept up but built again afterwards, and sort indexes go
FORGOTTEN = 200  # parts of a plan deleted in one unit of work
TASK = "change_rows"
OTHER_RULES = (
    "The type or the rules of the column “{}” have changed since this was prepared, so nothing was changed. Prepare it"
    " once more: its texts are compared with the new ones then."
)
NO_LONGER = "The person who began this may no longer change the table, so it was taken back."


async def finish_planning(work: UnitOfWork, change_id: int) -> None:
    """The plan is complete. If it was decided about before, it is applied now. Raises what `apply` does."""
    change = await work.session.get(LargeChange, change_id)
    if change is None or change.state != LargeState.PLANNING:
        return
    if change.is_decided:
        await start(work, change)
    else:
        change.state = LargeState.READY
        follow(work, change, is_at_work=False)


async def finish(work: UnitOfWork, change_id: int) -> None:
    """All parts are carried out. Does nothing if it has been cancelled meanwhile, or its table is gone; where its
    person has lost the right to it, it is taken back.
    """
    change = await work.session.get(LargeChange, change_id)
    if change is None or change.state != LargeState.APPLYING or change.parts_done < change.parts:
        return
    if not await _is_allowed(work, change):
        give_up(work, change, NO_LONGER)
        return
    await _end(work, change, LargeState.DONE, SetState.WHOLE)


async def finish_reverting(work: UnitOfWork, change_id: int) -> None:
    """All parts are taken back."""
    change = await work.session.get(LargeChange, change_id)
    if change is not None and change.state == LargeState.REVERTING and not change.parts_done:
        await _end(work, change, change.ended_as, SetState(change.ended_as))


async def fail(work: UnitOfWork, change_id: int, reason: str) -> None:
    """It cannot be planned or applied; what was applied is taken back. Its page shows the reason."""
    change = await work.session.get(LargeChange, change_id)
    if change is not None and change.state != LargeState.REVERTING:
        give_up(work, change, reason)


async def ensure_allowed(work: UnitOfWork, change_id: int) -> None:
    """If its person may no longer change the table, it is given up."""
    change = await work.session.get(LargeChange, change_id)
    is_going_on = change is not None and change.state in (LargeState.PLANNING, LargeState.APPLYING)
    if change is not None and is_going_on and not await _is_allowed(work, change):
        give_up(work, change, NO_LONGER)


def has_undecided(connection: Connection) -> bool:
    """Whether there are plans that nobody has decided about for long."""
    return connection.execute(_undecided().limit(1)).first() is not None


async def give_up_undecided(work: UnitOfWork) -> None:
    for change in await work.session.scalars(_undecided()):
        give_up(work, change, None)


async def give_up_planning(work: UnitOfWork, table_id: int, reason: str) -> None:
    """What is being planned may have read what is not to be known any more."""
    planning = LargeChange.table_id == table_id, LargeChange.state == LargeState.PLANNING
    for change in await work.session.scalars(select(LargeChange).where(*planning)):
        give_up(work, change, reason)


def _undecided() -> Select[LargeChange]:
    long_ago = LargeChange.created_at < utc_now() - MAX_UNDECIDED
    return select(LargeChange).where(LargeChange.state == LargeState.READY, long_ago)


async def forget_parts(work: UnitOfWork, change_id: int, count: int = FORGOTTEN) -> bool:
    """Delete some parts of the plan of a change that has ended. Return whether there are more."""
    change = await work.session.get(LargeChange, change_id)
    if change is None or change.state not in ENDED:
        return False
    of_change = LargeChangePart.change_id == change_id
    numbers = list(await work.session.scalars(select(LargeChangePart.number).where(of_change).limit(count)))
    await work.session.execute(delete(LargeChangePart).where(of_change, LargeChangePart.number.in_(numbers)))
    return len(numbers) == count


def may_go_on(connection: Connection, user_id: int | None, table_id: int) -> bool:
    """Whether the person whose change it is may still make it."""
    person = connection.execute(_PERSON, {"user_id": user_id}).first()
    if person is None:
        return False
    actor = actor_from(person)
    access = TableAccess.find(connection, actor.id, table_id)
    return access is not None and is_allowed(actor, Action.EDIT_TABLE, access)


async def _is_allowed(work: UnitOfWork, change: LargeChange) -> bool:
    place = change.user_id, change.table_id
    return await work.run(lambda connection: may_go_on(connection, *place))


async def start(work: UnitOfWork, change: LargeChange) -> None:
    """Take the number of the change set. A plan whose texts were judged by other rules than those of its columns is
    given up. Raises `NotAllowed`, `LargeChangeRunning`, `PurgeRunning` and `TypeChangeRunning`.
    """
    if not await _is_allowed(work, change):
        raise NotAllowed(NO_LONGER)
    if not change.parts and not await work.run(lambda connection: has_columns(connection, change)):
        change.state, change.finished_at = LargeState.DONE, utc_now()
        follow(work, change, is_at_work=False)
        return
    table = await _get_table(work, change.table_id)
    if (title := judged_otherwise(change.arguments, table.columns)) is not None:
        give_up(work, change, OTHER_RULES.format(title))
        return
    begun = await work.run(lambda connection: _begin_set(connection, change, table))
    change.seq, change.first_new_row = begun.seq, begun.first_new_row
    change.state, table.growing = LargeState.APPLYING, begun.seq
    change.new_columns = [one.to_json() for one in begun.columns.new]
    _note_left(work, change, begun.columns.left)
    await _prepare_indexes(work, change, table, is_dropped=begun.columns.index_again)
    publish_change(work, change.table_id, begun.seq)
    follow(work, change)


@dataclass(frozen=True, slots=True)
class _Begun:
    seq: int
    first_new_row: int | None
    columns: ColumnsDone


def _begin_set(connection: Connection, change: LargeChange, table: Table) -> _Begun:
    ensure_free(connection, change.table_id, but=change.id)
    columns = begin_columns(connection, table, change)
    new = take_row_ids(connection, change.table_id, change.new_rows) if change.new_rows else None
    first = change.first_row if change.first_row is not None else new and new[0]
    last = new[-1] if new else change.last_row
    named = {number for number in _columns_of(change) if number > 0} | set(columns_of(columns.entries))
    extent = {"rows": change.rows, "cells": change.cells, "first_row": first, "last_row": last, "parts": change.parts}
    note = describe_entries(columns.entries) if change.kind == Kind.COLUMNS else change.note
    about = {"via": change.via, "kind": change.kind, "note": note, "undo_of": change.undo_of}
    about["columns"] = ",".join(map(str, sorted(named)))
    seq = record_large(connection, change.table_id, change.user_id, extent | about, columns.entries)
    return _Begun(seq, new[0] if new else None, columns)


def _note_left(work: UnitOfWork, change: LargeChange, entries: Sequence[Entry]) -> None:
    """Columns that stay as they are are listed behind what parts have left."""
    if entries:
        left = {"number": change.parts + 1, "entries": len(entries), "blob": pack_part(entries)}
        work.session.add(LargeChangeLeft(change_id=change.id, **left))
        change.left += len(entries)


def _columns_of(change: LargeChange) -> set[int]:
    """Those of its cells; new ones have numbers below 0."""
    return {int(number) for number in change.columns.split(",") if number}


async def _get_table(work: UnitOfWork, table_id: int) -> Table:
    """With its columns; also one in the trash."""
    columns = selectinload(Table.columns)
    return await work.session.get_one(Table, table_id, options=[columns], populate_existing=True)


async def _prepare_indexes(work: UnitOfWork, change: LargeChange, table: Table, *, is_dropped: bool) -> None:
    """So many rows are indexed faster at once, afterwards; and so are other columns: then the index `is_dropped`."""
    if change.rows > INDEX_ROWS:
        await _drop_indexes(work, change)
    if (change.rows > INDEX_ROWS or is_dropped) and table.search_index != SearchIndex.NONE:
        table.search_index, change.index_again = SearchIndex.NONE, True


async def _drop_indexes(work: UnitOfWork, change: LargeChange) -> None:
    columns = _columns_of(change)
    all_rows = change.new_rows > INDEX_ROWS

    def drop(connection: Connection) -> None:
        rows = row_writer(connection)
        rows.drop_search_index(change.table_id)
        # All of them first: SQLite drops no index while something is being read.
        for number, storage in connection.execute(_STORAGE, {"table_id": change.table_id}).all():
            if all_rows or number in columns:
                rows.drop_sort_index(change.table_id, Field(number, "", "text", {}, storage=storage))

    await work.run(drop)


async def _end(work: UnitOfWork, change: LargeChange, state: LargeState, set_state: SetState) -> None:
    """Nobody works on it any more: its set has what it has."""
    table_id, seq, undo_of = change.table_id, change.seq or 0, change.undo_of

    table = await _get_table(work, table_id)

    def complete(connection: Connection) -> bool:
        is_dropped = state != LargeState.DONE and take_columns_back(connection, table, seq)
        complete_large(connection, table_id, seq, set_state)
        if state == LargeState.DONE and undo_of is not None:
            mark_undone(connection, table_id, undo_of, seq)
        return is_dropped

    is_dropped = await work.run(complete)
    change.state, change.finished_at = state, utc_now()
    table = await work.session.get_one(Table, table_id, populate_existing=True)
    table.growing = None
    # It is asked for already if a column began to keep texts.
    if change.index_again or is_dropped or table.search_index == SearchIndex.BUILDING:
        begin_search_index(work, table)
    publish_rewritten(work, table_id)
    follow(work, change)  # the job forgets the parts that were not applied


def give_up(work: UnitOfWork, change: LargeChange, reason: str | None) -> None:
    """`reason`: None if it is cancelled."""
    if change.state in ENDED or change.state == LargeState.REVERTING:
        return
    change.failure = reason
    if change.state == LargeState.APPLYING:
        change.state = LargeState.REVERTING
    else:
        change.state, change.finished_at = change.ended_as, utc_now()
    follow(work, change, is_at_work=change.state == LargeState.REVERTING or change.parts > 0)


def follow(work: UnitOfWork, change: LargeChange, *, is_at_work: bool = True) -> None:
    """Its job goes on, and pages that show it look again."""
    if is_at_work:
        work.enqueue(TASK, str(change.id))
    work.publish(large_topic(change.id), change.state)


_PERSON = select(*ACTOR_COLUMNS).where(User.id == bindparam("user_id"), User.is_active)
_STORAGE = select(Column.number, Column.storage).where(Column.table_id == bindparam("table_id"))
