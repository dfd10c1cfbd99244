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
AGO = ((60, 1, "second"), (3600, 60, "minute"), (86400, 3600, "hour"), (30 * 86400, 86400, "day"))


@dataclass(frozen=True, slots=True)
class Locale:
    """How a reader wants numbers and times: all that differs between two readers of the same text."""

    number_style: str = "comma"
    time_zone: str = "UTC"

    @classmethod
    def of(cls, reader: Actor | None) -> "Locale":
        return cls(reader.number_style, reader.time_zone) if reader else cls()


_given: ContextVar[Locale | None] = ContextVar("manner", default=None)


@contextmanager
def use_locale(manner: Locale) -> Iterator[None]:
    """Format everything in this block for that reader, who need not be the one making the request."""
    before = _given.set(manner)
    try:
        yield
    finally:
        _given.reset(before)


def format_number(value: int | float | None) -> str:
    """Format 1234567 as "1,234,567"; None as ""."""
    return "" if value is None else format_digits(f"{value:,}")


def format_digits(digits: str, style: str | None = None) -> str:
    """Reformat a number printed by Python in a style; by default the reader's."""
    if style is None:
        style = _style()
    return digits if style == "comma" else digits.translate(_TABLES.get(style, {}))


def format_size(count: int | None) -> str:
    """Format bytes for people: "93 MB", "1.4 MB", "812 kB"."""
    if count is None:
        return ""
    if count < 1000:
        return plural(count, "byte")
    for unit, factor in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if count < factor * 999.5 or unit == "GB":
            amount = count / factor
            return (
                f"{amount:.0f} {unit}" if amount >= 9.95 or unit == "kB" else f"{format_digits(f'{amount:.1f}')} {unit}"
            )
    raise AssertionError


def plural(count: int, one: str, many: str | None = None) -> str:
    """`plural(3, "row")` is "3 rows"."""
    return f"{format_number(count)} {one if count == 1 else many or one + 's'}"


def format_relative(then: datetime | None, now: datetime | None = None) -> Markup:
    """A time relative to now, with the exact one as its tooltip."""
    if then is None:
        return Markup("")
    seconds = int(((now or datetime.now(UTC)) - then).total_seconds())
    here = then.astimezone(_zone())
    return _time(then, _relative(seconds) or f"on {here.day} {here:%B %Y}")


def format_datetime(then: datetime | None) -> Markup:
    """An exact time, such as "2026-03-01 13:00 CET"."""
    return Markup("") if then is None else _time(then, exact(then))


def exact(then: datetime) -> str:
    here = then.astimezone(_zone())
    name = f"{here:%Z}"
    return f"{here:%Y-%m-%d %H:%M} {f'UTC{name}' if name[0] in '+-' else name}"


def zone_of(name: str) -> tzinfo:
    """UTC if this machine does not know (or no longer knows) the zone."""
    try:
        return ZoneInfo(name) if name != "UTC" else UTC
    except (OSError, ValueError, LookupError):
        return UTC


def _time(then: datetime, words: str) -> Markup:
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        then.isoformat(timespec="seconds"), exact(then), words
    )


def _relative(seconds: int) -> str:
    if seconds < 10:
        return "just now"
    for below, unit, name in AGO:
        if seconds < below:
            return f"{plural(seconds // unit, name)} ago"
    return ""


def _manner() -> Locale:
    return _given.get() or Locale.of(current_user_or_none() if has_request_context() else None)


def _style() -> str:
    return _manner().number_style


def _zone() -> tzinfo:
    return zone_of(_manner().time_zone)
