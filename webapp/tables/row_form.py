"""The form of a row, built from its columns; the form of one cell is that of one column.

Each field has its cell's text, and beside it a token of what was seen: the digests of the exact text and of what the
field showed. A browser changes line breaks, so the text itself would not come back as it was.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import wtforms
from wtforms import SelectField, StringField, TextAreaField

from webapp.models.tables.editing import CellEdit
from webapp.rowstore.cell_input import MAX_TEXT
from webapp.rowstore.page_budget import row_cell_limit
from webapp.rowstore.query import TableQuery
from webapp.rowstore.reader import RowReader
from webapp.rowstore.table_ref import Field, TableRef
from webapp.tables.line_breaks import restore_breaks, with_one_kind
from webapp.web.forms import Form

_DIGEST = 22  # hexadecimal digits: 88 bits


@dataclass(frozen=True, slots=True)
class CellText:
    """A cell as it is: its exact `text`, None if that is too long for a form or has a NUL, which no form can send.
    Then `beginning` is shown.
    """

    field: Field
    text: str | None
    beginning: str = ""

    @property
    def shown(self) -> str:
        """In the field: a cell that is empty is empty there, whatever the file has for it."""
        if self.text is None:
            return self.beginning
        return "" if self.text == self.field.empty_text else self.text

    @property
    def token(self) -> str:
        return f"{_digest(self.text or '')}.{_digest(with_one_kind(self.shown))}"


def read_cells(rows: RowReader, table: TableRef, row_id: int, fields: Sequence[Field]) -> list[CellText] | None:
    """The cells of these columns; None if there is no such row. One cell may be as long as may be saved, those of a
    whole row share a page.
    """
    view = rows.row(table, TableQuery.of(table.fields), row_id)
    if view is None:
        return None
    limit = MAX_TEXT if len(fields) == 1 else row_cell_limit(len(table.fields))
    short = [field for field in fields if view.sizes.get(field.number, 0) <= 4 * limit]
    exact = dict(zip((field.number for field in short), rows.cells(table, [row_id], short)[row_id], strict=True))
    beginnings = dict(zip((field.number for field in table.fields), view.cells, strict=True))

    def cell(field: Field) -> CellText:
        text = exact.get(field.number)
        fits = text is not None and len(text) <= limit and "\0" not in text
        return CellText(field, text if fits else None, beginnings[field.number])

    return [cell(field) for field in fields]


def words_of(column: Field, choices: Sequence[str]) -> list[str]:
    """What a cell of the column is chosen from, in the order of the list; none where anything may be typed. An empty
    cell comes first: a required one is refused with its reason.
    """
    if column.type == "boolean" and not choices:
        choices = [str(column.kind.print(value, column.format)) for value in (1, 0)]
    return ["", *(choice for choice in dict.fromkeys(choices) if choice)] if choices else []


def empty_cells(fields: Iterable[Field]) -> list[CellText]:
    """Of a new row."""
    return [CellText(field, field.empty_text) for field in fields]


def name_of(number: int) -> str:
    return f"cell{number}"


def build_form(
    cells: Sequence[CellText], choices: Mapping[int, Sequence[str]], submitted: Mapping[str, str] | None = None
) -> Form:
    """With the cells' texts, or for fields among `submitted` with these. `choices`: of the columns that have some."""
    given = submitted or {}
    shown = {name_of(cell.field.number): given.get(name_of(cell.field.number), cell.shown) for cell in cells}
    fields = {
        name_of(cell.field.number): _form_field(
            cell.field, shown[name_of(cell.field.number)], words_of(cell.field, choices.get(cell.field.number, ()))
        )
        for cell in cells
        if cell.text is not None
    }
    form: Form = type("RowForm", (Form,), fields)(data=shown)
    return form


def _form_field(column: Field, text: str, words: Sequence[str]) -> Any:
    """A line, several, or a choice, also of a text that is none of these but there; a line would lose the line breaks
    that any column's texts may have.
    """
    if words:
        return SelectField(column.title, choices=list(dict.fromkeys([*words, text])))
    if column.type == "text" or "\n" in text or "\r" in text:
        return TextAreaField(column.title, render_kw={"rows": min(max(1, text.count("\n") + 1, len(text) // 60), 12)})
    keyboard = {"inputmode": "decimal"} if column.type in ("integer", "decimal") else {}
    return StringField(column.title, widget=wtforms.widgets.TextInput(), render_kw=keyboard)


@dataclass
class SubmittedCells:
    """What a form asks for, against the cells as they are now: `edits`, and the columns whose cell somebody else has
    changed since, by their number with what was typed. Fields that nobody touched are neither.
    """

    edits: list[CellEdit] = field(default_factory=list)
    conflicts: dict[int, str] = field(default_factory=dict)


def read_submitted(row_id: int, cells: Sequence[CellText], submitted: Mapping[str, str]) -> SubmittedCells:
    found = SubmittedCells()
    for cell in cells:
        number = cell.field.number
        typed = submitted.get(name_of(number))
        if typed is None or cell.text is None:
            continue
        exact, _, shown = submitted.get(f"seen{number}", "").partition(".")
        keeps_text = f"as_text{number}" in submitted
        typed = with_one_kind(typed)
        if typed == with_one_kind(cell.shown) or (_digest(typed) == shown and not keeps_text):
            continue
        if exact != _digest(cell.text):
            found.conflicts[number] = typed
        else:
            edit = CellEdit(row_id, number, cell.text, restore_breaks(typed, cell.text), keeps_text)
            found.edits.append(edit)
    return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGEST]
