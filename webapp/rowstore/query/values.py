"""Values typed into filters: what they mean in a column of a given type."""

import re
from dataclasses import dataclass, replace
from typing import Any

from webapp.rowstore.errors import QueryError
from webapp.rowstore.table_ref import Field

_NUMBER = re.compile(r"[-+]?(\d+[.,]?\d*|[.,]\d+)([eE][-+]?\d{1,3})?", re.ASCII)
_EXPECTED = {
    "integer": "a number",
    "decimal": "a number",
    "boolean": "one of the column's two words",
    "date": "a date, such as 2024-12-31",
    "datetime": "a day or a time, such as 2024-12-31 18:00",
    "time": "a time, such as 18:00",
    "duration": "a duration, such as 1:30:00",
}
_AFTER_EVERY_TIME = "~"  # sorts after every digit and sign in a time


@dataclass(frozen=True, slots=True)
class Bound:
    """A stored value with the text it came from. `low` and `high` differ if it stands for a whole day, hour or
    minute. With `is_cell_text` it also stands for cells without a value that have exactly this text; `low` is then None
    if it is no value at all.
    """

    text: str
    low: Any
    high: Any
    is_cell_text: bool = False


def bind(field: Field, text: str) -> Bound:
    """The meaning of the text in this column. Raises QueryError, with a readable message, if it has none."""
    if text == "":
        return Bound(text, None, None)
    value = _parse(field, text)
    if value is None:
        expected = _EXPECTED.get(field.type, "text")
        raise QueryError(f"“{text}” does not fit the column {field.title}: it needs {expected}.", f"f.{field.number}")
    if field.type in ("datetime", "time") and "." not in value:
        return Bound(text, value, value + _AFTER_EVERY_TIME)
    return Bound(text, value, value)


def bind_cell(field: Field, text: str) -> Bound:
    """The same for a text that whole cells are compared with: a column that keeps texts has cells without a value, such
    as NA, and they are found by their text.
    """
    if not field.keeps_texts or field.type == "text" or text == "":
        return bind(field, text)
    is_cell_text = field.kind.read(text, field.format) is None
    try:
        return replace(bind(field, text), is_cell_text=is_cell_text)
    except QueryError:
        return Bound(text, None, None, is_cell_text=True)


def _parse(field: Field, text: str) -> Any:
    """Try the column's own format first, then what it reads in a file, then any format of its type.

    Text is used verbatim, spaces included. A number need not be one the column could store: 2.5 is above 2.
    """
    if field.keeps_texts and (value := field.kind.read(text, field.format)) is not None:
        return value
    for parse in (field.kind.parse, field.kind.parse_input):
        try:
            return parse(text, field.format)
        except ValueError:
            continue
    return _parse_number(text.strip()) if field.type in ("integer", "decimal", "duration") else None


def _parse_number(text: str) -> float | None:
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text.replace(",", "."))
    return value if abs(value) < float("inf") else None
