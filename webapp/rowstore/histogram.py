"""The edges of a histogram's bars: round numbers and month starts, about twenty of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext
from itertools import pairwise
from typing import Any

MAX_BARS = 24
_MONTHS = (1, 3, 6, *(12 * years for years in (1, 2, 5, 10, 20, 50, 100, 200, 500)))
_INTEGER_END = 2**63
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`, as stored. `next_low` is where the next one starts: `high` itself for numbers with a
    fraction.
    """

    low: Any
    high: Any
    next_low: Any


def number_ranges(lowest: float, highest: float, scale: int) -> list[Range]:
    """Steps of 1, 2 or 5 times a power of ten, never finer than the last of `scale` decimals. Exact, so edges fall on
    edges.
    """
    with localcontext() as context:
        context.prec = 60
        first, last = Decimal(repr(lowest)), Decimal(repr(highest))
        step = next(step for step in _steps(last - first, scale) if last // step - first // step < MAX_BARS - 1)
        start, end = (int((value / step).to_integral_value("ROUND_FLOOR")) for value in (first, last))
        edges = [index * step for index in range(start, end + 2)]
    return [_number_range(low, next_low, is_whole=scale == 0) for low, next_low in pairwise(edges)]


def _steps(span: Decimal, scale: int) -> Iterator[Decimal]:
    power = Decimal(1).scaleb(max(-scale, span.adjusted() - 2 if span else -scale))
    while True:
        yield from (power, power * 2, power * 5)
        power *= 10


def _number_range(low: Decimal, next_low: Decimal, *, is_whole: bool) -> Range:
    if is_whole and low >= -_INTEGER_END and next_low < _INTEGER_END:
        return Range(int(low), int(next_low) - 1, int(next_low))
    return Range(float(low), float(next_low), float(next_low))


def date_ranges(lowest: str, highest: str) -> list[Range]:
    """Days, weeks from Monday, months, quarters, years ... of ISO dates or datetimes."""
    first, last = date.fromisoformat(lowest[:10]), date.fromisoformat(highest[:10])
    edges = _day_edges(first, last) or _month_edges(first, last)
    return [
        Range(low.isoformat(), (end - _DAY if end else date.max).isoformat(), end.isoformat() if end else "")
        for low, end in pairwise(edges)
        if low is not None
    ]


def _day_edges(first: date, last: date) -> list[date | None]:
    """Empty if there would be too many. None: beyond the end of the calendar."""
    for step in (1, 7):
        start = first.toordinal() - (first.weekday() if step == 7 else 0)
        if (last.toordinal() - start) // step < MAX_BARS - 1:
            days = range(max(start, 1), last.toordinal() + step + 1, step)
            return [date.fromordinal(day) if day <= date.max.toordinal() else None for day in days]
    return []


def _month_edges(first: date, last: date) -> list[date | None]:
    start, end = (day.year * 12 + day.month - 1 for day in (first, last))
    step = next(step for step in _MONTHS if end // step - start // step < MAX_BARS)
    months = range(start // step * step, end + step + 1, step)
    return [date(max(month // 12, 1), month % 12 + 1, 1) if month < 12 * 10_000 else None for month in months]
