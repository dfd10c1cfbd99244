"""A date with a time of day. A zone shared by all values is part of the layout; otherwise there is none."""

from webapp.types.base import Format
from webapp.types.date import Date
from webapp.types.day_text import day_layouts, read_moment, time_layouts, zone_of
from webapp.types.layouts import date_part, layout

ISO = "YYYY-MM-DDTHH:mm:ss"


class Datetime(Date):
    """Stored as `YYYY-MM-DDTHH:MM`, with seconds and fractions as far as the layout has them.

    A day alone means its first moment. A moment with another offset than the layout's is converted to that, so that the
    moments of a column sort; one without an offset is taken as it is.
    """

    name = "datetime"
    label = "Date and time"
    iso = ISO
    has_time = True

    def _read(self, text: str, format: Format) -> str | None:
        own = self._layout(format)
        try:
            return own.to_iso(text)
        except ValueError:
            return read_moment(text, self._reading(format), zone_of(own.text))

    def _parse_input(self, text: str, format: Format) -> str:
        """As the column writes it, as ISO does, or a date alone, which means its first moment."""
        own = self._layout(format)
        spaced = text.replace("T", " ")
        day, gap, time = spaced.partition(" ")
        others = [layout(d + t) for d in day_layouts(day) for t in time_layouts(gap + time)] if gap else []
        order = format.get("order", own.order)
        candidates = [(other, spaced) for other in others if other.order in (order, "ymd")]
        for candidate, spelling in [(own, text), *candidates]:
            try:
                return candidate.to_iso(spelling)
            except ValueError:
                continue
        if not gap:
            return super()._parse_input(day, {**format, "layout": date_part(own.text)})
        if (value := self._read(text, format)) is not None:
            return value
        raise ValueError(f"“{text}” is not a date and time; write {own.text}")
