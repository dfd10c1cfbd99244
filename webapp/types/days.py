"""Recognises days, months and times of day: the first value yields the possible layouts, others narrow them down."""

from collections.abc import Collection
from functools import lru_cache

from webapp.types.base import Choice
from webapp.types.day_tally import SHORT_YEARS, DayTally
from webapp.types.day_text import layouts_of, order_of, split_time
from webapp.types.layouts import Layout, date_part, layout
from webapp.types.tally import Offer

_DAYS_OF_A_CENTURY = 36_525


@lru_cache(_DAYS_OF_A_CENTURY)
def _exists(day: str, layout_text: str) -> bool:
    try:
        layout(layout_text).to_iso(day)
    except ValueError:
        return False
    return True


def _days(values: Collection[str], day_layout: str) -> set[str]:
    """The days of moments that were found to have the layout."""
    if " " in day_layout:
        return {split_time(value)[0] for value in values}
    first = next(iter(values))
    gap = "T" if "T" in first and " " not in first[: first.rindex("T")] else " "
    return {value.rsplit("T", 1)[0] for value in values} if gap == "T" else {value.split(" ", 1)[0] for value in values}


class DayRecogniser:
    """Of one kind: `date`, `datetime` or `time`. `order` is one of day, month and year, as in `dmy`."""

    def __init__(self, kind: str, order: str = "") -> None:
        self._kind = kind
        self._order = order if order in ("ymd", "dmy", "mdy") else ""
        self._fitting: list[Layout] | None = None  # all values so far

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
        return [
            candidate
            for candidate in layouts_of(text, self._kind)
            if not self._order or order_of(candidate) in ("", self._order)
        ]

    def _all_exist(self, values: Collection[str], day_layout: str) -> bool:
        """Whether every date is in the calendar; a column has far fewer dates than values."""
        if self._kind == "time":
            return True
        days = _days(values, day_layout) if self._kind == "datetime" else set(values)
        return all(_exists(day, day_layout) for day in days)

    def offers(self) -> list[Offer]:
        by_order: dict[str, Layout] = {}
        for fitting in self._fitting or ():
            by_order.setdefault(order_of(fitting), fitting)
        return [
            Offer(
                Choice(self._kind, {"layout": fitting.text}),
                reading=order,
                doubt="a whole number as well" if fitting.text == "YYYYMMDD" else "",
                note=SHORT_YEARS if fitting.has_short_year else "",
            )
            for order, fitting in by_order.items()
        ]

    def ambiguous_reading(self) -> bool:
        return len({order_of(fitting) for fitting in self._fitting or ()}) > 1

    def evidence(self) -> str:
        return order_of(self._fitting[0]) if self._fitting and not self.ambiguous_reading() else ""

    def tally(self, filled: int, *, is_accepted: bool) -> DayTally:
        return DayTally(self._kind, filled, self._fitting if is_accepted else None, self._order)
