"""Calendar dates, and months, which mean their first day. Never instants: a date has no time zone."""

from typing import Any, ClassVar

from webapp.types.base import ColumnType, Format
from webapp.types.day_text import day_layouts, order_of, read_day
from webapp.types.days import DayRecogniser
from webapp.types.layouts import Layout, layout

ISO = "YYYY-MM-DD"
_ORDERS = {
    "dmy": "day first",
    "mdy": "month first",
    "ymd": "year first",
    "ym": "month",
    "my": "month",
    "yw": "week",
    "ywd": "day of a week",
}


class Date(ColumnType):
    """Stored as `YYYY-MM-DD`, which sorts; the layout prints it as it was written.

    `order` in a format says how days are read that are not written in its layout and may be read in several orders:
    `{"layout": "YYYY-MM-DD", "order": "dmy"}`. Absent, they are read in the order of the layout.
    """

    name = "date"
    label = "Date"
    stored = str
    operators = ("within", "eq", "ne", "before", "after", "between", "oneof", "noneof", "empty", "filled")
    iso: ClassVar[str] = ISO
    has_date: ClassVar[bool] = True
    has_time: ClassVar[bool] = False

    def recogniser(self, format_name: str = "") -> DayRecogniser:
        return DayRecogniser(self.name, format_name)

    def describe(self, format: Format) -> str:
        return f"{self.label.lower()}, {_ORDERS[self._layout(format).order]} ({format.get('layout', self.iso)})"

    def format_name(self, format: Format) -> str:
        own = self._layout(format)
        order = str(format.get("order") or own.order)
        return order if order in _NUMERIC or own.has_short_year else ""

    def check(self, format: Format) -> dict[str, Any]:
        text = str(format.get("layout", self.iso))
        given = layout(text)
        if (given.has_date, given.has_time) != (self.has_date, self.has_time):
            raise ValueError(f"“{text}” is no layout of a {self.label.lower()}")
        order = format.get("order", "")
        if order not in ("", "dmy", "mdy", "ymd"):
            raise ValueError("A date has its day, its month or its year first")
        return super().check(format) | {"layout": text} | ({"order": order} if order else {})

    def _read(self, text: str, format: Format) -> str | None:
        try:
            return self._layout(format).to_iso(text)
        except ValueError:
            return self._read_otherwise(text, self._reading(format))

    def _read_otherwise(self, text: str, order: str) -> str | None:
        day = read_day(text)
        return day.read(order) if day else None

    def _layout(self, format: Format) -> Layout:
        return layout(str(format.get("layout", self.iso)))

    def _reading(self, format: Format) -> str:
        """The order in which the numbers of other layouts are read; empty if only days in no doubt have a value."""
        own = self._layout(format)
        return str(format.get("order") or order_of(own) or (own.order if own.order in _NUMERIC else ""))

    def _parse(self, text: str, format: Format) -> str:
        return self._layout(format).to_iso(text)

    def _parse_input(self, text: str, format: Format) -> str:
        """As the column writes it, padded or not, or as ISO does."""
        own = self._layout(format)
        others = [
            other for other in day_layouts(text) if layout(other).order in (format.get("order", own.order), "ymd")
        ]
        for candidate in [own.text, ISO, *others]:
            try:
                return layout(candidate).to_iso(text)
            except ValueError:
                continue
        if (value := self._read_otherwise(text, self._reading(format))) is not None:
            return value
        raise ValueError(f"“{text}” is not a date; write {own.text} or {ISO}")

    def _print(self, value: str | int | float, format: Format) -> str:
        return self._layout(format).from_iso(str(value))


_NUMERIC = ("dmy", "mdy")
