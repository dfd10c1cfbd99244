"""A date with a time of day. A zone shared by all values is part of the layout; otherwise there is none."""

from typing import Any, ClassVar

from webapp.types.base import Format
from webapp.types.date import Date
from webapp.types.days import day_layouts, time_layouts
from webapp.types.layouts import day_part, layout

ISO = "YYYY-MM-DDTHH:mm:ss"


class Datetime(Date):
    """Stored as `YYYY-MM-DDTHH:MM`, with seconds and fractions as far as the layout has them."""

    name: ClassVar[str] = "datetime"
    label: ClassVar[str] = "Date and time"
    has_time: ClassVar[bool] = True

    def check(self, format: Format) -> dict[str, Any]:
        return super().check({"layout": ISO, **format})

    def _parse_input(self, text: str, format: Format) -> str:
        """As the column writes it, as ISO does, or a date alone, which means its first moment."""
        written = layout(format["layout"])
        day, gap, time = text.replace("T", " ").partition(" ")
        names = [d + t for d in day_layouts(day) for t in time_layouts(gap + time)]
        orders = (written.order, "ymd")
        tries = [(written, text), *((layout(name), day + gap + time) for name in names if layout(name).order in orders)]
        for one, wanted in tries:
            try:
                return one.to_iso(wanted)
            except ValueError:
                continue
        if not gap:
            return super()._parse_input(day, {"layout": day_part(written.text)})
        raise ValueError(f"“{text}” is not a date and time; write {written.text}")
