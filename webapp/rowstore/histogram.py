"""The edges of a histogram's bars: round numbers, round times and month starts, about twenty of them.

Ticks of an axis are such edges as well, only fewer.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext
from itertools import chain, pairwise
from math import ulp
from typing import Any, Literal

MAX_BARS = 24
_MONTHS = (1, 3, 6, *(12 * years for years in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)))
_INTEGER_END = 2**63
_DAY = timedelta(days=1)
_WEEKS = (1, 2, 4, 13, 26, *(52 * years for years in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)))
_SECONDS_OF_A_DAY = 86_400
# Of a clock: seconds, minutes, hours, and for durations days.
_CLOCK_STEPS = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
    *(hours * 3600 for hours in (1, 2, 3, 6, 12, 24, 48, 120)),
)

DateUnit = Literal["day", "week", "month"]
CalendarUnit = Literal["day", "week", "month", "quarter", "year"]
CALENDAR_UNITS: tuple[CalendarUnit, ...] = ("day", "week", "month", "quarter", "year")
_MONTHS_OF = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`, as stored. `next_low` is where the next one starts: `high` itself for numbers with a
    fraction.
    """

    low: Any
    high: Any
    next_low: Any


def number_ranges(lowest: float, highest: float, scale: int, most: int = MAX_BARS) -> list[Range]:
    """Steps of 1, 2 or 5 times a power of ten, never finer than the last of `scale` decimals. Exact, so edges fall on
    edges. At most `most`, but at least 3.
    """
    span = Decimal(repr(highest)) - Decimal(repr(lowest))
    edges = _edges(lowest, highest, _steps(span, scale), most)
    return [_number_range(low, next_low, is_whole=scale == 0) for low, next_low in pairwise(edges)]


def duration_ranges(
    lowest: float, highest: float, decimals: int, *, has_seconds: bool = True, most: int = MAX_BARS
) -> list[Range]:
    """Of seconds, in steps that clocks have; never finer than the last of `decimals`, or a minute without seconds."""
    finest = 2 * ulp(max(abs(lowest), abs(highest)))  # that numbers of this size can tell apart
    tenths = (Decimal(digit).scaleb(-power) for power in range(decimals, 0, -1) for digit in (1, 2, 5))
    fine = (step for step in tenths if step > finest)
    days = (Decimal(digit * _SECONDS_OF_A_DAY).scaleb(power) for power in range(1, 20) for digit in (1, 2, 5))
    edges = _edges(lowest, highest, chain(fine if has_seconds else (), _clock_steps(has_seconds), days), most)
    return [Range(float(low), float(next_low), float(next_low)) for low, next_low in pairwise(edges)]


