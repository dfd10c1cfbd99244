"""What stands at a chart: numbers, dates, and the names of places, as the reader and the column write them."""

import unicodedata
from dataclasses import dataclass
from datetime import date
from math import ceil, log10
from typing import Any

from webapp.rowstore.aggregates import Function, Place, PlaceKind
from webapp.rowstore.histogram import CalendarUnit
from webapp.rowstore.table_ref import Field
from webapp.types import TYPES
from webapp.types.date import ISO
from webapp.types.layouts import date_part
from webapp.types.number_format import is_decorated
from webapp.web.formatting import format_digits

MAX_DECIMALS = 15
HUGE = 1e15  # from here on only leading digits are known, and written
_LAYOUTS: dict[CalendarUnit, str] = {"week": "D Mon YYYY", "month": "Mon YYYY"}
_FIRST_STRONG, _POP = "\u2068", "\u2069"  # what is between them has a direction of its own


@dataclass(frozen=True, slots=True)
class Label:
    """The name of a place. A range has a `start` and an `end`, which can stand at its edges."""

    text: str
    kind: PlaceKind = "value"
    start: str = ""
    end: str = ""


def place_label(field: Field, place: Place, unit: CalendarUnit | None) -> Label:
    if place.kind in ("other", "empty"):
        return Label("Other values" if place.kind == "other" else "Empty", place.kind)
    if unit and place.range:
        return Label(unit_text(field, place.range.low, unit), place.kind)
    if place.low == place.high:
        return Label(readable(place.low), place.kind)
    return Label(f"{place.low} to {place.high}", place.kind, place.low, _end_text(field, place))


def _end_text(field: Field, place: Place) -> str:
    """Where the next range would begin; nothing where the calendar ends."""
    end = place.range.next_low if place.range else ""
    if end == "" or field.type == "time":
        return str(end)
    return day_text(field, end) if field.type in ("date", "datetime") else field.print_value(end)


def readable(text: str) -> str:
    """A cell's text as a name: on one line, and in quotes if nothing of it is visible."""
    line = "".join(" " if unicodedata.category(character) == "Cc" else character for character in text)
    return line if line.strip() else f"“{line}”"


def isolated(text: str) -> str:
    """Within a sentence, whatever direction the text has."""
    return f"{_FIRST_STRONG}{text}{_POP}"


def unit_text(field: Field, day: str, unit: CalendarUnit) -> str:
    """Such as `Mar 2024`; days as the column writes them."""
    if unit == "day":
        return day_text(field, day)
    first = date.fromisoformat(day)
    if unit == "year":
        return str(first.year)
    if unit == "quarter":
        return f"Q{(first.month + 2) // 3} {first.year}"
    return TYPES["date"].print(day, {"layout": _LAYOUTS[unit]})


def day_text(field: Field, day: str) -> str:
    """Of a column of dates or of times with a date."""
    layout = str(field.format.get("layout", ISO))
    return TYPES["date"].print(day, {"layout": date_part(layout) if field.type == "datetime" else layout})


def number_text(field: Field | None, value: float, decimals: int, *, is_fixed: bool = True) -> str:
    """In the reader's number format, or in the column's own, such as a currency or a duration; None: rows are counted.
    Unless it `is_fixed`, without zeros at the end.
    """
    value += 0.0  # never minus zero
    if field and field.type == "duration":
        return field.print_value(value)
    if abs(value) >= HUGE:
        return format_digits(f"{value:.4g}")
    decimals = min(decimals, MAX_DECIMALS)
    if field and is_decorated(field.format):
        format = {**field.format, "style": "fixed" if is_fixed else "plain", "scale": decimals}
        return TYPES["decimal"].print(value, format)
    text = f"{value:,.{decimals}f}"
    return format_digits(text.rstrip("0").rstrip(".") if "." in text and not is_fixed else text)


def measure_text(field: Field | None, function: Function, value: float | None) -> str:
    """A figure of a place, with as many decimals as the column has, an average with two more."""
    if value is None:
        return ""
    decimals = measure_decimals(field, function)
    is_fixed = field is None or field.format.get("style") == "fixed" or function == "average"
    return number_text(field, value, decimals, is_fixed=is_fixed)


def measure_decimals(field: Field | None, function: Function) -> int:
    return 0 if field is None else int(field.format.get("scale", 0)) + (2 if function == "average" else 0)


def plain_number(field: Field | None, function: Function, value: float | None) -> str:
    """For programs: digits and a point."""
    if value is None:
        return ""
    return str(round(value)) if field is None else f"{value:.{min(measure_decimals(field, function), MAX_DECIMALS)}f}"


def cell_text(field: Field, value: Any) -> str:
    return readable(field.print_value(value))


def decimals_of(step: float) -> int:
    """How many decimals tell ticks apart that are so far from each other."""
    return max(0, ceil(-log10(step) - 1e-9)) if step > 0 else 0
