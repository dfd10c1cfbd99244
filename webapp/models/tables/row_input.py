"""Rows as programs send them, on their way into a table while one transaction changes it.

Cells have the names of their columns and JSON values: only in the transaction is it certain what the columns are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from webapp.db.errors import UserError
from webapp.models.errors import NotFound
from webapp.models.policy import Actor
from webapp.models.tables.action_limits import ensure_short
from webapp.models.tables.change_log import record
from webapp.models.tables.change_set import Kind, Via
from webapp.models.tables.editing import fit_rows
from webapp.models.tables.sheet import CellEdit, Sheet
from webapp.models.tables.versions import Versions, ensure_current, row_version
from webapp.rowstore.json_input import text_from_json
from webapp.rowstore.objects import ObjectStyle
from webapp.rowstore.table_ref import Field

MAX_PROBLEMS = 100  # that are listed

Cells = Mapping[str, Any]  # JSON values by the name of the column
What = Literal["refused", "conflict", "missing"]


@dataclass(frozen=True, slots=True)
class RowInput:
    """Cells of a row that is there, and what some of them are expected to hold: else nothing is changed."""

    id: int
    cells: Cells
    expected: Cells = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InputStyle:
    """How cells are named and written. With `keeps_texts` a text needs no value in its column."""

    objects: ObjectStyle = field(default_factory=ObjectStyle)
    keeps_texts: bool = False


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why the row at `place`, from 0, cannot be written; `column` is the name of the cell, and `part` where it is."""

    place: int
    column: str | None
    reason: str
    what: What = "refused"
    part: Literal["cells", "expected", "id"] = "cells"


class KeyRefused(UserError):
    """There is no such column to find rows by; `place` is that of its name among those that were sent, from 0."""

    def __init__(self, place: int, name: str) -> None:
        super().__init__(f"The table has no column “{name[:100]}”.")
        self.place = place


class RowsRefused(UserError):
    """Nothing was changed: `problems` are the first ones, of `count`."""

    def __init__(self, problems: Sequence[RowProblem]) -> None:
        self.problems, self.count = problems[:MAX_PROBLEMS], len(problems)
        more = f" These are the first {MAX_PROBLEMS}." if self.count > MAX_PROBLEMS else ""
        what = "cell" if all(problem.column is not None for problem in problems) else "row"
        one = f"One {what} does" if self.count == 1 else f"{self.count:,} {what}s do"
        conflicts = any(problem.what != "refused" for problem in problems)
        super().__init__(
            f"Some rows are not as they were expected. Nothing was changed.{more}"
            if conflicts
            else f"{one} not fit. Nothing was changed.{more}"
        )

    @property
    def is_conflict(self) -> bool:
        """Whether it might have been possible on the rows as they were."""
        return any(problem.what != "refused" for problem in self.problems)


