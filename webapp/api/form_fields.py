"""What a program sends about a form, as its verbs take it, and what they refuse, by the field that was sent."""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from webapp.api.errors import WrongField
from webapp.api.form_schemas import NewFormField
from webapp.api.times import read_time
from webapp.models import Table
from webapp.models.tables.form_checks import MAX_FIELDS, FormRefused, new_field, read_origins
from webapp.models.tables.table_form import Ask, FormField

T = TypeVar("T")


def read_settings(table: Table, given: Mapping[str, Any]) -> dict[str, Any]:
    """Of `FormSettings`, and whether it is on. Raises `WrongField`."""
    wanted = dict(given)
    for name in ("opens_at", "closes_at"):
        if name in wanted:
            wanted[name] = read_time(wanted[name], name)
    if "origins" in wanted:
        wanted["origins"] = read_origins(wanted["origins"])
    if "fields" in wanted:
        wanted["fields"] = _of_all(table) if wanted["fields"] is None else _fields(table, wanted["fields"])
    return wanted


def keep_names(fields: Sequence[FormField], known: Sequence[FormField]) -> tuple[FormField, ...]:
    """A field keeps the name that it has in addresses."""
    names = {field.column: field.name for field in known}
    return tuple(replace(field, name=names.get(field.column, field.name)) for field in fields)


async def naming_fields(sent: Sequence[NewFormField] | None, done: Awaitable[T]) -> T:
    """What comes of it. Raises `WrongField` for `FormRefused`."""
    try:
        return await done
    except FormRefused as error:
        raise WrongField(_pointer(error.place, sent or ()), str(error)) from error


def _pointer(place: str, sent: Sequence[NewFormField]) -> str:
    what, _, column = place.rpartition("-")
    for number, field in enumerate(sent):
        if what and str(field.column) == column:
            return f"fields/{number}/{what}"
    return "fields" if what else place


def _of_all(table: Table) -> tuple[FormField, ...]:
    fields = list[FormField]()
    for column in table.columns[:MAX_FIELDS]:
        fields.append(new_field(column, fields))
    return tuple(fields)


def _fields(table: Table, sent: Sequence[NewFormField]) -> tuple[FormField, ...]:
    columns, fields = {column.number: column for column in table.columns}, dict[int, FormField]()
    for number, field in enumerate(sent):
        if (column := columns.get(field.column)) is None:
            raise WrongField(f"fields/{number}/column", f"The table has no column {field.column}.")
        if field.column in fields:
            raise WrongField(f"fields/{number}/column", f"The form has a field for column {field.column} already.")
        given = field.model_dump() | {"ask": Ask(field.ask), "choices": tuple(field.choices)}
        fields[field.column] = replace(new_field(column, fields.values()), **given)
    return tuple(fields.values())
