"""Days relative to today, such as "last 7 days" or "this month": what they mean on a given day.

Periods of days and weeks end with today, so that "last 7 days" are today and the six days before it; weeks begin on
Monday. "last month" is the whole month before this one, "last 3 months" are the days from three months ago until today.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

MAX_COUNT = 9_999
EXAMPLES = ("today", "yesterday", "last 7 days", "last 30 days", "this week", "this month", "last month", "this year")
_UNITS = ("day", "week", "month", "quarter", "year")
_PERIOD = re.compile(
    rf"(?P<which>this|last|next|past|previous)\s+(?:(?P<count>\d{{1,4}})\s+)?(?P<unit>{'|'.join(_UNITS)})s?", re.ASCII
)
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_NAMED = {"today": 0, "yesterday": -1, "tomorrow": 1}


@dataclass(frozen=True, slots=True)
class Clock:
    """Which day it is for whoever asks, and by which time zone."""

    today: date
    zone: str = "UTC"

    @classmethod
    def now(cls, zone: tzinfo = UTC, name: str = "UTC") -> "Clock":
        return cls(datetime.now(zone).date(), name)


def normalise_period(text: str) -> str:
    """As it is written in addresses: lower case, single spaces."""
    return " ".join(text.lower().replace("-", " ").replace("_", " ").split())


def resolve_period(text: str, today: date) -> tuple[date, date] | None:
    """The first and the last day; None if the text names no period, or one that no calendar has."""
    text = normalise_period(text)
    if text in _NAMED:
        text, day = "", today + timedelta(_NAMED[text])
        return day, day
    match = _PERIOD.fullmatch(text)
    if match is None:
        return None
    try:
        which = "last" if match["which"] in ("past", "previous") else match["which"]
        if match["count"] is None:
            return _single(which, match["unit"], today)
        return _several(which, int(match["count"]), match["unit"], today) if which != "this" else None
    except (OverflowError, ValueError):
        return None


def _single(which: str, unit: str, today: date) -> tuple[date, date]:
    """This one, the one before it, or the one after it: whole units of the calendar."""
    step = {"this": 0, "last": -1, "next": 1}[which]
    if unit in ("day", "week"):
        length = 7 if unit == "week" else 1
        first = today + timedelta(step * length - (today.weekday() if unit == "week" else 0))
        return first, first + timedelta(length - 1)
    months = _MONTHS[unit]
    start = today.month - (today.month - 1) % months
    first = _add_months(today.replace(month=start, day=1), step * months)
    return first, _add_months(first, months) - timedelta(1)


def _several(which: str, count: int, unit: str, today: date) -> tuple[date, date] | None:
    """So many of them, up to today or from today on."""
    if not 1 <= count <= MAX_COUNT:
        return None
    sign = -1 if which == "last" else 1
    if unit in ("day", "week"):
        other = today + sign * timedelta(count * (7 if unit == "week" else 1) - 1)
    else:
        other = _add_months(today, sign * count * _MONTHS[unit]) - sign * timedelta(1)
    return (other, today) if sign < 0 else (today, other)


def _add_months(day: date, months: int) -> date:
    """The same day of another month, or that month's last one."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