@dataclass
class RowWriting:
    """Rows on their way into a table. Problems are collected, so that whoever sent them learns of all at once; with
    some, nothing is recorded, and the transaction comes to nothing.
    """

    sheet: Sheet
    actor: Actor
    style: InputStyle
    problems: list[RowProblem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._by_name = {self.style.objects.name(field): field for field in self.sheet.fields.values()}

    def field(self, name: str) -> Field:
        if name not in self._by_name:
            raise NotFound("column")
        return self._by_name[name]

    def key(self, names: Sequence[str]) -> list[Field]:
        """Raises `KeyRefused`."""
        for place, name in enumerate(names):
            if name not in self._by_name:
                raise KeyRefused(place, name)
        return [self._by_name[name] for name in names]

    def ensure_fine(self) -> None:
        if self.problems:
            raise RowsRefused(sorted(self.problems, key=lambda problem: problem.place))

    def texts(self, rows: Sequence[Cells]) -> list[dict[int, str]]:
        """What was sent, as a person would type it, by the number of the column."""
        found = [self._texts(place, row, "cells") for place, row in enumerate(rows)]
        ensure_short(sum(len(text) for row in found for text in row.values()))
        return found

    def expect(self, rows: Sequence[RowInput], versions: Versions) -> None:
        """Each is there once, and holds what is expected."""
        ids = [row.id for row in rows]
        first = dict(reversed([(row_id, place) for place, row_id in enumerate(ids)]))
        expected = {place: self._texts(place, row.expected, "expected") for place, row in enumerate(rows)}
        fields = list(self.sheet.fields.values()) if versions is not None else self._named(expected.values())
        ensure_short(self.sheet.rows.text_size(self.sheet.ref, ids, fields) if fields else 0)
        current = self.sheet.rows.cells(self.sheet.ref, ids, fields)
        for place, row in enumerate(rows):
            cells = current.get(row.id)
            if first[row.id] != place:
                self.problems.append(RowProblem(place, None, "This row is here twice.", part="id"))
            elif cells is None:
                self.problems.append(RowProblem(place, None, "There is no such row.", "missing", "id"))
            else:
                texts = dict(zip((field.number for field in fields), cells, strict=True))
                if versions is not None:
                    ensure_current(row_version(row.id, texts), versions)
                self._compare(place, expected[place], texts)

    def find(self, keys: Sequence[Field], rows: Sequence[Cells], texts: Sequence[dict[int, str]]) -> dict[int, int]:
        """The rows that have the keys of these, by place."""
        wanted = dict[tuple[str, ...], int]()
        for place, row in enumerate(texts):
            key = self._key(place, keys, row)
            if key is None:
                continue
            if key in wanted:
                self._refuse(place, keys[0], f"Row {wanted[key]} of this request has the same key.")
            else:
                wanted[key] = place
        found = self.sheet.rows.key_rows(self.sheet.ref, keys, list(wanted))
        for key, (_, count) in found.items():
            if count > 1:
                self._refuse(wanted[key], keys[0], f"{count:,} rows of the table have this key.")
        return {wanted[key]: row_id for key, (row_id, _) in found.items()}

    def change(self, ids: Mapping[int, int], texts: Sequence[Mapping[int, str]]) -> None:
        """`ids` are the rows by the place of their texts."""
        gone = {problem.place for problem in self.problems if problem.part == "id"}
        ids = {place: row_id for place, row_id in ids.items() if place not in gone}
        places = {row_id: place for place, row_id in ids.items()}
        keeps = self.style.keeps_texts
        self.sheet.change(
            [
                CellEdit(row_id, number, None, text, keeps)
                for place, row_id in ids.items()
                for number, text in texts[place].items()
            ]
        )
        self._take_refusals({refusal.edit.row_id: places[refusal.edit.row_id] for refusal in self.sheet.refusals})
        for conflict in self.sheet.conflicts:
            place = places[conflict.edit.row_id]
            self.problems.append(RowProblem(place, None, "There is no such row.", "missing", "id"))

    def insert(self, rows: Mapping[int, Mapping[int, str]]) -> list[int]:
        """New rows, by place."""
        keeps = self.sheet.fields if self.style.keeps_texts else ()
        fitting = fit_rows(self.sheet, list(rows.values()), tuple(keeps))
        self._take_refusals(dict(enumerate(rows)))
        return self.sheet.insert(fitting)

    def record(self, kind: Kind, added: int, via: Via) -> int | None:
        """Write the change set. Raises `RowsRefused`, so that nothing that was done before stays."""
        self.ensure_fine()
        sheet = self.sheet
        if not sheet.entries:
            return None
        return record(sheet.connection, self.actor, via, sheet.table.id, kind, sheet.entries, added_rows=added)

    def _texts(self, place: int, cells: Cells, part: Literal["cells", "expected"]) -> dict[int, str]:
        texts = dict[int, str]()
        for name, value in cells.items():
            try:
                column = self.field(name)
                texts[column.number] = text_from_json(column, value, self.style.objects.values)
            except NotFound:
                self.problems.append(RowProblem(place, name, "There is no such column.", part=part))
            except UserError as error:
                self.problems.append(RowProblem(place, name, f"{error}.".replace("..", "."), part=part))
        return texts

    def _named(self, rows: Iterable[Mapping[int, str]]) -> list[Field]:
        return [self.sheet.fields[number] for number in dict.fromkeys(number for row in rows for number in row)]

    def _compare(self, place: int, expected: Mapping[int, str], current: Mapping[int, str]) -> None:
        for number, text in expected.items():
            column = self.sheet.fields[number]
            if not _is_same(column, text, current[number]):
                name = self.style.objects.name(column)
                self.problems.append(RowProblem(place, name, "It holds something else.", "conflict", "expected"))

    def _key(self, place: int, keys: Sequence[Field], row: dict[int, str]) -> tuple[str, ...] | None:
        """As the cells of a row that has it are written; None if there is something wrong with it."""
        found = list[str]()
        for column in keys:
            if not row.get(column.number):
                self._refuse(place, column, "A key needs a value.")
                return None
            try:
                found.append(self.sheet.read(column.number, row[column.number], keeps_text=self.style.keeps_texts))
            except UserError as error:
                self._refuse(place, column, str(error))
                return None
        return tuple(found)

    def _refuse(self, place: int, column: Field, reason: str) -> None:
        self.problems.append(RowProblem(place, self.style.objects.name(column), f"{reason}.".replace("..", ".")))

    def _take_refusals(self, places: Mapping[int, int]) -> None:
        """Of the sheet; `places` by the row of the edit. A cell that was refused before is not there, no more."""
        known = {(problem.place, problem.column) for problem in self.problems}
        for refusal in self.sheet.refusals:
            place, column = places[refusal.edit.row_id], self.sheet.fields[refusal.edit.column]
            if (place, self.style.objects.name(column)) not in known:
                self._refuse(place, column, refusal.reason)
        self.sheet.refusals.clear()


def _is_same(column: Field, expected: str, current: str) -> bool:
    """Whether a cell with the text `current` holds what somebody expects: the same text or value, or nothing."""
    if expected == current or (not expected and current == column.empty_text):
        return True
    value = column.kind.read(current, column.format)
    return value is not None and column.kind.read(expected, column.format) == value
