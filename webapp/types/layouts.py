"""How a day or a time is written: a layout such as `DD/MM/YYYY`."""

import re
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import NamedTuple

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TOKENS = re.compile(r"YYYY|Mon|MON|MM|M|DD|D|HH|H|hh|h|mm|ss|f+|AM")
_LITERAL = re.compile(r"[-/., :TZ+0-9]*")
_MAX_LAYOUT = 40


class Part(NamedTuple):
    """What a token of a layout stands for, and what it matches."""

    group: str
    pattern: str


_PARTS = {
    "YYYY": Part("year", "[0-9]{4}"),
    "MM": Part("month", "0[1-9]|1[0-2]"),
    "M": Part("month", "[1-9]|1[0-2]"),
    "Mon": Part("month", "|".join(MONTHS)),
    "MON": Part("month", "|".join(MONTHS).upper()),
    "DD": Part("day", "0[1-9]|[12][0-9]|3[01]"),
    "D": Part("day", "[1-9]|[12][0-9]|3[01]"),
    "HH": Part("hour", "[01][0-9]|2[0-3]"),
    "H": Part("hour", "[0-9]|1[0-9]|2[0-3]"),
    "hh": Part("hour", "0[1-9]|1[0-2]"),
    "h": Part("hour", "[1-9]|1[0-2]"),
    "mm": Part("minute", "[0-5][0-9]"),
    "ss": Part("second", "[0-5][0-9]"),
    "AM": Part("half", "AM|PM"),
}


def _part(token: str) -> Part:
    if token[0] == "f":
        return Part("fraction", f"[0-9]{{{len(token)}}}")
    return _PARTS[token]


class Layout:
    """Raises ValueError if the text is not a layout."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.pieces = _pieces(text)  # (token or literal text, whether it is a token)
        groups = [_part(piece).group for piece, is_token in self.pieces if is_token]
        self.has_time = "hour" in groups
        self._check(groups)
        self.order = "".join(group[0] for group in groups[:3])
        pattern = "".join(_pattern(piece, is_token, named=True) for piece, is_token in self.pieces)
        plain = "".join(_pattern(piece, is_token, named=False) for piece, is_token in self.pieces)
        self._regex = re.compile(pattern, re.ASCII)
        self._all = re.compile(rf"(?:{plain}\n)*+", re.ASCII)

    def _check(self, groups: list[str]) -> None:
        required = {"year", "month", "day"} | ({"hour", "minute"} if self.has_time else set())
        times = {"hour", "minute", "second", "fraction", "half"} if self.has_time else set()
        twelve = any(piece in ("hh", "h") for piece, is_token in self.pieces if is_token)
        if (
            len(self.text) > _MAX_LAYOUT
            or len(set(groups)) != len(groups)
            or not required <= set(groups) <= required | times
            or set(groups[:3]) != {"year", "month", "day"}
            or twelve != ("half" in groups)
            or ("fraction" in groups and "second" not in groups)
            or not all(is_token or _LITERAL.fullmatch(piece) for piece, is_token in self.pieces)
        ):
            raise ValueError(f"“{self.text}” is no layout of a date")

    def fit(self, joined: str) -> bool:
        """Whether all texts, each ending with a newline, have this form; days are not checked against the calendar."""
        return self._all.fullmatch(joined) is not None

    def to_iso(self, text: str) -> str:
        match = self._regex.fullmatch(text)
        if match is None:
            raise ValueError(f"“{text}” is not written as {self.text}")
        found = match.groupdict()
        day = date(int(found["year"]), _month(found["month"]), int(found["day"])).isoformat()
        return f"{day}T{_clock(found)}" if self.has_time else day

    def from_iso(self, iso: str) -> str:
        values = _values(iso)
        return "".join(_print(piece, values) if is_token else piece for piece, is_token in self.pieces)


def day_part(text: str) -> str:
    """The date layout within a layout that has a time."""
    return re.split("[T ](?=[Hh])", text)[0]


@lru_cache(256)
def layout(text: str) -> Layout:
    return Layout(text)


def _pieces(text: str) -> list[tuple[str, bool]]:
    pieces: list[tuple[str, bool]] = []
    end = 0
    for match in _TOKENS.finditer(text):
        if match.start() > end:
            pieces.append((text[end : match.start()], False))
        pieces.append((match[0], True))
        end = match.end()
    return [*pieces, (text[end:], False)] if end < len(text) else pieces


def _pattern(piece: str, is_token: bool, *, named: bool) -> str:
    if not is_token:
        return re.escape(piece)
    part = _part(piece)
    return f"(?P<{part.group}>{part.pattern})" if named else f"(?:{part.pattern})"


def _month(text: str) -> int:
    return MONTHS.index(text.title()) + 1 if text.isalpha() else int(text)


def _clock(found: dict[str, str]) -> str:
    hour = int(found["hour"])
    if "half" in found:
        hour = hour % 12 + (12 if found["half"] == "PM" else 0)
    clock = f"{hour:02}:{found['minute']}"
    if "second" in found:
        clock += f":{found['second']}"
    return f"{clock}.{found['fraction']}" if "fraction" in found else clock


def _values(iso: str) -> dict[str, str]:
    return {"year": iso[:4], "month": iso[5:7], "day": iso[8:10], "hour": iso[11:13]} | {
        "minute": iso[14:16],
        "second": iso[17:19],
        "fraction": iso[20:],
    }


_PRINTERS: dict[str, Callable[[dict[str, str]], str]] = {
    "M": lambda values: values["month"].lstrip("0"),
    "Mon": lambda values: MONTHS[int(values["month"]) - 1],
    "MON": lambda values: MONTHS[int(values["month"]) - 1].upper(),
    "D": lambda values: values["day"].lstrip("0"),
    "H": lambda values: str(int(values["hour"])),
    "hh": lambda values: f"{(int(values['hour']) + 11) % 12 + 1:02}",
    "h": lambda values: str((int(values["hour"]) + 11) % 12 + 1),
    "AM": lambda values: "AM" if values["hour"] < "12" else "PM",
}


def _print(token: str, values: dict[str, str]) -> str:
    printer = _PRINTERS.get(token)
    return printer(values) if printer else values[_part(token).group]
