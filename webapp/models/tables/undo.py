"""Taking changes back: a new change set with both sides of the old one exchanged, entry by entry, each only where the
table still holds what the old one left. What somebody changed since stays as it is and is reported.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, exists, func, or_, select

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.errors import NotFound
from webapp.models.policy import Action, Actor, is_allowed
from webapp.models.tables.access import TableAccess
from webapp.models.tables.change_log import mark_undone, publish_change, record
from webapp.models.tables.change_set import (
    Change,
    ChangeSet,
    Entry,
    Kind,
    SetState,
    Via,
    entries_of,
)
from webapp.models.tables.large_changing import Planned, begin
from webapp.models.tables.reversal import NotUndoable, Reversal
from webapp.models.tables.sheet import editable
from webapp.models.tables.table import Table

NOT_UNDOABLE = {Kind.IMPORT}


class NothingToUndo(UserError):
    def __init__(self, kind: Kind) -> None:
        super().__init__(f"There is nothing to {kind} here: you have changed nothing that is still in force.")


@dataclass(frozen=True, slots=True)
class UndoResult:
    """`done` of `total` entries were taken back by the set `seq`; `left` are those that somebody changed since."""

    seq: int
    of: int  # the set that was taken back
    done: int
    total: int
    left: list[Entry]


@dataclass(frozen=True, slots=True)
class UndoBegun:
    """The set `of` is so large that it is taken back in the background, by the large change `change_id`."""

    of: int
    change_id: int


async def undo_latest(work: UnitOfWork, actor: Actor, table_id: int, via: Via = Via.GRID) -> UndoResult | UndoBegun:
    """Take back the latest set of this person that is in force. Raises `NothingToUndo`."""
    latest = partial(_latest_to_undo, actor=actor, table_id=table_id)
    return await _take_back(work, actor, table_id, Kind.UNDO, latest, via)


async def redo_latest(work: UnitOfWork, actor: Actor, table_id: int, via: Via = Via.GRID) -> UndoResult | UndoBegun:
    """Take back the latest undo of this person, unless they have changed something since. Raises `NothingToUndo`."""
    latest = partial(_latest_to_redo, actor=actor, table_id=table_id)
    return await _take_back(work, actor, table_id, Kind.REDO, latest, via)


async def revert(
    work: UnitOfWork, actor: Actor, table_id: int, seq: int, via: Via = Via.GRID
) -> UndoResult | UndoBegun:
    """Take back any one set, whoever made it. Raises `NotFound` and `NotUndoable`."""
    return await _take_back(work, actor, table_id, Kind.REVERT, lambda connection: seq, via)


Choose = Callable[[Connection], int]


async def _take_back(
    work: UnitOfWork, actor: Actor, table_id: int, kind: Kind, choose: Choose, via: Via
) -> UndoResult | UndoBegun:
    made = await work.run(lambda connection: _take_back_one(connection, actor, table_id, kind, choose, via))
    if isinstance(made, int):
        planned = Planned("undo", {"seq": made}, kind, via, undo_of=made)
        return UndoBegun(made, (await begin(work, actor, table_id, planned)).id)
    result, index_again = made
    if index_again:
        work.enqueue("index_table", str(table_id))
    publish_change(work, table_id, result.seq)
    return result


def _take_back_one(
    connection: Connection, actor: Actor, table_id: int, kind: Kind, choose: Choose, via: Via
) -> tuple[UndoResult, bool] | int:
    """And whether the search index has to be built again. Only the `seq` of a set that is too large for this."""
    table = editable(connection, actor, table_id)
    seq = choose(connection)
    state = _ensure_undoable(connection, table, seq)
    if state.parts and (not state.purged or state.size):
        return seq
    entries = [entry.reversed for entry in reversed(entries_of(connection, table_id, seq))]
    if state.purged and not entries:
        raise NotUndoable("What this change was about was deleted for good. It cannot be undone.")
    if any(entry.is_title for entry in entries):
        TableAccess.require(connection, actor, table_id, Action.CHANGE_TABLE)
    made = Reversal(connection, table, seq).make(entries)
    new = record(connection, actor, via, table_id, kind, made.changed, undo_of=seq, added_rows=made.added_rows)
    mark_undone(connection, table_id, seq, new)
    return UndoResult(new, seq, len(entries) - len(made.left), len(entries), made.left), made.index_again


def _ensure_undoable(connection: Connection, table: Table, seq: int) -> Row[*tuple[Any, ...]]:
    """What the log says of the set; one with `parts` is a large one. Raises `NotFound` and `NotUndoable`."""
    found = connection.execute(_STATE, {"table_id": table.id, "seq": seq}).first()
    if found is None and 0 < seq < table.log_from:
        raise NotUndoable("This change is so old that it is no longer kept. It cannot be undone.")
    if found is None:
        raise NotFound("change")
    if found.undone_by is not None:
        raise NotUndoable("This change has been undone already.")
    if found.kind in NOT_UNDOABLE:
        raise NotUndoable("Rows that came with a file cannot be undone as one change. Delete the table instead.")
    if found.state == SetState.GROWING:
        raise NotUndoable("This change is still being applied. Cancel it, or undo it once it is done.")
    if found.is_purging:
        raise NotUndoable("What this change deleted is being deleted for good. It cannot be undone.")
    return found


def _latest_to_undo(connection: Connection, actor: Actor, table_id: int) -> int:
    in_force = _LATEST_ACTION.where(ChangeSet.undone_by.is_(None))
    seq = connection.scalar(_allowed(connection, actor, table_id, in_force), _mine(actor, table_id))
    if seq is None:
        raise NothingToUndo(Kind.UNDO)
    return int(seq)


def _latest_to_redo(connection: Connection, actor: Actor, table_id: int) -> int:
    undone = connection.scalar(_allowed(connection, actor, table_id, _LATEST_UNDO), _mine(actor, table_id))
    acted = connection.scalar(_LATEST_ACTION, _mine(actor, table_id))
    if undone is None or (acted is not None and acted > undone):
        raise NothingToUndo(Kind.REDO)
    return int(undone)


def _allowed(connection: Connection, actor: Actor, table_id: int, sets: Select[int]) -> Select[int]:
    """A title is the owner's: who no longer is one goes on with what they changed before it."""
    access = TableAccess.require(connection, actor, table_id, Action.EDIT_TABLE)
    return sets if is_allowed(actor, Action.CHANGE_TABLE, access) else sets.where(~_IS_OF_TITLE)


