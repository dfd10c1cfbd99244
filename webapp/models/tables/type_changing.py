"""The verbs that give a column another type. No text is changed by that, only what the texts mean.

The new values go to a stored column of their own, while everybody reads the one that the column has. Then one
transaction exchanges them. What was replaced stays for a while (`SpareColumn`), since somebody may be reading it.
"""

import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.orm import selectinload

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.formats.json_columns import source_of
from webapp.imports.report import chosen_reason
from webapp.models.accounts.user import User, actor_from
from webapp.models.base import utc_now
from webapp.models.errors import NotFound
from webapp.models.policy import Action, Actor
from webapp.models.tables.access import require_access
from webapp.models.tables.change_log import publish_change, record
from webapp.models.tables.change_set import Kind, Via
from webapp.models.tables.column_properties import column_entry, describe_entries, type_properties
from webapp.models.tables.large_change import ensure_none_running
from webapp.models.tables.log_since import changed_rows, is_complete_since
from webapp.models.tables.search_indexing import follow_columns, index_search_again
from webapp.models.tables.table import Column, Table
from webapp.models.tables.type_change import (
    KEPT,
    RowsComing,
    SpareColumn,
    TypeChange,
    TypeChangeRunning,
    TypeChangeState,
)
from webapp.rowstore import row_writer, within
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import Comparison
from webapp.types import TYPES, Choice
from webapp.types.base import null_of

AT_ONCE = 10_000  # rows that are converted in one transaction
AT_ONCE_SECONDS = 0.25  # of processor time: rows with long texts take longer
BATCH = 2_000  # rows
UNEQUAL = (
    "Some cells would not have come out as they are now, so nothing was changed. This is a mistake of the program; it"
    " has been written to the log."
)

logger = logging.getLogger(__name__)


class NoSuchType(UserError):
    def __init__(self) -> None:
        super().__init__(
            "This is not a type that the column can have. Load the page again, and choose one of its types."
        )


async def change_type(
    work: UnitOfWork,
    actor: Actor,
    table_id: int,
    number: int,
    type: str,
    format: Mapping[str, Any],
    via: Via = Via.PAGE,
) -> TypeChange | None:
    """Give a column another type, in a small table at once, else in the background; None if it has that type already.
    Asking for what is being done is asking once.

    Raises `NotFound`, `NoSuchType`, `RowsComing`, `TypeChangeRunning`, `LargeChangeRunning`, and `UserError` if the
    table has no room for a further stored column.
    """
    await require_access(work, actor, table_id, Action.EDIT_TABLE)
    table, column = await _find_column(work, table_id, number)
    if table.state != "ready":
        raise RowsComing
    checked = {**check_format(type, format), **source_of(column.format)}
    if (running := await _running(work, table_id, number)) is not None:
        if (running.type, running.format) == (type, checked):  # pressed twice
            return running
        raise TypeChangeRunning(column.title)
    if (type, checked) == (column.type, column.format):
        return None
    await work.run(lambda connection: ensure_none_running(connection, table_id))
    target = await _add_column(work, table, Field(number, column.title, type, checked))
    change = TypeChange(
        table_id=table_id,
        number=number,
        user_id=actor.id,
        type=type,
        format=checked,
        via=via,
        storage=target.storage,
        seq=table.seq,
        rows=table.row_count,
    )
    work.session.add(change)
    await work.session.flush()
    if table.row_count <= AT_ONCE:
        await _finish(work, change, None)
    else:
        work.enqueue("change_type", str(change.id))
    return change


def check_format(type: str, format: Mapping[str, Any]) -> dict[str, Any]:
    """A format as somebody has sent it, validated. Raises `NoSuchType`."""
    if type not in TYPES:
        raise NoSuchType
    if type == "text":
        return {}
    try:
        return TYPES[type].check(format)
    except (ValueError, TypeError, AttributeError) as error:
        raise NoSuchType from error


def new_format(type: str, format: Mapping[str, Any] | None) -> dict[str, Any]:
    """The same for a column without cells: the usual one if none is given. Raises `NoSuchType`."""
    if format is None and type in TYPES:
        format = TYPES[type].default_format
    return check_format(type, format or {})


