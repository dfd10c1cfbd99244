"""What somebody sets for a form, and whether that can be kept."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from webapp.db.errors import UserError
from webapp.models.tables.column_properties import free_title
from webapp.models.tables.table import Column, Table
from webapp.models.tables.table_form import Ask, FormField, TableForm, missing_of
from webapp.rowstore.cell_input import read_input
from webapp.rowstore.column_rules import ColumnRules, RulesRefused
from webapp.rowstore.reader import RowReader
from webapp.rowstore.table_ref import Field

MAX_FIELDS = 100
MAX_NAME = 120  # characters, as those below
MAX_LABEL = 300
MAX_TEXT = 5_000
MAX_URL = 2_000
MAX_ORIGINS = 20
MAX_ANSWERS = 1_000_000
# It goes into a header, where anything else could say more than an origin.
_HOST = "[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?"
_ORIGIN = re.compile(f"https?://{_HOST}")
_URL = re.compile(f"https?://{_HOST}([/?#][!-~]*)?", re.IGNORECASE | re.ASCII)


class FormRefused(UserError):
    """It cannot be kept. `place` names the setting, of a field as in `default-3`."""

    def __init__(self, place: str, message: str) -> None:
        self.place = place
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class FormSettings:
    """What an editor sets; see `TableForm`."""

    name: str
    fields: tuple[FormField, ...]
    intro: str = ""
    thanks: str = ""
    next_url: str = ""
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    max_answers: int | None = None
    one_each: bool = False
    origins: tuple[str, ...] = ()


def settings_of(form: TableForm) -> FormSettings:
    """What is set for it now."""
    names = FormSettings.__dataclass_fields__.keys() - {"fields", "origins"}
    return FormSettings(
        **{name: getattr(form, name) for name in names}, fields=tuple(form.asked), origins=tuple(form.origins)
    )


def checked_settings(rows: RowReader, table: Table, wanted: FormSettings) -> FormSettings:
    """With choices and defaults as their columns write them. Raises `FormRefused`."""
    _check_texts(wanted)
    _check_times(wanted)
    columns = {column.number: column for column in table.columns}
    if len(wanted.fields) > MAX_FIELDS:
        raise FormRefused("fields", f"A form has at most {MAX_FIELDS} fields. These are {len(wanted.fields)}.")
    kept = [field for field in wanted.fields if field.column in columns]
    if not kept:
        raise FormRefused("fields", "Choose at least one column: an answer is a row.")
    fields = tuple(_checked_field(rows, columns[field.column], field) for field in kept)
    given = {field.column for field in fields if field.ask is not Ask.FIXED or field.default}
    if missing := missing_of(table.columns, given):
        raise FormRefused(
            "fields",
            f"The table needs a text in {_listed(missing)}. Ask for it, or give it a fixed text: without it no answer"
            " can be saved.",
        )
    return replace(wanted, fields=_named_apart(fields))


def _named_apart(fields: Sequence[FormField]) -> tuple[FormField, ...]:
    """A name stands for one field."""
    named = list[FormField]()
    for field in fields:
        named.append(replace(field, name=free_title(field.name, (other.name for other in named))))
    return tuple(named)


def is_origin(text: str) -> bool:
    return _ORIGIN.fullmatch(text) is not None


def read_origins(texts: Iterable[str]) -> tuple[str, ...]:
    """As somebody has typed them, each once. Whether they are origins is for `is_origin` to say."""
    typed = (text.strip().rstrip("/").lower() for text in texts)
    return tuple(dict.fromkeys(filter(None, typed)))


def new_field(column: Column, others: Iterable[FormField]) -> FormField:
    """A field for a column, with the rules of the column."""
    name = free_title(column.title, (field.name for field in others))
    return FormField(column.number, name, required=ColumnRules.from_json(column.rules).required)


def is_web_address(text: str) -> bool:
    """Of a page: another scheme, such as `javascript:`, would do something else."""
    if not _URL.fullmatch(text):
        return False
    try:
        return bool(urlsplit(text).hostname) and urlsplit(text).port != 0
    except ValueError:
        return False


def _check_texts(wanted: FormSettings) -> None:
    if not wanted.name:
        raise FormRefused("name", "Give the form a name.")
    for place, text, most in (
        ("name", wanted.name, MAX_NAME),
        ("intro", wanted.intro, MAX_TEXT),
        ("thanks", wanted.thanks, MAX_TEXT),
        ("next_url", wanted.next_url, MAX_URL),
    ):
        if len(text) > most:
            raise FormRefused(place, f"Use at most {most:,} characters.")
    if wanted.next_url and not is_web_address(wanted.next_url):
        raise FormRefused("next_url", "Write a whole address, such as https://example.org/thanks.")
    if len(wanted.origins) > MAX_ORIGINS:
        raise FormRefused("origins", f"At most {MAX_ORIGINS} sites can embed a form.")
    for origin in wanted.origins:
        if not is_origin(origin):
            raise FormRefused("origins", f"“{origin[:100]}” is no site. Write one a line, as https://www.example.org.")


def _check_times(wanted: FormSettings) -> None:
    if wanted.opens_at and wanted.closes_at and wanted.closes_at <= wanted.opens_at:
        raise FormRefused("closes_at", "It would close before it opens.")
    if wanted.max_answers is not None and not 1 <= wanted.max_answers <= MAX_ANSWERS:
        raise FormRefused("max_answers", f"Write a number from 1 to {MAX_ANSWERS:,}.")


def _checked_field(rows: RowReader, column: Column, field: FormField) -> FormField:
    for what, text, most in (("label", field.label, MAX_LABEL), ("help", field.help, MAX_TEXT)):
        if len(text) > most:
            raise FormRefused(f"{what}-{field.column}", f"Use at most {most:,} characters.")
    rules = ColumnRules.from_json(column.rules)
    if field.ask is Ask.FIXED and rules.unique and field.default:
        raise FormRefused(
            f"default-{field.column}", f"No two cells of “{column.title}” may have the same text: ask for it instead."
        )
    try:
        choices = ColumnRules.checked(required=False, unique=False, choices=field.choices).choices
    except RulesRefused as error:
        raise FormRefused(f"choices-{field.column}", str(error)) from error
    fitting = (_fitting(rows, column, rules, choice, f"choices-{field.column}") for choice in choices)
    return replace(
        field,
        choices=tuple(dict.fromkeys(fitting)),
        default=_fitting(rows, column, rules, field.default, f"default-{field.column}") if field.default else "",
    )


def _fitting(rows: RowReader, column: Column, rules: ColumnRules, text: str, place: str) -> str:
    """As the column writes it. Raises `FormRefused` for what nobody could enter into it."""
    try:
        entered = read_input(rows, Field.of(column), text).text
        rules.ensure_met(entered, is_empty=False)
    except UserError as error:
        raise FormRefused(place, f"“{text[:100]}” does not fit “{column.title}”. {error}") from error
    return entered


def _listed(titles: Sequence[str]) -> str:
    quoted = [f"“{title}”" for title in titles[:5]]
    return ", ".join(quoted) + (f" and {len(titles) - 5} more columns" if len(titles) > 5 else "")
