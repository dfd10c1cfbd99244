"""Recognises dates and times: the first value yields the possible layouts, and all others narrow them down."""

import re
from collections.abc import Collection
from functools import lru_cache

from webapp.types.base import Choice
from webapp.types.layouts import Layout, date_part, layout

_DAY = re.compile(
    r"(?P<year>[0-9]{4})(?P<a>[-/.])[0-9]{1,2}(?P=a)[0-9]{1,2}"
    r"|[0-9]{1,2}(?P<b>[-/.])[0-9]{1,2}(?P=b)[0-9]{4}"
    r"|[0-9]{1,2}(?P<c>[- ])(?P<month>[A-Z][a-z]{2}|[A-Z]{3})(?P=c)[0-9]{4}"
    r"|(?P<first>[A-Z][a-z]{2}) [0-9]{1,2}, [0-9]{4}"
)
_TIME = re.compile(
    r"(?P<gap>[T ])(?P<hour>[0-9]{1,2}):[0-9]{2}(?P<seconds>:[0-9]{2})?(?:\.(?P<fraction>[0-9]{1,9}))?"
    r"(?P<half> ?[AP]M)?(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_ORDERS = {"ymd", "dmy", "mdy"}
_DAYS_OF_A_CENTURY = 36_525


def day_layouts(text: str) -> list[str]:
    """The layouts one date may be written in; other dates must tell which of them is right."""
    match = _DAY.fullmatch(text)
    if match is None:
        return []
    if match["first"]:
        return ["Mon DD, YYYY", "Mon D, YYYY"]
    if match["year"]:
        gap = match["a"]
        return [f"YYYY{gap}MM{gap}DD", f"YYYY{gap}M{gap}D"]
    if match["month"]:
        gap, month = match["c"], "MON" if match["month"].isupper() else "Mon"
        return [f"DD{gap}{month}{gap}YYYY", f"D{gap}{month}{gap}YYYY"]
    gap = match["b"]
    return [f"{a}{gap}{b}{gap}YYYY" for a, b in (("DD", "MM"), ("D", "M"), ("MM", "DD"), ("M", "D"))]


def time_layouts(text: str) -> list[str]:
    match = _TIME.fullmatch(text)
    if match is None or (match["fraction"] and not match["seconds"]):
        return []
    rest = "mm" + (":ss" if match["seconds"] else "")
    if match["fraction"]:
        rest += "." + "f" * len(match["fraction"])
    if match["half"]:
        rest += match["half"].replace("P", "A")
    hours = ("hh", "h") if match["half"] else ("HH", "H")
    return [f"{match['gap']}{hour}:{rest}{match['zone'] or ''}" for hour in hours]


@lru_cache(_DAYS_OF_A_CENTURY)
def _exists(day: str, layout_text: str) -> bool:
    try:
        layout(layout_text).to_iso(day)
    except ValueError:
        return False
    return True


class DateRecogniser:
    """Dates; with `has_time` datetimes. `order` is one of day, month and year, as in `dmy`."""

    def __init__(self, order: str = "", *, has_time: bool = False) -> None:
        self._order = order if order in _ORDERS else ""
        self._has_time = has_time
        self._fitting: list[Layout] | None = None  # all values so far

    @property
    def doubt(self) -> str:
        orders = {fitting.order for fitting in self._fitting or ()}
        return "day and month cannot be told apart, no part is above 12" if len(orders) > 1 else ""

    def accept(self, values: Collection[str]) -> str | None:
        if not values:
            return None
        if fitting := self._find_fitting(values):
            self._fitting = fitting
            return None
        if len(values) == 1:
            return next(iter(values))
        return next((value for value in values if self.accept((value,)) is not None), None)

    def _find_fitting(self, values: Collection[str]) -> list[Layout]:
        candidates = self._fitting if self._fitting is not None else self._candidates(next(iter(values)))
        if not candidates:
            return []
        lines = "\n".join(values) + "\n"
        if lines.count("\n") > len(values):  # a cell of two lines is not two dates
            return []
        return [
            candidate
            for candidate in candidates
            if candidate.matches_lines(lines) and self._all_exist(values, date_part(candidate.text))
        ]

    def _candidates(self, text: str) -> list[Layout]:
        day, times = text, [""]
        if self._has_time:
            gap = next((index for index, character in enumerate(text) if character in "T "), len(text))
            day, times = text[:gap], time_layouts(text[gap:])
        candidates = [layout(date + time) for date in day_layouts(day) for time in times]
        return [candidate for candidate in candidates if self._order in ("", candidate.order)]

    def _all_exist(self, values: Collection[str], day_layout: str) -> bool:
        """Whether every date is in the calendar; a column has far fewer dates than values."""
        days = {value.replace("T", " ").split(" ", 1)[0] for value in values} if self._has_time else set(values)
        return all(_exists(day, day_layout) for day in days)

    def choices(self) -> list[Choice]:
        name = "datetime" if self._has_time else "date"
        by_order: dict[str, Choice] = {}
        for fitting in self._fitting or ():
            by_order.setdefault(fitting.order, Choice(name, {"layout": fitting.text}))
        return list(by_order.values())