async def finish_type_change(work: UnitOfWork, change_id: int, comparison: Comparison) -> None:
    """All rows are converted, as far as `comparison` goes: from now on the column has its new type. Does nothing if the
    change has been cancelled or its table is gone.
    """
    change = await work.session.get(TypeChange, change_id)
    if change is not None and change.state == TypeChangeState.RUNNING:
        await _finish(work, change, comparison)


async def cancel_type_change(work: UnitOfWork, actor: Actor, table_id: int, number: int) -> None:
    """The column stays as it is. Cancelling what does not run is allowed. Raises `NotFound`."""
    await require_access(work, actor, table_id, Action.EDIT_TABLE)
    await _find_column(work, table_id, number)
    if (change := await _running(work, table_id, number)) is not None:
        _give_up(work, change, TypeChangeState.CANCELLED)


async def give_up_type_changes(work: UnitOfWork, table_id: int) -> None:
    """All that run in the table: it is being deleted."""
    running = select(TypeChange).where(TypeChange.table_id == table_id, TypeChange.state == TypeChangeState.RUNNING)
    for change in await work.session.scalars(running):
        _give_up(work, change, TypeChangeState.CANCELLED)


async def fail_type_change(work: UnitOfWork, change_id: int, reason: str) -> None:
    """The column stays as it is, and its page shows the reason."""
    change = await work.session.get(TypeChange, change_id)
    if change is not None and change.state == TypeChangeState.RUNNING:
        change.failure = reason
        _give_up(work, change, TypeChangeState.FAILED)


async def _find_column(work: UnitOfWork, table_id: int, number: int) -> tuple[Table, Column]:
    table = await work.session.scalar(select(Table).where(Table.id == table_id).options(selectinload(Table.columns)))
    if table is None:
        raise NotFound("table")
    column = next((column for column in table.columns if column.number == number), None)
    if column is None:
        raise NotFound("column")
    return table, column


async def _running(work: UnitOfWork, table_id: int, number: int) -> TypeChange | None:
    statement = select(TypeChange).where(
        TypeChange.table_id == table_id, TypeChange.number == number, TypeChange.state == TypeChangeState.RUNNING
    )
    return (await work.session.scalars(statement)).one_or_none()


async def _add_column(work: UnitOfWork, table: Table, field: Field) -> Field:
    """With an empty stored column of earlier changes, if one fits."""
    spares = select(SpareColumn).where(SpareColumn.table_id == table.id, SpareColumn.is_empty)
    empty = {spare.storage: spare for spare in await work.session.scalars(spares)}
    added = await within(work, lambda rows: rows.add_column(table.ref, field, list(empty)))
    if added.storage in empty:
        await work.session.delete(empty[added.storage])
    return added


async def _finish(work: UnitOfWork, change: TypeChange, comparison: Comparison | None) -> None:
    """`comparison`: None if nothing is converted yet."""
    table, column = await _find_column(work, change.table_id, change.number)
    source = Field.of(column)
    rest = await _catch_up(work, change, table.ref, source)
    if rest is None:
        work.enqueue("change_type", str(change.id))
        return
    comparison = rest.comparison if comparison is None else _without(comparison, rest.changed) + rest.comparison
    if comparison.differing and rest.changed and not comparison.rows:
        work.enqueue("change_type", str(change.id))  # so much has changed that it has to be compared again
        return
    if comparison.differing:
        logger.error("The change of type %s would have changed %s cells", change.id, comparison.differing)
        change.failure = UNEQUAL
        _give_up(work, change, TypeChangeState.FAILED)
        return
    await _swap(work, change, column, rest.target, comparison)
    if null_of(source.format) != null_of(rest.target.format):
        await index_search_again(work, table)


@dataclass(frozen=True, slots=True)
class Rest:
    """The field after the last rows were converted, their comparison, and which of the others were converted anew."""

    target: Field
    comparison: Comparison
    changed: Collection[int] = ()


def _without(comparison: Comparison, changed: Collection[int]) -> Comparison:
    """The rows that had changed when they were compared, and are converted anew, are no mistake."""
    rows = tuple(row_id for row_id in comparison.rows if row_id not in changed)
    explained = len(comparison.rows) - len(rows)
    return replace(comparison, rows=rows, differing=comparison.differing - explained)


