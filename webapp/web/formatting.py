"""Numbers, sizes and times as text, in the reader's format.

Text rendered for nobody in particular (a job, a page for strangers) has commas and UTC; a live stream names its reader.
Cells of tables never come here: they stay as they were written.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from markupsafe import Markup
from quart import has_request_context

from webapp.models import Actor
from webapp.web.session import current_user_or_none

# What replaces "," and "." in Python's 1,234,567.8. The space is narrow and non-breaking.
STYLES = {
    "comma": (",", "."),
    "point": (".", ","),
    "space": ("\u202f", ","),
    "apostrophe": ("'", "."),
    "none": ("", "."),
}
_TABLES = {style: str.maketrans({",": groups, ".": point}) for style, (groups, point) in STYLES.items()}
SIZE_UNITS = (("kB", 1e3), ("MB", 1e6), ("GB", 1e9))
RELATIVE_UNITS = ((60, 1, "second"), (3600, 60, "minute"), (86400, 3600, "hour"), (30 * 86400, 86400, "day"))


@dataclass(frozen=True, slots=True)
class Locale:
    """How a reader wants numbers and times: all that differs between two readers of the same text."""

    number_style: str = "comma"
    time_zone: str = "UTC"

    @classmethod
    def of(cls, reader: Actor | None) -> "Locale":
        return cls(reader.number_style, reader.time_zone) if reader else cls()


_current: ContextVar[Locale | None] = ContextVar("locale", default=None)


@contextmanager
def use_locale(locale: Locale) -> Iterator[None]:
    """Format everything in this block for that reader, who need not be the one making the request."""
    before = _current.set(locale)
    try:
        yield
    finally:
        _current.reset(before)


def format_number(value: int | float | None) -> str:
    """Format 1234567 as "1,234,567"; None as ""."""
    return "" if value is None else format_digits(f"{value:,}")


def format_digits(digits: str, style: str | None = None) -> str:
    """Reformat a number printed by Python in a style; by default the reader's."""
    style = style or _locale().number_style
    return digits if style == "comma" else digits.translate(_TABLES.get(style, {}))


def format_size(count: int | None) -> str:
    """Format bytes for people: "93 MB", "1.4 MB", "812 kB"."""
    if count is None:
        return ""
    if count < 1000:
        return plural(count, "byte")
    unit, factor = next((unit for unit in SIZE_UNITS if count < unit[1] * 999.5), SIZE_UNITS[-1])
    amount = count / factor
    return f"{amount:.0f} {unit}" if amount >= 9.95 or unit == "kB" else f"{format_digits(f'{amount:.1f}')} {unit}"


def capitalise(text: str) -> str:
    """The first letter only: the rest may be somebody's own spelling."""
    return text[:1].upper() + text[1:]


def plural(count: int, singular: str, plural: str | None = None) -> str:
    """`plural(3, "row")` is "3 rows"."""
    return f"{format_number(count)} {singular if count == 1 else plural or singular + 's'}"


def format_relative(then: datetime | None, now: datetime | None = None) -> Markup:
    """A time relative to now, with the exact one as its tooltip."""
    if then is None:
        return Markup("")
    seconds = int(((now or datetime.now(UTC)) - then).total_seconds())
    if seconds < 10:
        return _time_element(then, "just now")
    for below, unit, name in RELATIVE_UNITS:
        if seconds < below:
            return _time_element(then, f"{plural(seconds // unit, name)} ago")
    return _time_element(then, f"on {_local(then).day} {_local(then):%B %Y}")


def format_datetime(then: datetime | None) -> Markup:
    """An exact time, such as "2026-03-01 13:00 CET"."""
    return Markup("") if then is None else _time_element(then, format_exact(then))


def format_exact(then: datetime) -> str:
    local = _local(then)
    zone = f"{local:%Z}"
    return f"{local:%Y-%m-%d %H:%M} {f'UTC{zone}' if zone[0] in '+-' else zone}"


def find_time_zone(name: str) -> tzinfo:
    """UTC if this machine does not know (or no longer knows) the zone."""
    try:
        return ZoneInfo(name) if name != "UTC" else UTC
    except (OSError, ValueError, LookupError):
        return UTC


def _time_element(then: datetime, text: str) -> Markup:
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        then.isoformat(timespec="seconds"), format_exact(then), text
    )


def _locale() -> Locale:
    return _current.get() or Locale.of(current_user_or_none() if has_request_context() else None)


def _local(then: datetime) -> datetime:
    return then.astimezone(find_time_zone(_locale().time_zone))
