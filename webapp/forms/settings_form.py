"""The form that an editor changes a form with: its settings by WTForms, and a block of inputs for each of its columns.

The inputs of a column end in its number (`label-3`), and `column` says their order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any

from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, HiddenField, IntegerField, StringField, TextAreaField, ValidationError
from wtforms.validators import Length, Optional
from wtforms.widgets import DateTimeLocalInput, NumberInput

from webapp.models.tables.form_checks import (
    MAX_NAME,
    MAX_TEXT,
    MAX_URL,
    FormRefused,
    FormSettings,
    new_field,
    read_origins,
)
from webapp.models.tables.table import Column, Table
from webapp.models.tables.table_form import Ask, FormField, TableForm
from webapp.rowstore.column_rules import ColumnRules
from webapp.web.formatting import find_time_zone
from webapp.web.forms import Form, OneLine

ASKED = {
    Ask.SHOWN: "Ask for it",
    Ask.ADDRESS: "Hidden: from the address",
    Ask.FIXED: "Hidden: always the text below",
}


class Moment(StringField):  # type: ignore[misc]  # WTForms has no types
    """A day and a time where the editor is, as browsers send it; `moment` is the instant, None for an empty field."""

    widget = DateTimeLocalInput()
    moment: datetime | None = None

    def post_validate(self, form: Form, validation_stopped: bool) -> None:
        if not self.data:
            return
        try:
            local = datetime.fromisoformat(self.data)
        except ValueError as error:
            raise ValidationError("Write a day and a time, such as 2026-11-28T14:30.") from error
        if not 1970 < local.year < 9000:
            raise ValidationError("Write a year of four digits.")
        self.moment = local.replace(tzinfo=form.zone)


def _text(label: str, most: int) -> TextAreaField:
    return TextAreaField(label, [Length(max=most, message=f"Use at most {most:,} characters.")], render_kw={"rows": 3})


class SettingsForm(Form):
    """`zone` is the editor's time zone."""

    name = OneLine("Name", "Give the form a name.", MAX_NAME)
    intro = _text("What it is about", MAX_TEXT)
    thanks = _text("What is said when it is sent", MAX_TEXT)
    next_url = StringField("Or a page to go to", [Length(max=MAX_URL, message="This is too long for an address.")])
    opens_at = Moment("Opens")
    closes_at = Moment("Closes")
    max_answers = IntegerField("Most answers", [Optional()], widget=NumberInput(min=1))
    one_each = BooleanField("One answer a person, who has to sign in")
    origins = TextAreaField("Sites that may embed it, one a line", render_kw={"rows": 2})
    seen = HiddenField()
    zone: tzinfo

    @classmethod
    def for_zone(cls, zone: str, submitted: MultiDict[str, str] | None, data: Mapping[str, Any]) -> "SettingsForm":
        """As submitted, or filled with `data`."""
        form = cls(submitted) if submitted is not None else cls(data=data)
        form.zone, form.is_submitted = find_time_zone(zone), submitted is not None
        return form


@dataclass(frozen=True, slots=True)
class FieldRow:
    """The block of a column. `ask` is one of `Ask`; `kinds` are those with their words; `errors` by input."""

    field: FormField
    title: str
    type: str
    choices: str  # one a line
    of_column: Sequence[str]  # the choices that the column has itself
    is_needed: bool  # by the column
    errors: Mapping[str, str]

    @property
    def number(self) -> int:
        return self.field.column

    @property
    def is_detailed(self) -> bool:
        """Whether there is something to see beyond the question."""
        field = self.field
        is_set = field.help or field.default or field.choices or field.is_long
        return bool(is_set or self.errors) or field.ask is not Ask.SHOWN


def filled_form(form: TableForm, zone: str) -> SettingsForm:
    names = ("name", "intro", "thanks", "next_url", "max_answers", "one_each")
    data: dict[str, Any] = {name: getattr(form, name) for name in names}
    for name in ("opens_at", "closes_at"):
        at: datetime | None = getattr(form, name)
        data[name] = at.astimezone(find_time_zone(zone)).isoformat()[:16] if at else ""
    data |= {"origins": "\n".join(form.origins), "seen": str(form.version)}
    return SettingsForm.for_zone(zone, None, data)


def read_settings(form: SettingsForm, fields: Sequence[FormField]) -> FormSettings:
    """As they were typed; whether they can be kept is the verb's to say."""
    return FormSettings(
        name=form.name.data or "",
        fields=tuple(fields),
        intro=_lines(form.intro.data),
        thanks=_lines(form.thanks.data),
        next_url=(form.next_url.data or "").strip(),
        opens_at=form.opens_at.moment,
        closes_at=form.closes_at.moment,
        max_answers=form.max_answers.data,
        one_each=form.one_each.data,
        origins=read_origins(_lines(form.origins.data).splitlines()),
    )


def read_fields(form: TableForm, table: Table, submitted: MultiDict[str, str]) -> list[FormField]:
    """In the order of the page. Those of columns that are gone are left out."""
    known = {field.column: field for field in form.asked}
    titles = {column.number: column.title for column in table.columns}
    numbers = dict.fromkeys(submitted.getlist("column", type=int))
    return [
        _read_field(known.get(number) or FormField(number, titles[number]), submitted)
        for number in numbers
        if number in titles
    ]


def arranged(fields: Sequence[FormField], table: Table, submitted: Mapping[str, str]) -> list[FormField]:
    """What the pressed button (`do`) does to the order: `up-3`, `down-3`, `remove-3`, or `add`, of the column `new`."""
    what, _, number = submitted.get("do", "").partition("-")
    order = list(fields)
    place = next((place for place, field in enumerate(order) if str(field.column) == number), None)
    if place is not None:
        field = order.pop(place)
        if what in ("up", "down"):
            order.insert(max(0, place + (1 if what == "down" else -1)), field)
    if what == "add":
        order += [new_field(column, order) for column in table.columns if str(column.number) == submitted.get("new")]
    return order


def rows_of(fields: Sequence[FormField], table: Table, refused: FormRefused | None = None) -> list[FieldRow]:
    columns = {column.number: column for column in table.columns}
    return [_row(field, columns[field.column], refused) for field in fields if field.column in columns]


def _row(field: FormField, column: Column, refused: FormRefused | None) -> FieldRow:
    rules = ColumnRules.from_json(column.rules)
    what, _, number = (refused.place if refused else "").rpartition("-")
    errors = {what: str(refused)} if number == str(field.column) else {}
    return FieldRow(field, column.title, column.type, "\n".join(field.choices), rules.choices, rules.required, errors)


def _read_field(field: FormField, submitted: Mapping[str, str]) -> FormField:
    def given(what: str) -> str:
        return _lines(submitted.get(f"{what}-{field.column}", "")).replace("\0", "")

    ask = given("ask")
    return replace(
        field,
        ask=Ask(ask) if ask in set(Ask) else field.ask,
        label=given("label").strip(),
        help=given("help").strip(),
        required=bool(given("required")),
        choices=tuple(filter(None, given("choices").splitlines())),
        default=given("default"),
        is_long=bool(given("long")),
    )


def _lines(text: str | None) -> str:
    return (text or "").replace("\r\n", "\n")
