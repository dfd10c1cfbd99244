"""How a day, a week, a month or a time is written: a layout such as `DD/MM/YYYY`, `YYYY-Www`, `Month YYYY` or `HH:mm`.

A day is stored as `YYYY-MM-DD`, a month as its first day and a week of ISO 8601 as its Monday; beside `ww`, `YYYY` is
the year that the week belongs to, and `D` the day of the week, Monday being 1. The name of a weekday (`Dy`, `Day`) may
come first, and has to be right. A time of day as `HH:MM`, with seconds and fractions as
far as the layout has them; both together with a `T` between them.
"""

import re
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import NamedTuple

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LONG_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SHORT_WEEKDAYS = tuple(name[:3] for name in WEEKDAYS)
FIRST_SHORT_YEAR = 1969  # two digits mean the years up to 2068, as POSIX and Python have it
_TOKEN = re.compile(r"(YYYY|YY|ww|Day|Dy|DY|Month|Mon|MON|MM|M|DD|D|HH|H|hh|h|mm|ss|f+|AM|am)")
_LITERAL = re.compile(r"[-/., :TWZ+0-9年月日時分]*")
_MAX_LENGTH = 40  # characters of a layout


class Token(NamedTuple):
    """What a token of a layout stands for, what it matches, and how it prints that part of an ISO text."""

    part: str
    pattern: str
    print: Callable[[str], str] = str


_TOKENS = {
    "YYYY": Token("year", "[0-9]{4}"),
    "YY": Token("year", "[0-9]{2}", lambda year: year[2:]),
    "MM": Token("month", "0[1-9]|1[0-2]"),
    "M": Token("month", "[1-9]|1[0-2]", lambda month: month.lstrip("0")),
    "Mon": Token("month", "|".join(MONTHS), lambda month: MONTHS[int(month) - 1]),
    "MON": Token("month", "|".join(MONTHS).upper(), lambda month: MONTHS[int(month) - 1].upper()),
    "Month": Token("month", "|".join(LONG_MONTHS), lambda month: LONG_MONTHS[int(month) - 1]),
    "DD": Token("day", "0[1-9]|[12][0-9]|3[01]"),
    "D": Token("day", "[1-9]|[12][0-9]|3[01]", lambda day: day.lstrip("0")),
    # Of a week; a layout calls the first two YYYY and D.
    "GGGG": Token("week_year", "[0-9]{4}", lambda day: f"{date.fromisoformat(day).isocalendar().year:04}"),
    "E": Token("weekday", "[1-7]", lambda day: str(date.fromisoformat(day).isoweekday())),
    "ww": Token("week", "0[1-9]|[1-4][0-9]|5[0-3]", lambda day: f"{date.fromisoformat(day).isocalendar().week:02}"),
    "Day": Token("name", "|".join(WEEKDAYS), lambda day: WEEKDAYS[date.fromisoformat(day).weekday()]),
    "Dy": Token("name", "|".join(SHORT_WEEKDAYS), lambda day: SHORT_WEEKDAYS[date.fromisoformat(day).weekday()]),
    "DY": Token(
        "name", "|".join(SHORT_WEEKDAYS).upper(), lambda day: SHORT_WEEKDAYS[date.fromisoformat(day).weekday()].upper()
    ),
    "HH": Token("hour", "[01][0-9]|2[0-3]"),
    "H": Token("hour", "[0-9]|1[0-9]|2[0-3]", lambda hour: str(int(hour))),
    "hh": Token("hour", "0[1-9]|1[0-2]", lambda hour: f"{(int(hour) + 11) % 12 + 1:02}"),
    "h": Token("hour", "[1-9]|1[0-2]", lambda hour: str((int(hour) + 11) % 12 + 1)),
    "mm": Token("minute", "[0-5][0-9]"),
    "ss": Token("second", "[0-5][0-9]"),
    "AM": Token("half", "AM|PM", lambda hour: "AM" if hour < "12" else "PM"),
    "am": Token("half", "am|pm", lambda hour: "am" if hour < "12" else "pm"),
}
# Where each part is in an ISO text; the half of the day follows from its hour.
_IN_ISO = {
    "year": slice(0, 4),
    "month": slice(5, 7),
    "day": slice(8, 10),
    **dict.fromkeys(("week_year", "week", "weekday", "name"), slice(0, 10)),
    "hour": slice(11, 13),
    "half": slice(11, 13),
    "minute": slice(14, 16),
    "second": slice(17, 19),
    "fraction": slice(20, None),
}


# How the parts of a day are ordered in one word, as in `dmy`; and which make a day, a month or a week.
_DAY_PARTS = {"year": "y", "month": "m", "day": "d", "week_year": "y", "week": "w", "weekday": "d"}
_WHOLE_DAYS = ({"year", "month", "day"}, {"year", "month"}, {"week_year", "week", "weekday"}, {"week_year", "week"})
_IN_WEEKS = {"YYYY": "GGGG", "D": "E"}


