"""Calendar dates. Never instants: a date has no time zone."""

from typing import Any, ClassVar

from webapp.types.base import ColumnType, Format
from webapp.types.days import DateRecogniser, day_layouts
from webapp.types.layouts import layout

ISO = "YYYY-MM-DD"
_ORDERS = {"dmy": "day first", "mdy": "month first", "ymd": "year first"}


class Date(ColumnType):
    """Stored as `YYYY-MM-DD`, which sorts; the layout prints it as it was written."""

    name = "date"
    label = "Date"
    stored = str
    operators = ("eq", "ne", "before", "after", "between", "oneof", "empty", "filled")
    has_time: ClassVar[bool] = False

    def recogniser(self, format_name: str = "") -> DateRecogniser:
        return DateRecogniser(format_name, has_time=self.has_time)

    def describe(self, format: Format) -> str:
        return f"{self.label.lower()}, {_ORDERS[self._order(format)]} ({format.get('layout', ISO)})"

    def format_name(self, format: Format) -> str:
        order = self._order(format)
        return "" if order == "ymd" else order

    def check(self, format: Format) -> dict[str, Any]:
        text = str(format.get("layout", ISO))
        if layout(text).has_time != self.has_time:
            raise ValueError(f"“{text}” is no layout of a {self.label.lower()}")
        return super().check(format) | {"layout": text}

    def _order(self, format: Format) -> str:
        return layout(format.get("layout", ISO)).order

    def _parse(self, text: str, format: Format) -> str:
        return layout(format.get("layout", ISO)).to_iso(text)

    def _parse_input(self, text: str, format: Format) -> str:
        """As the column writes it, padded or not, or as ISO does."""
        others = [other for other in day_layouts(text) if layout(other).order in (self._order(format), "ymd")]
        for candidate in [format.get("layout", ISO), ISO, *others]:
            try:
                return layout(candidate).to_iso(text)
            except ValueError:
                continue
        raise ValueError(f"“{text}” is not a date; write {format.get('layout', ISO)} or {ISO}")

    def _print(self, value: str | int | float, format: Format) -> str:
        return layout(format.get("layout", ISO)).from_iso(str(value))
