"""Counts which days, moments and times the cells of a column mean, in each order of day and month."""

from collections import Counter
from collections.abc import Sequence

from webapp.types.base import Choice
from webapp.types.day_text import fitting_layouts, order_of, read_clock, read_day, split_time
from webapp.types.layouts import Layout, layout
from webapp.types.tally import PADDING, Exceptions, Offer, Tally

ORDERS = ("dmy", "mdy", "ymd")
_ISO = {"date": "YYYY-MM-DD", "datetime": "YYYY-MM-DDTHH:mm:ss", "time": "HH:mm:ss"}
_MAX_LAYOUTS = 200  # distinct ones
SHORT_YEARS = "years of two digits are taken as 1969 to 2068"


class DayTally(Tally):
    """Of one kind: `date`, `datetime` or `time`; `order` restricts it to one reading.

    `accepted` are the layouts that print back all values that the recogniser has accepted.
    """

    def __init__(self, kind: str, filled: int, accepted: Sequence[Layout] | None, order: str = "") -> None:
        super().__init__(filled)
        self._kind = kind
        self._orders = (order,) if order else ORDERS
        self._plain = 0  # cells that mean the same in every order
        self._ordered = dict.fromkeys(ORDERS, 0)  # cells whose value depends on the order
        self._proofs = dict.fromkeys(ORDERS, 0)  # those that have a value in one order only
        self._exceptions = {order: Exceptions() for order in self._orders}
        self._layouts: Counter[str] = Counter()
        self._other = False  # some cells are printed by no layout
        self._needs_order = self._has_short_year = self._has_moments = False
        if accepted:
            self._seed(accepted)
        else:
            for exceptions in self._exceptions.values():
                exceptions.add_unknown(filled)

    def _seed(self, accepted: Sequence[Layout]) -> None:
        orders = {order_of(written) for written in accepted}
        self._has_moments = True
        for written in accepted:
            self._layouts[written.text] += self.filled
            self._has_short_year = self._has_short_year or written.has_short_year
        if "" in orders:
            self._plain += self.filled
            return
        self._needs_order = True
        for order in ORDERS:
            if order in orders:
                self._ordered[order] += self.filled
            elif order in self._exceptions:
                self._exceptions[order].add_unknown(self.filled)
        if len(orders) == 1:
            self._proofs[next(iter(orders))] += self.filled

    def _add(self, text: str, count: int) -> None:
        bare = text.strip(PADDING)
        readings = self._read(bare)
        if not readings:
            for exceptions in self._exceptions.values():
                exceptions.add(text, count)
            return
        self._other = self._other or bare != text
        self._count_layouts(bare, count)
        if "" in readings:
            self._plain += count
            return
        self._needs_order = True
        for order in ORDERS:
            if order in readings:
                self._ordered[order] += count
            elif order in self._exceptions:
                self._exceptions[order].add(text, count)
        if len(readings) == 1:
            self._proofs[next(iter(readings))] += count

    def _read(self, text: str) -> set[str]:
        """The orders in which the text has a value."""
        if self._kind == "time":
            clock = read_clock(text)
            return {""} if clock and clock.offset is None else set()
        day_text, time = (text, "") if self._kind == "date" else split_time(text)
        day = read_day(day_text)
        if day is None or (time and read_clock(time.lstrip(", T")) is None):
            return set()
        self._has_moments = self._has_moments or bool(time)
        self._has_short_year = self._has_short_year or day.has_short_year
        return set(day.readings)

    def _count_layouts(self, text: str, count: int) -> None:
        layouts = fitting_layouts(text, self._kind)
        self._other = self._other or not layouts
        for written in layouts:
            if written.text in self._layouts or len(self._layouts) < _MAX_LAYOUTS:
                self._layouts[written.text] += count
            else:
                self._other = True

    @property
    def has_only_days(self) -> bool:
        """Whether these moments are days without a time: a column of dates, unless someone says otherwise."""
        return self._kind == "datetime" and not self._has_moments

    @property
    def valued(self) -> int:
        return self._plain + max(self._ordered[order] for order in self._orders)

    @property
    def exceptions(self) -> Exceptions:
        return min(self._exceptions.values(), key=lambda exceptions: exceptions.count)

    def offers(self) -> list[Offer]:
        if not self.valued:
            return []
        if not self._needs_order:
            return [self._offer("", self._exceptions[self._orders[0]])]
        orders = [order for order in self._orders if self._ordered[order]]
        orders.sort(key=lambda order: -self._ordered[order])
        return [self._offer(order, self._exceptions[order]) for order in orders]

    def _offer(self, order: str, exceptions: Exceptions) -> Offer:
        layouts = [text for text in self._layouts if order_of(layout(text)) in ("", order)]
        best = max(layouts, key=lambda text: self._layouts[text], default=_ISO[self._kind])
        format = {"layout": best} | ({"order": order} if order and order_of(layout(best)) != order else {})
        keeps = self._other or exceptions.count > 0 or self._layouts[best] < self._plain + self._ordered.get(order, 0)
        choice = Choice(self._kind, format, keeps, exceptions.count)
        is_compact = best == "YYYYMMDD"
        doubt = "a whole number as well" if is_compact else self._doubt()
        return Offer(choice, exceptions, order, doubt, SHORT_YEARS if self._has_short_year else "")

    def _doubt(self) -> str:
        """Proofs of two orders contradict each other: whatever is taken, others may be read wrongly."""
        proven = [order for order in ORDERS if self._proofs[order]]
        return "some days are written day first, others month first" if len(proven) > 1 else ""

    def ambiguous_reading(self) -> bool:
        possible = [order for order in self._orders if self._ordered[order]]
        return self._needs_order and len(possible) > 1 and not any(self._proofs.values())

    def evidence(self) -> str:
        proven = [order for order in ORDERS if self._proofs[order]]
        return proven[0] if len(proven) == 1 else ""