async def _catch_up(work: UnitOfWork, change: TypeChange, table: TableRef, source: Field) -> Rest | None:
    """Apply to the new stored column what has changed in the column since its rows were converted, in the transaction
    that exchanges the two: nothing can change between. None if it is too much for one transaction.

    These are the rows that were added, and according to the change log those whose cells were changed.
    """
    target, last_row, first = change.target(source), change.last_row, change.last_row
    place = change.table_id, change.number, change.seq

    def convert(connection: Connection) -> Rest | None:
        nonlocal target, last_row
        if not is_complete_since(connection, change.table_id, place[2]):
            last_row = 0  # what has changed is not known any more
            return None
        rows, began = row_writer(connection), time.thread_time()
        changed = {row_id for row_id in changed_rows(connection, *place) if row_id <= first}
        target, done = rows.convert_rows(table, source, target, changed), len(changed)
        if done > AT_ONCE + BATCH:
            return None
        while (batch := rows.convert(table, source, target, last_row, BATCH)) is not None:
            target, last_row, done = batch.target, batch.last_row, done + batch.rows
            if done > AT_ONCE + BATCH or time.thread_time() - began > AT_ONCE_SECONDS:
                return None
        return Rest(target, rows.compare(table, source, target, first, last_row), changed)

    rest = await work.run(convert)
    change.last_row, change.keeps_texts = last_row, target.keeps_texts
    if rest is None:
        change.seq = await _current_seq(work, change.table_id)
    return rest


async def _current_seq(work: UnitOfWork, table_id: int) -> int:
    return await work.session.scalar(select(Table.seq).where(Table.id == table_id)) or 0


async def _swap(work: UnitOfWork, change: TypeChange, column: Column, target: Field, comparison: Comparison) -> None:
    now, before = utc_now(), type_properties(column)
    for name, value in set_type(column, target, comparison).items():
        setattr(column, name, value)
    change.state, change.finished_at = TypeChangeState.DONE, now
    change.rows_done = change.rows
    entry = column_entry(change.number, before, type_properties(column))
    if await work.run(lambda connection: follow_columns(connection, change.table_id)):
        work.enqueue("index_table", str(change.table_id))
    person = await work.session.get(User, change.user_id) if change.user_id is not None else None
    actor = actor_from(person) if person is not None else None
    await work.session.flush()
    by, note = (actor, Via(change.via), change.table_id, Kind.COLUMNS), describe_entries([entry])
    seq = await work.run(lambda connection: record(connection, *by, [entry], note=note))
    spare = SpareColumn(table_id=change.table_id, storage=before["storage"], kept_until=now + KEPT, seq=seq)
    work.session.add(spare)
    publish_change(work, change.table_id, seq)


def set_type(column: Column, target: Field, compared: Comparison | None) -> dict[str, Any]:
    """What a column has once it is the target; of what was not compared it keeps the facts that it had."""
    exceptions = column.facts.get("exceptions", 0) if compared is None else compared.exceptions
    choice = Choice(target.type, dict(target.format), target.keeps_texts, exceptions)
    facts = {**column.facts, "reason": chosen_reason(choice), "exceptions": exceptions}
    return {
        "type": target.type,
        "format": dict(target.format),
        "keeps_texts": target.keeps_texts,
        "storage": target.storage,
        "facts": facts if compared is None else facts | {"empty": compared.empty},
    }


def find_running(connection: Connection, table_id: int, number: int) -> int | None:
    """The change of the column's type that is running."""
    return connection.scalar(_RUNNING, {"table_id": table_id, "number": number})


def _give_up(work: UnitOfWork, change: TypeChange, state: TypeChangeState) -> None:
    """Nobody has read the new stored column, so it may be emptied at once."""
    change.state, change.finished_at = state, utc_now()
    work.session.add(SpareColumn(table_id=change.table_id, storage=change.storage, kept_until=utc_now()))


_RUNNING = select(TypeChange.id).where(
    TypeChange.table_id == bindparam("table_id"),
    TypeChange.number == bindparam("number"),
    TypeChange.state == TypeChangeState.RUNNING,
)
