"""The fields of a form that somebody answers, built from the columns by WTForms.

They only show and collect texts; what fits is decided where the row is added, as for an edit.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict
from wtforms import HiddenField, SelectField, StringField, TextAreaField
from wtforms.widgets import DateInput, DateTimeLocalInput, TextInput, TimeInput

from webapp.models.tables.form_answers import MAX_ANSWER
from webapp.models.tables.table_form import Ask, FormField, PublicForm
from webapp.rowstore.column_rules import ColumnRules
from webapp.rowstore.table_ref import Field
from webapp.types import Choice, describe
from webapp.web.formatting import capitalise
from webapp.web.forms import Form

# The input of browsers for a type: an example of what it sends, and whether it can show a text.
NATIVE = {
    "date": (DateInput(), "2026-11-28", re.compile(r"\d{4}-\d\d-\d\d")),
    "datetime": (DateTimeLocalInput(), "2026-11-28T14:30", re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?")),
    "time": (TimeInput(), "14:30", re.compile(r"\d\d:\d\d(:\d\d)?")),
}
KEYBOARDS = {"integer": "numeric", "decimal": "decimal"}


@dataclass(frozen=True, slots=True)
class Question:
    """A field as the page shows it."""

    number: int
    label: str
    help: str
    hint: str
    is_required: bool
    input: Any


def name_of(number: int) -> str:
    return f"cell{number}"


def label_of(field: FormField, title: str) -> str:
    return field.label or title


def build_form(public: PublicForm, texts: Mapping[int, str], submitted: MultiDict[str, str] | None = None) -> Form:
    """With `texts` by column, or what was submitted."""
    shown = texts if submitted is None else {column: submitted.get(name_of(column), "") for column in texts}
    fields = {
        name_of(field.column): _input(field, Field.of(column), ColumnRules.from_json(column.rules), shown[field.column])
        for field, column in public.fields
        if field.ask is not Ask.FIXED
    }
    data = {name_of(column): _shown(public, column, text) for column, text in shown.items()}
    form: Form = type("AnswerForm", (Form,), fields)(submitted or None, data=data)
    return form


def questions_of(public: PublicForm, form: Form) -> list[Question]:
    return [
        Question(
            field.column,
            label_of(field, column.title),
            field.help,
            _hint(Field.of(column)) if _is_plain(form[name_of(field.column)]) else "",
            _is_required(field, ColumnRules.from_json(column.rules)),
            form[name_of(field.column)],
        )
        for field, column in public.fields
        if field.ask is Ask.SHOWN
    ]


def hidden_of(public: PublicForm, form: Form) -> list[Any]:
    return [form[name_of(field.column)] for field, _ in public.fields if field.ask is Ask.ADDRESS]


def prefilled(public: PublicForm, args: Mapping[str, str]) -> dict[int, str]:
    """The texts to begin with: those that the address names (`?Planet=Pluto`), and else the defaults."""
    given = {name.casefold(): text[:MAX_ANSWER].replace("\0", "") for name, text in args.items()}
    return {
        field.column: given.get(field.name.casefold(), field.default)
        for field, _ in public.fields
        if field.ask is not Ask.FIXED
    }


def _is_required(field: FormField, rules: ColumnRules) -> bool:
    return field.required or rules.required


def _input(field: FormField, column: Field, rules: ColumnRules, text: str) -> Any:
    keywords: dict[str, Any] = {"autocomplete": "off"}
    if field.ask is Ask.ADDRESS:
        return HiddenField()
    if _is_required(field, rules):
        keywords["required"] = True
    if words := _words(field, column, rules):
        chosen = next((word for word in words if word.casefold() == text.casefold()), text)
        listed = list(dict.fromkeys(["", *words, *([text] if chosen == text else [])]))
        return SelectField(choices=listed, validate_choice=False, render_kw=keywords)
    if native := _native(column, text):
        return StringField(widget=native, render_kw=keywords | _step(text))
    keywords["maxlength"] = MAX_ANSWER
    if column.type == "text" and (field.is_long or "\n" in text):
        return TextAreaField(render_kw=keywords | {"rows": 4})
    if column.type in KEYBOARDS:
        keywords["inputmode"] = KEYBOARDS[column.type]
    return StringField(widget=TextInput(), render_kw=keywords)


def _words(field: FormField, column: Field, rules: ColumnRules) -> Sequence[str]:
    """What is chosen from; none where anything may be typed."""
    if field.choices or rules.choices:
        return field.choices or rules.choices
    if column.type == "boolean":
        return [str(column.kind.print(value, column.format)) for value in (1, 0)]
    return []


def _native(column: Field, text: str) -> Any:
    """The browser's own input, where the column keeps what it sends and it can show the text; else None."""
    if column.type not in NATIVE:
        return None
    widget, sample, _ = NATIVE[column.type]
    return widget if _keeps(column, sample) and _native_text(column, text) is not None else None


def _keeps(column: Field, sample: str) -> bool:
    """Not so of a column of months, say: a day would be lost in it."""
    try:
        value = column.kind.parse_input(sample, column.format)
        return column.kind.read(column.kind.print(value, column.format), column.format) == value
    except ValueError:
        return False


def _native_text(column: Field, text: str) -> str | None:
    _, _, pattern = NATIVE[column.type]
    if text == "" or pattern.fullmatch(text):
        return text
    value = column.kind.read(text, column.format)
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _step(text: str) -> dict[str, Any]:
    """A browser refuses seconds in a field that has none."""
    return {"step": "1"} if text.count(":") > 1 else {}


def _shown(public: PublicForm, number: int, text: str) -> str:
    """As the input shows it: a choice as it is spelled, and a day as browsers write it."""
    field, column = next((field, Field.of(column)) for field, column in public.fields if field.column == number)
    rules = next(ColumnRules.from_json(column.rules) for each, column in public.fields if each.column == number)
    for word in _words(field, column, rules):
        if word.casefold() == text.casefold():
            return word
    return _native_text(column, text) or text if column.type in NATIVE and _native(column, text) else text


def _is_plain(input: Any) -> bool:
    return isinstance(input, StringField) and isinstance(input.widget, TextInput)


def _hint(column: Field) -> str:
    if column.type in ("text", "integer", "decimal"):
        return ""
    return capitalise(describe(Choice(column.type, column.shown)))
