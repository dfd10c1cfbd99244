"""Making the entries that take a change back: cells, rows, columns and the title of a table, each only where the table
still holds what the change left.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby

from sqlalchemy import Connection

from webapp.db.errors import UserError
from webapp.models.tables.change_set import Entry, cells_from_json
from webapp.models.tables.column_reversal import ColumnReversal
from webapp.models.tables.column_sheet import ColumnSheet
from webapp.models.tables.deletions import purging_rows
from webapp.models.tables.editing import deleted_fields, make_room
from webapp.models.tables.renaming import set_title
from webapp.models.tables.table import Table
from webapp.rowstore import row_writer
from webapp.rowstore.entries import outdated
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import CellChange, StoredRow
from webapp.rowstore.writer import RowWriter


class NotUndoable(UserError):
    """The set was taken back already, or is of a kind that cannot be."""


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