def _token(piece: str) -> Token:
    return Token("fraction", f"[0-9]{{{len(piece)}}}") if piece[0] == "f" else _TOKENS[piece]


class Layout:
    """Raises ValueError if the text is not a layout."""

    def __init__(self, text: str) -> None:
        self.text = text
        # Each with whether it is a token; the others are literal text.
        pieces = _TOKEN.split(text)
        if "ww" in pieces:
            pieces = [_IN_WEEKS.get(piece, piece) for piece in pieces]
        self.pieces = [(piece, index % 2 == 1) for index, piece in enumerate(pieces) if piece]
        self.parts = parts = [_token(piece).part for piece, is_token in self.pieces if is_token]
        days = [part for part in parts if part in _DAY_PARTS]
        self.has_date, self.has_time = bool(days), "hour" in parts
        self._check(parts, days)
        self.order = "".join(_DAY_PARTS[part] for part in days)
        self.has_short_year = any(piece == "YY" for piece, is_token in self.pieces if is_token)
        self._start = 0 if self.has_date else len("YYYY-MM-DDT")  # of the stored text, within an ISO text
        pattern = "".join(_pattern(piece) if is_token else re.escape(piece) for piece, is_token in self.pieces)
        self._one = re.compile(pattern, re.ASCII)
        self._lines = re.compile(rf"(?:{re.sub('[?]P<[a-z_]+>', '?:', pattern)}\n)*+", re.ASCII)

    def _check(self, parts: list[str], days: list[str]) -> None:
        has_name = parts[:1] == ["name"]
        times = [part for part in parts[has_name:] if part not in _DAY_PARTS]
        has_12_hours = any(piece in ("hh", "h") for piece, is_token in self.pieces if is_token)
        if (
            len(self.text) > _MAX_LENGTH
            or len(set(parts)) != len(parts)
            or parts[has_name:] != days + times
            or set(days) not in (*_WHOLE_DAYS, set())
            or (has_name and "day" not in days)
            or (self.has_time and ("minute" not in times or len(days) == 2 or "week" in days))
            or bool(times) != self.has_time
            or not parts
            or has_12_hours != ("half" in parts)
            or ("fraction" in parts and "second" not in parts)
            or not all(is_token or _LITERAL.fullmatch(piece) for piece, is_token in self.pieces)
        ):
            raise ValueError(f"“{self.text}” is no layout of a date")

    def matches_lines(self, lines: str) -> bool:
        """Whether all texts, each ending with a newline, have this form; days are not checked against the calendar."""
        return self._lines.fullmatch(lines) is not None

    def to_iso(self, text: str) -> str:
        match = self._one.fullmatch(text)
        if match is None:
            raise ValueError(f"“{text}” is not written as {self.text}")
        parts = match.groupdict()
        if not self.has_date:
            return _iso_time(parts)
        day = _day(parts)
        if "name" in parts and SHORT_WEEKDAYS[day.weekday()] != parts["name"][:3].title():
            raise ValueError(f"“{text}” is a {WEEKDAYS[day.weekday()]}")
        return f"{day.isoformat()}T{_iso_time(parts)}" if self.has_time else day.isoformat()

    def from_iso(self, iso: str) -> str:
        iso = " " * self._start + iso
        return "".join(_print(piece, iso) if is_token else piece for piece, is_token in self.pieces)


def date_part(text: str) -> str:
    """The date layout within a layout that has a time."""
    return re.split(",?[T ](?=[Hh])", text)[0]


@lru_cache(256)
def layout(text: str) -> Layout:
    return Layout(text)


def _pattern(piece: str) -> str:
    part, pattern, _ = _token(piece)
    return f"(?P<{part}>{pattern})"


def _day(parts: dict[str, str]) -> date:
    if "week" in parts:
        return date.fromisocalendar(int(parts["week_year"]), int(parts["week"]), int(parts.get("weekday", 1)))
    return date(full_year(parts["year"]), month_number(parts["month"]), int(parts.get("day", 1)))


def full_year(text: str) -> int:
    """The year that two digits mean: from 1969 to 2068."""
    if len(text) != 2:
        return int(text)
    century = FIRST_SHORT_YEAR // 100 * 100
    return century + int(text) + (100 if century + int(text) < FIRST_SHORT_YEAR else 0)


def month_number(text: str) -> int:
    return MONTHS.index(text[:3].title()) + 1 if text.isalpha() else int(text)


def _iso_time(parts: dict[str, str]) -> str:
    hour = int(parts["hour"])
    if "half" in parts:
        hour = hour % 12 + (12 if parts["half"].upper() == "PM" else 0)
    time = f"{hour:02}:{parts['minute']}"
    if "second" in parts:
        time += f":{parts['second']}"
    return f"{time}.{parts['fraction']}" if "fraction" in parts else time


def _print(piece: str, iso: str) -> str:
    token = _token(piece)
    return token.print(iso[_IN_ISO[token.part]])