def _mine(actor: Actor, table_id: int) -> dict[str, int]:
    return {"table_id": table_id, "actor_id": actor.id}


_IS_MINE = and_(ChangeSet.table_id == bindparam("table_id"), ChangeSet.actor_id == bindparam("actor_id"))
_STEPS = (Kind.UNDO, Kind.REDO)
_TOOK_PLACE = ChangeSet.state.in_((SetState.WHOLE, SetState.GROWING))
_HAS_ENTRIES = and_(or_(ChangeSet.purged == 0, ChangeSet.size > 0), ChangeSet.is_purging.is_(False), _TOOK_PLACE)
_LATEST_ACTION = select(func.max(ChangeSet.seq)).where(
    _IS_MINE, ChangeSet.kind.not_in((*_STEPS, *NOT_UNDOABLE)), _HAS_ENTRIES
)
_LATEST_UNDO = select(func.max(ChangeSet.seq)).where(
    _IS_MINE, ChangeSet.kind == Kind.UNDO, ChangeSet.undone_by.is_(None), _HAS_ENTRIES
)
# Also a step back and forth, and a set that took one back.
_IS_OF_TITLE = exists().where(
    Change.table_id == ChangeSet.table_id, Change.seq == ChangeSet.seq, Change.row_id.is_(None), Change.column.is_(None)
)
_STATE = select(
    ChangeSet.kind,
    ChangeSet.undone_by,
    ChangeSet.state,
    ChangeSet.parts,
    ChangeSet.purged,
    ChangeSet.size,
    ChangeSet.is_purging,
).where(ChangeSet.table_id == bindparam("table_id"), ChangeSet.seq == bindparam("seq"))
