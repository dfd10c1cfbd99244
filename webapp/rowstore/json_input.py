"""What becomes of a JSON value that a program sends for a cell: a text, which is then judged like any that is typed."""

import re
from decimal import Decimal
from math import isfinite
from typing import Any

from webapp.rowstore.cell_input import Misfit
from webapp.rowstore.objects import CellValues
from webapp.rowstore.table_ref import Field
from webapp.types.duration import print_duration
from webapp.types.number_format import MAX_INTEGER, MIN_INTEGER

_NUMBERS = ("integer", "decimal", "duration")
_DAYS = ("date", "datetime", "time")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,400})(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,4})?")
_ISO = re.compile(r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2})?T?(?:[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?")


def text_from_json(field: Field, value: Any, values: CellValues = "typed") -> str:
    """A number is an `int` or a `Decimal` with the digits that were sent. A string in a column of another type is what
    a person would type, so that whatever was read can be sent back; days as ISO 8601 has them are always understood.

    Raises `Misfit`.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value if values == "text" else _from_string(field, value, values)
    if values == "text":
        raise Misfit("This has to be a text, as `values` says")
    if isinstance(value, bool):
        if field.type != "boolean":
            raise Misfit(f"This has to be {_wanted(field)}")
        return field.print_value(int(value))
    if isinstance(value, int | Decimal) and field.type in _NUMBERS:
        return _from_number(field, value)
    raise Misfit(f"This has to be {_wanted(field)}")


def _wanted(field: Field) -> str:
    match field.type:
        case "text":
            return "a text"
        case "boolean":
            return "true or false"
        case "integer":
            return "a whole number"
        case "decimal":
            return "a number"
        case "duration":
            return "a number of seconds"
        case "time":
            return "a time such as 09:30"
    return "a day such as 2026-11-28"


def _from_string(field: Field, text: str, values: CellValues) -> str:
    if values == "strings" and field.type in _NUMBERS and _NUMBER.fullmatch(text):
        number = Decimal(text)
        return _from_number(field, int(number) if field.type == "integer" and _is_whole(number) else number)
    if field.type in _DAYS and text and _ISO.fullmatch(text):
        try:
            printed = field.print_value(text)
            return printed if field.kind.read(printed, field.format) == text else text
        except (ValueError, IndexError):
            return text  # which says better what is wrong with it
    return text


def _from_number(field: Field, number: int | Decimal) -> str:
    if field.type == "integer":
        return _whole(field, number)
    value = float(Decimal(number)) + 0.0  # of a whole number Python would refuse one that is too large
    if not isfinite(value):
        raise Misfit("This number is too large")
    if Decimal(repr(value)) != number:
        raise Misfit("A number of this column has at most 15 digits")
    printed = field.print_value(value)
    if field.kind.read(printed, field.format) == value:
        return printed
    if field.type == "duration":
        return print_duration(value)
    return format(Decimal(repr(value)), "f").replace(".", str(field.format.get("mark", ".")))


def _whole(field: Field, number: int | Decimal) -> str:
    if isinstance(number, Decimal) and not _is_whole(number):
        raise Misfit("This has to be a whole number")
    if not MIN_INTEGER <= number <= MAX_INTEGER:
        raise Misfit("Whole numbers have 64 bits: this one is too large")
    return field.print_value(int(number))


def _is_whole(number: Decimal) -> bool:
    """Without making a number of a million digits of `1e1000000`."""
    return number.is_finite() and number.adjusted() < 25 and number == number.to_integral_value()
