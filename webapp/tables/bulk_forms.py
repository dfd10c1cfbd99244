"""The forms of changes of many rows: what is asked for each, and the operation that it stands for."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wtforms import BooleanField, IntegerField, RadioField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import InputRequired, NumberRange

from webapp.formats.titles import MAX_TITLE
from webapp.models.tables.bulk_changing import AddedColumns
from webapp.models.tables.change_set import Kind
from webapp.planners.bulk.operations import (
    MAX_PARTS,
    CellOperation,
    Clear,
    Fill,
    Join,
    OperationRefused,
    Replace,
    SetText,
    Split,
    Tidy,
)
from webapp.rowstore.table_ref import Field
from webapp.web.forms import Form

HOW = [
    ("trim", "Remove spaces at both ends"),
    ("spaces", "Remove spaces at both ends, and all but one between words"),
    ("upper", "UPPER CASE"),
    ("lower", "lower case"),
    ("title", "Each Word Begins With A Capital"),
    ("capitalise", "The first letter is a capital"),
]
KEEP = [
    ("first", "The first one"),
    ("last", "The last one"),
    ("fullest", "The one with the most filled cells"),
]
NEW = -1  # stands for a column that is added
_ESCAPES = {"\\t": "\t", "\\n": "\n"}


class BulkForm(Form):
    """`as_text`: texts that have no value in their column are kept. Choices of columns are known with the table."""

    columns: tuple[str, ...] = ()  # the names of the fields that choose columns

    def with_columns(self, fields: Iterable[Field]) -> "BulkForm":
        choices = [(field.number, field.title) for field in fields]
        for name in self.columns:
            self[name].choices = choices
        return self

    def operation(self) -> CellOperation | None:
        """Of a form that is valid; None if it is about whole rows. Raises `OperationRefused` and `PatternRefused`."""
        return None

    def arguments(self) -> dict[str, Any]:
        """What else the planner takes. Raises `OperationRefused`."""
        return {}

    def added(self, titles: Mapping[int, str]) -> AddedColumns | None:
        """The columns that the operation needs. `titles` are those of the table's columns."""
        return None


def _column(label: str) -> SelectField:
    return SelectField(label, [InputRequired("Choose a column.")], coerce=int)


def _as_text() -> BooleanField:
    return BooleanField("Keep texts that do not fit the column's type as texts")


class SetForm(BulkForm):
    columns = ("column",)
    column = _column("Column")
    text = TextAreaField("New text", filters=[lambda text: text and text.replace("\r\n", "\n")])
    only_empty = BooleanField("Only where the cell is empty")
    as_text = _as_text()

    def operation(self) -> CellOperation:
        return SetText(self.column.data, self.text.data or "", self.only_empty.data, self.as_text.data)


class ClearForm(BulkForm):
    columns = ("column",)
    column = _column("Column")

    def operation(self) -> CellOperation:
        return Clear(self.column.data)


class ReplaceForm(BulkForm):
    columns = ("column",)
    column = _column("Column")
    find = StringField("Find", [InputRequired("Say what to look for.")])
    replacement = StringField("Replace with")
    is_regex = BooleanField("Regular expression")
    match_case = BooleanField("Match case")
    whole_cell = BooleanField("Match the whole cell")
    as_text = _as_text()

    def operation(self) -> CellOperation:
        return Replace(
            self.column.data,
            self.find.data or "",
            self.replacement.data or "",
            self.is_regex.data,
            self.match_case.data,
            self.whole_cell.data,
            self.as_text.data,
        )


class FillForm(BulkForm):
    columns = ("source", "column")
    source = _column("From the column")
    column = _column("Into the column")
    only_empty = BooleanField("Only where the cell is empty")
    as_text = _as_text()

    def operation(self) -> CellOperation:
        return Fill(self.column.data, self.source.data, self.only_empty.data, self.as_text.data)


class TidyForm(BulkForm):
    columns = ("column",)
    column = _column("Column")
    how = RadioField("What to do", [InputRequired("Choose what is to be done.")], default="spaces")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self["how"].choices = HOW

    def operation(self) -> CellOperation:
        return Tidy(self.column.data, self.how.data)


class SplitForm(BulkForm):
    columns = ("column",)
    column = _column("Column")
    delimiter = StringField("Split at", [InputRequired("Say where the texts are to be split.")], default=",")
    parts = IntegerField(
        "Into how many columns",
        [NumberRange(2, MAX_PARTS, f"A text can be split into 2 to {MAX_PARTS} columns.")],
        default=2,
    )

    def operation(self) -> CellOperation:
        targets = tuple(-1 - index for index in range(self.parts.data))
        return Split(self.column.data, unescape(self.delimiter.data or ""), targets)

    def added(self, titles: Mapping[int, str]) -> AddedColumns:
        title, number = titles[self.column.data], self.column.data
        return AddedColumns([f"{title[: MAX_TITLE - 4]} {part}" for part in range(1, self.parts.data + 1)], number)