def _edges(lowest: float, highest: float, steps: Iterable[Decimal], most: int) -> list[Decimal]:
    """Multiples of the first step that is not too fine, from below the lowest value to above the highest."""
    with localcontext() as context:
        context.prec = 60
        first, last = Decimal(repr(lowest)), Decimal(repr(highest))
        step = next(step for step in steps if last // step - first // step < most - 1)
        start, end = (int((value / step).to_integral_value("ROUND_FLOOR")) for value in (first, last))
        return [index * step for index in range(start, end + 2)]


def _steps(span: Decimal, scale: int) -> Iterator[Decimal]:
    power = Decimal(1).scaleb(max(-scale, span.adjusted() - 2 if span else -scale))
    while True:
        yield from (power, power * 2, power * 5)
        power *= 10


def _number_range(low: Decimal, next_low: Decimal, *, is_whole: bool) -> Range:
    if is_whole and low >= -_INTEGER_END and next_low < _INTEGER_END:
        return Range(int(low), int(next_low) - 1, int(next_low))
    return Range(float(low), float(next_low), float(next_low))


def time_ranges(lowest: str, highest: str, *, has_seconds: bool = True, most: int = MAX_BARS) -> list[Range]:
    """Of times of day such as `09:30` or `09:30:15.5`, by minutes, hours or, if they have any, seconds.

    The high end is the last minute or second of a bar, which stands for all of it.
    """
    first, last = _second_of(lowest), _second_of(highest)
    edges = [min(int(edge), _SECONDS_OF_A_DAY) for edge in _edges(first, last, _clock_steps(has_seconds), most)]
    is_fine = any(edge % 60 for edge in edges)
    return [
        Range(_clock(low), _clock(end - 1, with_seconds=is_fine), _clock(end))
        for low, end in pairwise(edges)
        if low < end
    ]


def _clock_steps(has_seconds: bool) -> Iterator[Decimal]:
    return (Decimal(step) for step in _CLOCK_STEPS if has_seconds or step >= 60)


def _second_of(time: str) -> int:
    return int(time[:2]) * 3600 + int(time[3:5]) * 60 + int(time[6:8] or 0)


def _clock(second: int, *, with_seconds: bool | None = None) -> str:
    """Without full minutes' seconds, unless told: `09:30` sorts before `09:30:00`, and both are stored."""
    text = f"{second // 3600:02}:{second // 60 % 60:02}"
    return f"{text}:{second % 60:02}" if (second % 60 > 0 if with_seconds is None else with_seconds) else text


def date_ranges(lowest: str, highest: str, unit: DateUnit = "day", most: int = MAX_BARS) -> list[Range]:
    """Days, weeks from Monday, months, quarters, years ... of ISO dates or datetimes; none shorter than the unit, and
    none that parts one.
    """
    first, last = date.fromisoformat(lowest[:10]), date.fromisoformat(highest[:10])
    if unit == "week":
        edges = _week_edges(first, last, most)
    else:
        edges = (_day_edges(first, last, most) if unit == "day" else []) or _month_edges(first, last, most)
    return _ranges(edges)


def calendar_ranges(lowest: str, highest: str, unit: CalendarUnit, most: int) -> list[Range]:
    """Every day, week, month, quarter or year of ISO dates or datetimes; none if that would be too many."""
    first, last = date.fromisoformat(lowest[:10]), date.fromisoformat(highest[:10])
    if unit == "day":
        return _ranges(_day_edges(first, last, most + 1, steps=(1,)))
    if unit == "week":
        return _ranges(_week_edges(first, last, most, steps=(1,)))
    return _ranges(_month_edges(first, last, most, steps=(_MONTHS_OF[unit],)))


def _ranges(edges: Iterable[date | None]) -> list[Range]:
    return [
        Range(low.isoformat(), (end - _DAY if end else date.max).isoformat(), end.isoformat() if end else "")
        for low, end in pairwise(edges)
        if low is not None
    ]


def _day_edges(first: date, last: date, most: int, steps: Iterable[int] = (1, 7)) -> list[date | None]:
    """Empty if there would be too many. None: beyond the end of the calendar."""
    for step in steps:
        start = first.toordinal() - (first.weekday() if step == 7 else 0)
        if (last.toordinal() - start) // step < most - 1:
            days = range(max(start, 1), last.toordinal() + step + 1, step)
            return [date.fromordinal(day) if day <= date.max.toordinal() else None for day in days]
    return []


def _week_edges(first: date, last: date, most: int, steps: Iterable[int] = _WEEKS) -> list[date | None]:
    """Mondays; empty if there would be too many."""
    start, end = ((day.toordinal() - 1) // 7 for day in (first, last))  # 1 January of the year 1 is a Monday
    step = next((step for step in steps if end // step - start // step < most), 0)
    if not step:
        return []
    days = (week * 7 + 1 for week in range(start // step * step, end + step + 1, step))
    return [date.fromordinal(day) if day <= date.max.toordinal() else None for day in days]


def _month_edges(first: date, last: date, most: int, steps: Iterable[int] = _MONTHS) -> list[date | None]:
    """Empty if there would be too many."""
    start, end = (day.year * 12 + day.month - 1 for day in (first, last))
    step = next((step for step in steps if end // step - start // step < most), 0)
    if not step:
        return []
    months = range(start // step * step, end + step + 1, step)
    return [date(max(month // 12, 1), month % 12 + 1, 1) if month < 12 * 10_000 else None for month in months]
