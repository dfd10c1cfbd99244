"""Taking changes back: a new change set with both sides of the old one exchanged, entry by entry, each only where the
table still holds what the old one left. What somebody changed since stays as it is and is reported.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import groupby
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
    cells_from_json,
    entries_of,
)
from webapp.models.tables.column_reversal import ColumnReversal
from webapp.models.tables.column_sheet import ColumnSheet
from webapp.models.tables.deletions import purging_rows
from webapp.models.tables.editing import deleted_fields, editable, make_room
from webapp.models.tables.large_changing import Planned, begin
from webapp.models.tables.renaming import set_title
from webapp.models.tables.table import Table
from webapp.rowstore import row_writer
from webapp.rowstore.entries import outdated
from webapp.rowstore.store import RowWriter
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import CellChange, StoredRow

NOT_UNDOABLE = {Kind.IMPORT}


class NothingToUndo(UserError):
    def __init__(self, kind: Kind) -> None:
        super().__init__(f"There is nothing to {kind} here: you have changed nothing that is still in force.")


class NotUndoable(UserError):
    """The set was taken back already, or is of a kind that cannot be."""


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


@dataclass
class Reversal:
    """Makes entries where the table still holds their `before`; `left` are those where it does not. `of` is the set
    that is taken back.
    """

    connection: Connection
    table: Table
    of: int
    changed: list[Entry] = field(default_factory=list)
    left: list[Entry] = field(default_factory=list)
    added_rows: int = 0
    index_again: bool = False

    def __post_init__(self) -> None:
        self.rows: RowWriter = row_writer(self.connection)
        self._know(self.table.ref)

    def _know(self, ref: TableRef) -> None:
        kept = deleted_fields(self.connection, self.table.id)
        self.kept = {field.number for field in kept}
        self.fields = {field.number: field for field in (*ref.fields, *kept)}

    @cached_property
    def columns(self) -> ColumnSheet:
        return ColumnSheet(self.connection, self.table)

    def make(self, entries: Sequence[Entry]) -> "Reversal":
        """Entries of the same kind that follow each other go to the row store together."""
        for makes, some in groupby(entries, self._maker):
            makes(list(some))
        return self

    @property
    def ref(self) -> TableRef:
        fields, kept = list[Field](), list[Field]()
        for number, each in self.fields.items():
            (kept if number in self.kept else fields).append(each)
        return TableRef(self.table.id, tuple(fields), tuple(kept))

    def _maker(self, entry: Entry) -> Callable[[list[Entry]], None]:
        if entry.is_cell:
            return self._change_cells
        if entry.is_row:
            return self._delete_rows if entry.after is None else self._restore_rows
        if entry.is_column:
            return self._change_columns
        if entry.is_title:
            return self._set_title
        raise NotUndoable("This change cannot be undone.")

    def _set_title(self, entries: list[Entry]) -> None:
        for entry in entries:
            is_set = set_title(self.connection, self.table.id, entry.before or "", entry.after or "")
            (self.changed if is_set else self.left).append(entry)

    def _change_columns(self, entries: list[Entry]) -> None:
        columns = self.columns
        reversal = ColumnReversal(columns, self.of)
        self.left += [entry for entry in entries if not reversal.make(entry)]
        self.changed += columns.entries
        columns.entries = []
        self.index_again |= columns.index_again
        self._know(columns.ref)

    def _change_cells(self, entries: list[Entry]) -> None:
        known = [entry for entry in entries if entry.column in self.fields]
        self.left += [entry for entry in entries if entry.column not in self.fields]
        changes = list(map(self._cell_change, known))
        applied = self.rows.apply(self.ref, changes)
        done = set(map(id, applied.done))
        current = {id(conflict.change): conflict.current for conflict in applied.conflicts}
        for entry, change in zip(known, changes, strict=True):
            if id(change) in done:
                self.changed.append(entry)
            elif current[id(change)] != change.after:
                self.left.append(entry)

    def _cell_change(self, entry: Entry) -> CellChange:
        row_id, number = entry.place
        before, after = entry.before or "", entry.after or ""
        return CellChange(row_id, self._fitting(number, after), before, after)

    def _restore_rows(self, entries: list[Entry]) -> None:
        gone = purging_rows(self.connection, self.table.id, {entry.place[0] for entry in entries})
        gone |= self._outdated(entries)
        kept = [entry for entry in entries if entry.row_id not in gone]
        stored = [StoredRow(entry.place[0], self._cells(entry.after or "{}")) for entry in kept]
        taken = set(self.rows.restore(self.ref, stored))
        self._count(entries, taken | gone, +1)

    def _outdated(self, entries: list[Entry]) -> set[int]:
        """Rows that came back and were deleted again with other cells: these would be lost."""
        latest = self.rows.latest_deletions(self.table.id, self.of, [entry.place[0] for entry in entries])
        empty = {number: field.empty_text for number, field in self.fields.items()}
        return outdated(entries, latest, empty)

    def _delete_rows(self, entries: list[Entry]) -> None:
        """Only rows that are as they were: what somebody wrote into one since would be lost."""
        before = {entry.place[0]: self._cells(entry.before or "{}") for entry in entries}
        current = self.rows.cells(self.ref, list(before), self.ref.stored)
        unchanged = [row_id for row_id, cells in before.items() if current.get(row_id) == cells]
        self.rows.delete(self.ref, unchanged)
        self._count(entries, set(before) - set(unchanged), -1)

    def _count(self, entries: list[Entry], not_done: set[int], sign: int) -> None:
        made = [entry.of_columns(self.fields) for entry in entries if entry.row_id not in not_done]
        self.changed += made
        self.left += [entry for entry in entries if entry.row_id in not_done]
        self.added_rows += sign * len(made)

    def _cells(self, json: str) -> tuple[str, ...]:
        """Of a row as it was, in the order of the columns as they are; a column that came later is empty."""
        cells = cells_from_json(json)
        for number, text in cells.items():
            if number in self.fields:
                self._fitting(number, text)
        return tuple(cells.get(number, field.empty_text) for number, field in self.fields.items())

    def _fitting(self, number: int, text: str) -> Field:
        """The column, able to hold this text, whatever has become of its type."""
        if not self.rows.fits(self.fields[number], text):
            self.fields[number] = make_room(self.connection, self.rows, self.table.id, self.fields[number])
        return self.fields[number]


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
