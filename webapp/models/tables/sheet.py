"""A table while one transaction changes it: edits become texts that its columns can hold, and entries of the log.

Columns may begin to keep texts on the way, so all that is done to the table in the transaction goes through one object.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from sqlalchemy import Connection, bindparam, select, update

from webapp.db.errors import UserError
from webapp.models.errors import NotFound
from webapp.models.policy import Action, Actor
from webapp.models.tables.access import TableAccess
from webapp.models.tables.action_limits import ensure_short
from webapp.models.tables.change_log import take_row_ids
from webapp.models.tables.change_set import Entry, cells_to_json
from webapp.models.tables.search_indexing import follow_columns
from webapp.models.tables.table import Column, Table
from webapp.rowstore import row_writer
from webapp.rowstore.cell_input import Misfit, read_input
from webapp.rowstore.column_rules import ColumnRules, repeated_text
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import CellChange, StoredRow
from webapp.rowstore.writer import RowWriter


class TableNotReady(UserError):
    def __init__(self) -> None:
        super().__init__("The rows of this table are still coming in. It can be changed once they are all there.")


class Uncheckable(UserError):
    """Of a column whose texts all differ, for whom some of the rows are hidden: to find out whether a text is among
    those would tell it.
    """

    def __init__(self) -> None:
        super().__init__("No two rows may have the same text here, and you see a part of the rows only")


@dataclass(frozen=True, slots=True)
class CellEdit:
    """A cell's new text, and the text its editor saw; None: whatever it holds. With `keeps_text` it need not have a
    value in its column.
    """

    row_id: int
    column: int
    seen: str | None
    text: str
    keeps_text: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    edit: CellEdit
    error: UserError

    @property
    def reason(self) -> str:
        return str(self.error)

    @property
    def is_misfit(self) -> bool:
        """Whether it could be kept as a text."""
        return isinstance(self.error, Misfit)


@dataclass(frozen=True, slots=True)
class Conflict:
    edit: CellEdit
    current: str | None  # what the cell holds now; None if the row is gone


@dataclass
class Sheet:
    """`entries` are what has been changed so far, `texts` what the cells of the edits hold now, by row and column."""

    connection: Connection
    table: Table
    entries: list[Entry] = field(default_factory=list)
    texts: dict[tuple[int, int], str] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.fields = {field.number: field for field in self.table.ref.fields}
        self.rules = {
            column.number: ColumnRules.from_json(column.rules) for column in self.table.columns if column.rules
        }

    @cached_property
    def rows(self) -> RowWriter:
        return row_writer(self.connection)

    @property
    def ref(self) -> TableRef:
        return replace(self.table.ref, fields=tuple(self.fields.values()))

    def read(self, column: int, text: str, *, keeps_text: bool = False) -> str:
        """What the cell will hold, which its column can then. Raises `NotFound`, `Misfit` and other `UserError`s."""
        if column not in self.fields:
            raise NotFound("column")
        entered = read_input(self.rows, self.fields[column], text, keeps_text=keeps_text)
        if (rules := self.rules.get(column)) is not None:
            if rules.unique and self.table.ref.scope is not None:
                raise Uncheckable
            rules.ensure_met(entered.text, is_empty=entered.text in ("", self.fields[column].empty_text))
        if entered.needs_texts:
            self.fields[column] = make_room(self.connection, self.rows, self.table.id, self.fields[column])
        return entered.text

    def with_required(self, row: Mapping[int, str]) -> Mapping[int, str]:
        """The texts of a new row by column, and the cells of columns that need a text; but not of a row that is all
        empty: such a row is there to be filled in.
        """
        if not any(row.values()):
            return {number: text for number, text in row.items() if number not in self.rules}
        return dict.fromkeys((number for number, rules in self.rules.items() if rules.required), "") | dict(row)

    def change(self, edits: Sequence[CellEdit]) -> None:
        """Make those edits that fit their columns and whose cells hold what was seen, or what is to be saved already:
        a save that is sent again does not conflict with itself. Raises `NotFound` for a column, and `TooMuchText`.
        """
        accepted = list(self.accept(edits))
        current = self._current([edit for edit, _ in accepted])
        edit_of = dict[int, CellEdit]()
        changes = list[CellChange]()
        for edit, text in accepted:
            before = self._seen(edit, current)
            if before is None:
                self.conflicts.append(Conflict(edit, None))
                continue
            changes.append(CellChange(edit.row_id, self.fields[edit.column], before, text))
            edit_of[id(changes[-1])] = edit
        applied = self.rows.apply(self.ref, changes)
        for change in applied.done:
            self._note(change)
        for conflict in applied.conflicts:
            if conflict.current == conflict.change.after:
                self.texts[conflict.change.row_id, conflict.change.field.number] = conflict.change.after
            else:
                self.conflicts.append(Conflict(edit_of[id(conflict.change)], conflict.current))

    def accept(self, edits: Iterable[CellEdit], *, of_new_rows: bool = False) -> Iterator[tuple[CellEdit, str]]:
        """Each edit with what its cell will hold; those that do not fit are among the refusals. Raises `NotFound`."""
        accepted = list(self._fitting(edits))
        taken = self._taken_texts(accepted)
        for edit, text in accepted:
            holders = taken.get(edit.column)
            holder = None if holders is None else holders.get(text)
            if holder is None or edit.seen == text or (holder == edit.row_id and not of_new_rows):
                yield edit, text
            else:
                self.refusals.append(Refusal(edit, repeated_text(text, holder or None)))
                continue
            if holders is not None and text not in ("", self.fields[edit.column].empty_text):
                holders[text] = 0 if of_new_rows else edit.row_id

    def _taken_texts(self, accepted: Sequence[tuple[CellEdit, str]]) -> dict[int, dict[str, int]]:
        """Of each column whose texts all differ: the row that has each of these texts. Those of one change are judged
        by what is there before it, so no two rows exchange their texts in one.
        """
        texts = dict[int, set[str]]()
        for edit, text in accepted:
            if (rules := self.rules.get(edit.column)) is not None and rules.unique:
                texts.setdefault(edit.column, set()).add(text)
        return {
            number: self.rows.first_rows(self.ref, field, sorted(some - {"", field.empty_text}))
            for number, some in texts.items()
            if (field := self.fields[number])
        }

    def _fitting(self, edits: Iterable[CellEdit]) -> Iterator[tuple[CellEdit, str]]:
        for edit in edits:
            try:
                text = self.read(edit.column, edit.text, keeps_text=edit.keeps_text)
            except NotFound:
                raise
            except UserError as error:
                self.refusals.append(Refusal(edit, error))
            else:
                yield edit, text

    def insert(self, rows: Sequence[Mapping[int, str]], ids: Sequence[int] | None = None) -> list[int]:
        """Add rows, with the texts of their cells by column; these fit. Return their ids, taken here or before."""
        if not rows:
            return []
        ids = take_row_ids(self.connection, self.table.id, len(rows)) if ids is None else ids
        given = self._given_by_scope()
        fields = self.ref.stored
        stored = [
            StoredRow(row_id, tuple(_text_of(field, cells, given) for field in fields))
            for row_id, cells in zip(ids, rows, strict=True)
        ]
        self.rows.insert(self.ref, stored)
        numbers = [field.number for field in fields]
        for row in stored:
            self.entries.append(Entry(row.id, None, None, cells_to_json(dict(zip(numbers, row.cells, strict=True)))))
        return list(ids)

    def _given_by_scope(self) -> Mapping[int, str]:
        """The texts that new rows have where nothing was entered, so that whoever adds a row sees it: those that each
        row of the scope has. Of no column whose texts all differ.
        """
        scope = self.table.ref.scope
        if scope is None:
            return {}
        alone = [group[0] for group in scope.groups if len(group) == 1 and group[0].operator == "eq"]
        given = {condition.field: condition.values[0] for condition in alone}
        found = self.connection.execute(_RULES, {"table_id": self.table.id})
        rules = {number: ColumnRules.from_json(data) for number, data in found}
        return {
            field.number: text
            for field, text in given.items()
            if self.rows.fits(field, text) and not rules[field.number].unique
        }

    def _current(self, edits: Sequence[CellEdit]) -> dict[tuple[int, int], str]:
        """The exact texts of those cells whose editor did not see one: an empty cell may be written otherwise in the
        file, such as `NA`, and a paste covers what it does not know.
        """
        unseen = [
            edit for edit in edits if edit.seen is None or (not edit.seen and self.fields[edit.column].empty_text)
        ]
        if not unseen:
            return {}
        fields = [self.fields[number] for number in dict.fromkeys(edit.column for edit in unseen)]
        row_ids = list(dict.fromkeys(edit.row_id for edit in unseen))
        ensure_short(self.rows.text_size(self.ref, row_ids, fields))
        found = self.rows.cells(self.ref, row_ids, fields)
        return {
            (row_id, field.number): text
            for row_id, cells in found.items()
            for field, text in zip(fields, cells, strict=True)
        }

    def _seen(self, edit: CellEdit, current: Mapping[tuple[int, int], str]) -> str | None:
        """The exact text that the cell must hold; None if its row is gone and no text was seen."""
        now, empty = current.get((edit.row_id, edit.column)), self.fields[edit.column].empty_text
        if edit.seen is None:
            return now
        return empty if not edit.seen and now == empty else edit.seen

    def _note(self, change: CellChange) -> None:
        self.texts[change.row_id, change.field.number] = change.after
        if change.before != change.after:
            self.entries.append(Entry(change.row_id, change.field.number, change.before, change.after))


def editable(connection: Connection, actor: Actor, table_id: int, action: Action = Action.EDIT_TABLE) -> Table:
    """The table, if this person may do that with its contents now."""
    table = TableAccess.require(connection, actor, table_id, action).table
    if table.state != "ready":
        raise TableNotReady
    return table


def _text_of(field: Field, cells: Mapping[int, str], given: Mapping[int, str]) -> str:
    """Of a cell of a new row."""
    text = cells.get(field.number, field.empty_text)
    return given.get(field.number, text) if text in ("", field.empty_text) else text


def make_room(connection: Connection, rows: RowWriter, table_id: int, field: Field) -> Field:
    """The column keeps texts from now on. Raises `UserError` if the table has no room for them.

    A search index that does not see them is built anew; a complete one within a minute, when the schedule finds it, so
    that further columns can begin to keep theirs before.
    """
    follow_columns(connection, table_id)
    kept = rows.keep_texts(table_id, field)
    connection.execute(_KEEP_TEXTS, {"key": table_id, "column": field.number})
    connection.execute(_NEW_VERSION, {"key": table_id})
    return kept


_RULES = select(Column.number, Column.rules).where(Column.table_id == bindparam("table_id"))
_KEEP_TEXTS = (
    update(Column)
    .where(Column.table_id == bindparam("key"), Column.number == bindparam("column"))
    .values(keeps_texts=True)
)
_NEW_VERSION = update(Table).where(Table.id == bindparam("key")).values(version=Table.version + 1)
