"""Axes of values: where a value is between two ends, and ticks at round numbers, dates and times."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import ulp
from typing import Any

from webapp.rowstore.histogram import Range, date_ranges, duration_ranges, number_ranges, time_ranges
from webapp.rowstore.table_ref import Field
from webapp.tables.charting.labels import MAX_DECIMALS, day_text, decimals_of, number_text

MOST_TICKS = 8
_DECIMALS_OF_SECONDS = 6
_SECONDS_OF_A_DAY = 86_400
_STEPS = 1_000  # of the smallest difference between two doubles: ticks that are closer would be one


@dataclass(frozen=True, slots=True)
class Scale:
    """Positions from `low` to `high`, and the text at some of them."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def share(self, position: float) -> float:
        """How far along it is, from 0 to 1."""
        return (position - self.low) / (self.high - self.low)


def number_scale(field: Field | None, values: Sequence[float], *, has_zero: bool) -> Scale:
    """Of numbers or durations; None: of numbers of rows."""
    lowest, highest = (min(values), max(values)) if values else (0.0, 0.0)
    if has_zero or highest - lowest < _STEPS * ulp(max(abs(lowest), abs(highest))):
        lowest, highest = min(lowest, 0.0), max(highest, 0.0)  # also what cannot be told apart
    if lowest == highest == 0:
        highest = 1.0  # something to draw nothing on
    if field and field.type == "duration":
        ranges = duration_ranges(lowest, highest, _DECIMALS_OF_SECONDS, most=MOST_TICKS)
    else:
        whole = field is None or field.type == "integer"
        is_whole = whole and all(float(value).is_integer() for value in values)
        ranges = number_ranges(lowest, highest, 0 if is_whole else MAX_DECIMALS, MOST_TICKS)
    edges = _edges(ranges, highest)
    decimals = decimals_of(edges[1] - edges[0])
    return Scale(edges[0], edges[-1], tuple((edge, number_text(field, edge, decimals)) for edge in edges))


def value_scale(field: Field, values: Sequence[Any]) -> Scale:
    """Of values as stored, of any type but text and boolean."""
    if field.type not in ("date", "datetime", "time"):
        return number_scale(field, values, has_zero=False)
    lowest, highest = (min(values), max(values)) if values else _nothing(field)
    if field.type == "time":
        ranges = time_ranges(lowest, highest, most=MOST_TICKS)
    else:
        ranges = date_ranges(lowest, highest, most=MOST_TICKS)
    ticks = [(position(field, range_.low), _moment_text(field, range_.low)) for range_ in ranges]
    last = ranges[-1].next_low
    if last and ticks[-1][0] < position(field, highest):
        ticks.append((position(field, last), _moment_text(field, last)))
    high = max(ticks[-1][0], position(field, highest), ticks[0][0] + 1)
    return Scale(ticks[0][0], high, tuple(ticks))


def position(field: Field, value: Any) -> float:
    """A stored value as a number: days, with their fraction, or seconds of a day."""
    if field.type == "time":
        return _second_of(value)
    if field.type == "date":
        return float(date.fromisoformat(value[:10]).toordinal())
    if field.type == "datetime":
        seconds = _second_of(value[11:]) if len(value) > 11 else 0.0
        return datetime.fromisoformat(value[:10]).toordinal() + seconds / _SECONDS_OF_A_DAY
    return float(value)


def _edges(ranges: Sequence[Range], highest: float) -> list[float]:
    """Two or more; the last one is the first that is not below the highest value."""
    edges = [float(range_.low) for range_ in ranges]
    return [*edges, float(ranges[-1].next_low)] if edges[-1] < highest or len(edges) == 1 else edges


def _moment_text(field: Field, value: str) -> str:
    return value if field.type == "time" else day_text(field, value)


def _second_of(time: str) -> float:
    hours, minutes, *seconds = time.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + (float(seconds[0]) if seconds else 0.0)


def _nothing(field: Field) -> tuple[str, str]:
    return ("00:00", "00:00") if field.type == "time" else ("2000-01-01", "2000-01-01")
