"""Recognises dates and times: the first value yields the possible layouts, and all others narrow them down."""

import re
from collections.abc import Collection
from functools import lru_cache

from webapp.types.base import Choice
from webapp.types.layouts import Layout, day_part, layout

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
_CENTURY = 36_525  # days


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


@lru_cache(_CENTURY)
def _is_real(day: str, day_text: str) -> bool:
    try:
        layout(day_text).to_iso(day)
    except ValueError:
        return False
    return True


class DayRecogniser:
    """Dates; with `has_time` datetimes. `wanted` is an order of day, month and year."""

    def __init__(self, wanted: str = "", *, has_time: bool = False) -> None:
        self._wanted = wanted if wanted in _ORDERS else ""
        self._has_time = has_time
        self._alive: list[Layout] | None = None

    @property
    def doubt(self) -> str:
        orders = {alive.order for alive in self._alive or ()}
        return "day and month cannot be told apart, no part is above 12" if len(orders) > 1 else ""

    def misfit(self, values: Collection[str]) -> str | None:
        if not values:
            return None
        alive = self._fitting(values)
        if alive:
            self._alive = alive
            return None
        if len(values) == 1:
            return next(iter(values))
        return next((value for value in values if self.misfit((value,)) is not None), None)

    def _fitting(self, values: Collection[str]) -> list[Layout]:
        candidates = self._alive if self._alive is not None else self._candidates(next(iter(values)))
        if not candidates:
            return []
        joined = "\n".join(values) + "\n"
        if joined.count("\n") > len(values):  # a cell of two lines is not two dates
            return []
        return [one for one in candidates if one.fit(joined) and self._all_real(values, one)]

    def _candidates(self, text: str) -> list[Layout]:
        days, times = [text], [""]
        if self._has_time:
            gap = next((index for index, character in enumerate(text) if character in "T "), len(text))
            days, times = [text[:gap]], time_layouts(text[gap:])
        found = [layout(day + time) for day in day_layouts(days[0]) for time in times]
        return [one for one in found if self._wanted in ("", one.order)]

    def _all_real(self, values: Collection[str], one: Layout) -> bool:
        """Whether every date exists in the calendar; a column has far fewer dates than values."""
        day_text = day_part(one.text)
        days = {value.replace("T", " ").split(" ", 1)[0] for value in values} if self._has_time else set(values)
        return all(_is_real(day, day_text) for day in days)

    def choices(self) -> list[Choice]:
        name = "datetime" if self._has_time else "date"
        first: dict[str, Choice] = {}
        for alive in self._alive or ():
            first.setdefault(alive.order, Choice(name, {"layout": alive.text}))
        return list(first.values())
