"""A date with a time of day. A zone shared by all values is part of the layout; otherwise there is none."""

from typing import Any

from webapp.types.base import Format
from webapp.types.date import Date
from webapp.types.days import day_layouts, time_layouts
from webapp.types.layouts import date_part, layout

ISO = "YYYY-MM-DDTHH:mm:ss"


class Datetime(Date):
    """Stored as `YYYY-MM-DDTHH:MM`, with seconds and fractions as far as the layout has them."""

    name = "datetime"
    label = "Date and time"
    has_time = True

    def check(self, format: Format) -> dict[str, Any]:
        return super().check({"layout": ISO, **format})

    def _parse_input(self, text: str, format: Format) -> str:
        """As the column writes it, as ISO does, or a date alone, which means its first moment."""
        own = layout(format["layout"])
        spaced = text.replace("T", " ")
        day, gap, time = spaced.partition(" ")
        others = [layout(d + t) for d in day_layouts(day) for t in time_layouts(gap + time)]
        candidates = [(other, spaced) for other in others if other.order in (own.order, "ymd")]
        for candidate, spelling in [(own, text), *candidates]:
            try:
                return candidate.to_iso(spelling)
            except ValueError:
                continue
        if not gap:
            return super()._parse_input(day, {"layout": date_part(own.text)})
        raise ValueError(f"“{text}” is not a date and time; write {own.text}")