class JoinForm(BulkForm):
    columns = ("sources", "column")
    sources = SelectMultipleField("Columns to join", coerce=int)
    delimiter = StringField("With this between them", default=" ")
    column = _column("Into the column")
    as_text = _as_text()

    def with_columns(self, fields: Iterable[Field]) -> "BulkForm":
        super().with_columns(fields)
        self["column"].choices = [(NEW, "A new column of texts"), *self["sources"].choices]
        return self

    def operation(self) -> CellOperation:
        delimiter = unescape(self.delimiter.data or "")
        return Join(self.column.data, tuple(self.sources.data or ()), delimiter, self.as_text.data)

    def added(self, titles: Mapping[int, str]) -> AddedColumns | None:
        if self.column.data != NEW:
            return None
        named = " and ".join(titles[number] for number in self.sources.data)
        return AddedColumns([named[: MAX_TITLE - 4]], self.sources.data[-1])


class DistinctForm(BulkForm):
    columns = ("sources",)
    sources = SelectMultipleField("Columns that are compared", coerce=int)
    keep = RadioField("Which row stays", [InputRequired("Choose which row stays.")], default="first")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self["keep"].choices = KEEP

    def arguments(self) -> dict[str, Any]:
        if not self.sources.data:
            raise OperationRefused("Choose at least one column to compare.")
        return {"columns": list(self.sources.data), "keep": self.keep.data}


class RowsForm(BulkForm):
    """There is nothing to fill in."""


def unescape(text: str) -> str:
    """`\\t` and `\\n` are what no field of a form takes."""
    for written, meant in _ESCAPES.items():
        text = text.replace(written, meant)
    return text


@dataclass(frozen=True, slots=True)
class BulkAction:
    """`planner`: its name (`webapp.planners.registry`). `verb`: as the button has it, before how many."""

    name: str
    title: str
    text: str
    icon: str
    form: Callable[..., BulkForm]
    planner: str
    verb: str = "Change"

    @property
    def is_of_rows(self) -> bool:
        return self.planner != "bulk.cells"

    @property
    def has_form(self) -> bool:
        return self.form is not RowsForm

    @property
    def kind(self) -> Kind:
        """Of its change set."""
        return _KINDS[self.planner]


_KINDS = {
    "bulk.cells": Kind.CELLS,
    "bulk.copies": Kind.ADD_ROWS,
    "bulk.deletion": Kind.DELETE_ROWS,
    "bulk.distinct": Kind.DELETE_ROWS,
}
ACTIONS: dict[str, BulkAction] = {
    action.name: action
    for action in (
        BulkAction("set", "Set a column", "The same text in each row", "edit", SetForm, "bulk.cells"),
        BulkAction("clear", "Clear a column", "Empty its cells", "close", ClearForm, "bulk.cells"),
        BulkAction(
            "replace", "Find and replace", "Words, or a regular expression", "search", ReplaceForm, "bulk.cells"
        ),
        BulkAction("fill", "Fill from another column", "Copy its texts", "paste", FillForm, "bulk.cells"),
        BulkAction("tidy", "Trim and change case", "Spaces, capitals", "text", TidyForm, "bulk.cells"),
        BulkAction("split", "Split a column", "One text into several columns", "columns", SplitForm, "bulk.cells"),
        BulkAction("join", "Join columns", "Several texts become one", "columns", JoinForm, "bulk.cells"),
        BulkAction(
            "distinct",
            "Remove duplicates",
            "Rows with the same texts in some columns",
            "filter",
            DistinctForm,
            "bulk.distinct",
            "Delete",
        ),
        BulkAction("duplicate", "Duplicate", "Copies behind the last row", "paste", RowsForm, "bulk.copies", "Add"),
        BulkAction("delete", "Delete", "Undo brings them back", "close", RowsForm, "bulk.deletion", "Delete"),
    )
}


def values_of(form: BulkForm) -> list[tuple[str, Any]]:
    """What the form was sent with, for a form that sends it again."""
    pairs = list[tuple[str, Any]]()
    for field in form:
        if isinstance(field, BooleanField):
            pairs += [(field.name, "1")] if field.data else []
        elif isinstance(field.data, list):
            pairs += [(field.name, one) for one in field.data]
        else:
            pairs.append((field.name, "" if field.data is None else field.data))
    return pairs
