"""Times of day, without a day or a zone."""

from webapp.types.base import Format
from webapp.types.date import Date
from webapp.types.day_text import read_clock

ISO = "HH:mm:ss"


class Time(Date):
    """Stored as `HH:MM`, with seconds and fractions as far as the layout has them; the layout prints it."""

    name = "time"
    label = "Time"
    iso = ISO
    has_date = False
    has_time = True

    def describe(self, format: Format) -> str:
        return f"time ({self._layout(format).text})"

    def format_name(self, format: Format) -> str:
        return ""

    def _read_otherwise(self, text: str, order: str) -> str | None:
        clock = read_clock(text)
        return clock.time if clock and clock.offset is None else None

    def _parse_input(self, text: str, format: Format) -> str:
        if (value := self._read(text, format)) is None:
            raise ValueError(f"“{text}” is not a time; write {self._layout(format).text}")
        return value
