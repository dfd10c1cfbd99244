"""The columns that a large change adds, deletes or brings back: in the transaction that begins its set.

They are entries of that set, so it is undone as a whole. A plan calls new columns by numbers below 0, as it does new
rows: nobody sees one of a plan that is thrown away. If the change is cancelled, or fails, what was done to columns is
taken back with the last step, and the set says both: others may have written into a column, whose entries have to fit.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from webapp.db.errors import UserError
from webapp.models.tables.change_set import Entry, insert_listed, listed_of
from webapp.models.tables.column_properties import free_title
from webapp.models.tables.column_reversal import ColumnReversal
from webapp.models.tables.column_sheet import ColumnSheet, LastColumn
from webapp.models.tables.deletions import columns_deleted_by
from webapp.models.tables.large_change import LargeChange
from webapp.models.tables.log_since import is_column_changed
from webapp.models.tables.table import Table


class NoRoom(UserError):
    def __init__(self, wanted: int, free: int) -> None:
        super().__init__(
            f"{wanted:,} columns would be added, and the table has room for {free:,}: then it is full. Leave some out."
        )


@dataclass(frozen=True, slots=True)
class NewColumn:
    """A column that a plan needs and calls `planned`, a number below 0; `number` is its real one once it is there.

    It comes behind the column `behind`, which may be such a one too; None, and if that is gone: behind the last one.
    """

    planned: int
    title: str
    type: str = "text"
    format: Mapping[str, Any] = field(default_factory=dict)
    behind: int | None = None
    number: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "planned": self.planned,
            "title": self.title,
            "type": self.type,
            "format": dict(self.format),
            "behind": self.behind,
            "number": self.number,
        }


@dataclass(frozen=True, slots=True)
class ColumnsDone:
    """`left`: what could not be done, because somebody has changed these columns since. `index_again`: the search index
    has been dropped.
    """

    entries: list[Entry]
    left: list[Entry]
    new: list[NewColumn]
    index_again: bool


def new_columns_of(change: LargeChange) -> list[NewColumn]:
    return [NewColumn(**one) for one in change.new_columns]


def numbers_of(change: LargeChange) -> dict[int, int]:
    """The real numbers of its new columns, by those in the plan."""
    return {one.planned: one.number for one in new_columns_of(change) if one.number is not None}


def has_columns(connection: Connection, change: LargeChange) -> bool:
    """Whether there is something to do to columns."""
    return bool(change.new_columns or _to_take_back(connection, change))


def ensure_room_for(connection: Connection, table_id: int, count: int) -> None:
    """Raises `NoRoom`, as far as that is known before the columns are added."""
    if count > (free := ColumnSheet.free(connection, table_id)):
        raise NoRoom(count, free)


def begin_columns(connection: Connection, table: Table, change: LargeChange) -> ColumnsDone:
    """Raises `UserError` if the table has no room for a column, or would have none left."""
    sheet, left, seq = ColumnSheet(connection, table), list[Entry](), _set_taken_back(change)
    if seq is not None:
        reversal = ColumnReversal(sheet, seq)
        left = [entry for entry in _to_take_back(connection, change) if not reversal.make(entry)]
    new = add_columns(sheet, new_columns_of(change))
    return ColumnsDone(sheet.entries, left, new, sheet.index_again)


def add_columns(sheet: ColumnSheet, wanted: Iterable[NewColumn]) -> list[NewColumn]:
    """With their numbers. A title that is taken gets a number behind it. Raises the same."""
    numbers, added = dict[int, int](), list[NewColumn]()
    for one in wanted:
        behind = numbers.get(one.behind, one.behind) if one.behind is not None else None
        place = sheet.order.index(behind) + 1 if behind in sheet.order else len(sheet.order)
        number = sheet.add(free_title(one.title, sheet.titles()), one.type, one.format, place)
        numbers[one.planned] = number
        added.append(replace(one, number=number))
    return added


def take_columns_back(connection: Connection, table: Table, seq: int) -> bool:
    """What the growing set `seq` has done to columns, but for those that somebody has changed or written into since.
    Return whether the search index has been dropped for it.
    """
    sheet, done = ColumnSheet(connection, table), listed_of(connection, table.id, seq)
    reversal = ColumnReversal(sheet, seq)
    for entry in reversed(done):
        if not is_column_changed(connection, table.id, entry.column or 0, seq):
            with suppress(LastColumn):
                reversal.make(entry.reversed)
    insert_listed(connection, table.id, seq, sheet.entries, len(done))
    return sheet.index_again


def _set_taken_back(change: LargeChange) -> int | None:
    """The set of which something is taken back: all of it, or what it has deleted."""
    return int(change.arguments["seq"]) if change.planner == RESTORE else change.undo_of


def _to_take_back(connection: Connection, change: LargeChange) -> Sequence[Entry]:
    """The entries to be made."""
    seq = _set_taken_back(change)
    if seq is None:
        return []
    if change.planner == RESTORE:
        return [entry.reversed for entry in reversed(columns_deleted_by(connection, change.table_id, seq))]
    return [entry.reversed for entry in reversed(listed_of(connection, change.table_id, seq))]


RESTORE = "restore"  # the planner that brings back what a set has deleted
