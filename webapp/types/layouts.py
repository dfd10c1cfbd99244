"""How a day or a time is written: a layout such as `DD/MM/YYYY`."""

import re
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import NamedTuple

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TOKEN = re.compile(r"(YYYY|Mon|MON|MM|M|DD|D|HH|H|hh|h|mm|ss|f+|AM)")
_LITERAL = re.compile(r"[-/., :TZ+0-9]*")
_MAX_LENGTH = 40  # characters of a layout


class Token(NamedTuple):
    """What a token of a layout stands for, what it matches, and how it prints that part of an ISO text."""

    part: str
    pattern: str
    print: Callable[[str], str] = str


_TOKENS = {
    "YYYY": Token("year", "[0-9]{4}"),
    "MM": Token("month", "0[1-9]|1[0-2]"),
    "M": Token("month", "[1-9]|1[0-2]", lambda month: month.lstrip("0")),
    "Mon": Token("month", "|".join(MONTHS), lambda month: MONTHS[int(month) - 1]),
    "MON": Token("month", "|".join(MONTHS).upper(), lambda month: MONTHS[int(month) - 1].upper()),
    "DD": Token("day", "0[1-9]|[12][0-9]|3[01]"),
    "D": Token("day", "[1-9]|[12][0-9]|3[01]", lambda day: day.lstrip("0")),
    "HH": Token("hour", "[01][0-9]|2[0-3]"),
    "H": Token("hour", "[0-9]|1[0-9]|2[0-3]", lambda hour: str(int(hour))),
    "hh": Token("hour", "0[1-9]|1[0-2]", lambda hour: f"{(int(hour) + 11) % 12 + 1:02}"),
    "h": Token("hour", "[1-9]|1[0-2]", lambda hour: str((int(hour) + 11) % 12 + 1)),
    "mm": Token("minute", "[0-5][0-9]"),
    "ss": Token("second", "[0-5][0-9]"),
    "AM": Token("half", "AM|PM", lambda hour: "AM" if hour < "12" else "PM"),
}
# Where each part is in an ISO text; the half of the day follows from its hour.
_IN_ISO = {
    "year": slice(0, 4),
    "month": slice(5, 7),
    "day": slice(8, 10),
    "hour": slice(11, 13),
    "half": slice(11, 13),
    "minute": slice(14, 16),
    "second": slice(17, 19),
    "fraction": slice(20, None),
}


def _token(piece: str) -> Token:
    return Token("fraction", f"[0-9]{{{len(piece)}}}") if piece[0] == "f" else _TOKENS[piece]


class Layout:
    """Raises ValueError if the text is not a layout."""

    def __init__(self, text: str) -> None:
        self.text = text
        # Each with whether it is a token; the others are literal text.
        self.pieces = [(piece, index % 2 == 1) for index, piece in enumerate(_TOKEN.split(text)) if piece]
        parts = [_token(piece).part for piece, is_token in self.pieces if is_token]
        self.has_time = "hour" in parts
        self._check(parts)
        self.order = "".join(part[0] for part in parts[:3])
        pattern = "".join(_pattern(piece) if is_token else re.escape(piece) for piece, is_token in self.pieces)
        self._one = re.compile(pattern, re.ASCII)
        self._lines = re.compile(rf"(?:{re.sub('[?]P<[a-z]+>', '?:', pattern)}\n)*+", re.ASCII)

    def _check(self, parts: list[str]) -> None:
        required = {"year", "month", "day"} | ({"hour", "minute"} if self.has_time else set())
        times = {"hour", "minute", "second", "fraction", "half"} if self.has_time else set()
        has_12_hours = any(piece in ("hh", "h") for piece, is_token in self.pieces if is_token)
        if (
            len(self.text) > _MAX_LENGTH
            or len(set(parts)) != len(parts)
            or not required <= set(parts) <= required | times
            or set(parts[:3]) != {"year", "month", "day"}
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
        day = date(int(parts["year"]), _month_number(parts["month"]), int(parts["day"])).isoformat()
        return f"{day}T{_iso_time(parts)}" if self.has_time else day

    def from_iso(self, iso: str) -> str:
        return "".join(_print(piece, iso) if is_token else piece for piece, is_token in self.pieces)


def date_part(text: str) -> str:
    """The date layout within a layout that has a time."""
    return re.split("[T ](?=[Hh])", text)[0]


@lru_cache(256)
def layout(text: str) -> Layout:
    return Layout(text)


def _pattern(piece: str) -> str:
    part, pattern, _ = _token(piece)
    return f"(?P<{part}>{pattern})"


def _month_number(text: str) -> int:
    return MONTHS.index(text.title()) + 1 if text.isalpha() else int(text)


def _iso_time(parts: dict[str, str]) -> str:
    hour = int(parts["hour"])
    if "half" in parts:
        hour = hour % 12 + (12 if parts["half"] == "PM" else 0)
    time = f"{hour:02}:{parts['minute']}"
    if "second" in parts:
        time += f":{parts['second']}"
    return f"{time}.{parts['fraction']}" if "fraction" in parts else time


def _print(piece: str, iso: str) -> str:
    token = _token(piece)
    return token.print(iso[_IN_ISO[token.part]])
