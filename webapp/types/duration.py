"""How long something took: `36:00:00`, `PT1H30M`, `1d 2h`, `90 min`."""

import re
from collections import Counter
from collections.abc import Collection
from typing import Any

from webapp.types.base import Choice, ColumnType, Format
from webapp.types.numbers import NUMBER_OPERATORS
from webapp.types.tally import PADDING, Exceptions, Offer, Tally

CLOCK = "h:mm:ss"
# Hours without limit, of at least as many digits as the layout has letters; then minutes, seconds and their fraction.
_LAYOUT = re.compile(r"(h|hh):mm(:ss(?:\.f{1,6})?)?")
_CLOCK = re.compile(
    r"(?P<sign>-)?(?P<hours>[0-9]{1,7}):(?P<minutes>[0-5][0-9])(?::(?P<seconds>[0-5][0-9](?:\.[0-9]{1,9})?))?"
)
_ISO = re.compile(
    r"(?P<sign>-)?P(?=.)(?:(?P<weeks>[0-9]+)W)?(?:(?P<days>[0-9]+)D)?"
    r"(?:T(?=.)(?:(?P<hours>[0-9]+)H)?(?:(?P<minutes>[0-9]+)M)?(?:(?P<seconds>[0-9]+(?:\.[0-9]+)?)S)?)?"
)
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_UNITS = re.compile(
    rf"(?P<sign>-)?(?=[0-9])(?:(?P<weeks>{_NUMBER}) ?(?:w|weeks?))?"
    rf"(?: ?(?P<days>{_NUMBER}) ?(?:d|days?))?(?:,? ?(?P<hours>{_NUMBER}) ?(?:h|hrs?|hours?))?"
    rf"(?: ?(?P<minutes>{_NUMBER}) ?(?:m|min|mins|minutes?))?(?: ?(?P<seconds>{_NUMBER}) ?(?:s|secs?|seconds?))?"
)
_DAYS_AND_CLOCK = re.compile(
    r"(?P<sign>-)?(?P<days>[0-9]+) (?:d|days?),? "
    r"(?P<hours>[0-9]{1,2}):(?P<minutes>[0-5][0-9]):(?P<seconds>[0-5][0-9](?:\.[0-9]+)?)"
)
_SECONDS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
_LONGEST = 40  # characters
_FIRST = frozenset("-0123456789P")  # characters
_MAX_SECONDS = 10**11  # so that a double keeps three decimals


def read_duration(text: str) -> float | None:
    """Seconds; None if the text is no duration."""
    if len(text) > _LONGEST or text[:1] not in _FIRST:
        return None
    for pattern in (_CLOCK, _ISO, _UNITS, _DAYS_AND_CLOCK):
        if match := pattern.fullmatch(text):
            parts = match.groupdict()
            sign = -1 if parts.pop("sign") else 1
            seconds = sum(float(number) * _SECONDS[unit] for unit, number in parts.items() if number)
            return sign * round(seconds, 6) + 0.0 if seconds < _MAX_SECONDS else None
    return None


def print_duration(seconds: float) -> str:
    """Hours, minutes and seconds, with as many decimals as it takes to read the same again."""
    layouts = (CLOCK, *(f"{CLOCK}.{'f' * decimals}" for decimals in range(1, 7)))
    texts = [Duration().print(seconds, {"layout": text}) for text in layouts]
    return next((text for text in texts if read_duration(text) == seconds), texts[-1])


def clock_layout(text: str) -> str:
    """The layout a duration such as `36:00:00` is written in; empty if it is written in another way."""
    match = _CLOCK.fullmatch(text)
    if match is None or (match["hours"][0] == "0" and len(match["hours"]) != 2 and match["hours"] != "0"):
        return ""
    seconds = match["seconds"] or ""
    fraction = "." + "f" * len(seconds[3:]) if len(seconds) > 2 else ""
    return f"{'h' if len(match['hours']) == 1 else 'hh'}:mm{':ss' if seconds else ''}{fraction}"


class Duration(ColumnType):
    """Stored as seconds, which add up; printed as hours, minutes and seconds in a layout such as `h:mm:ss`."""

    name = "duration"
    label = "Duration"
    stored = float
    operators = NUMBER_OPERATORS

    def recogniser(self, format_name: str = "") -> "DurationRecogniser":
        return DurationRecogniser()

    def describe(self, format: Format) -> str:
        return f"duration ({format.get('layout', CLOCK)})"

    def check(self, format: Format) -> dict[str, Any]:
        text = str(format.get("layout", CLOCK))
        if not _LAYOUT.fullmatch(text):
            raise ValueError(f"“{text}” is no layout of a duration")
        return super().check(format) | {"layout": text}

    def _read(self, text: str, format: Format) -> float | None:
        return read_duration(text)

    def _parse(self, text: str, format: Format) -> float:
        if (value := read_duration(text)) is None:
            raise ValueError(f"“{text}” is not a duration; write {format.get('layout', CLOCK)} or 90 min")
        return value

    def _print(self, value: str | int | float, format: Format) -> str:
        """Rounded to the last digit of the layout, half of it away from zero."""
        hours_layout, _, rest = format.get("layout", CLOCK).partition(":")
        seconds_layout = rest.removeprefix("mm")
        decimals = max(0, len(seconds_layout) - len(":ss."))
        units = int(abs(float(value)) * 10**decimals + 0.5)
        seconds, fraction = divmod(units, 10**decimals)
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        text = f"{hours:0{len(hours_layout)}}:{minutes:02}"
        if seconds_layout:
            text += f":{seconds:02}" + (f".{fraction:0{decimals}}" if decimals else "")
        return f"-{text}" if float(value) < 0 else text


class DurationRecogniser:
    """Durations written as a clock shows them, all in one layout."""

    def __init__(self) -> None:
        self._layouts: list[str] | None = None

    def accept(self, values: Collection[str]) -> str | None:
        if not values:
            return None
        layouts = self._layouts if self._layouts is not None else _layouts_of(next(iter(values)))
        fitting = [text for text in layouts if all(_prints(value, text) for value in values)]
        if fitting:
            self._layouts = fitting
            return None
        if len(values) == 1:
            return next(iter(values))
        return next((value for value in values if self.accept((value,)) is not None), None)

    def offers(self) -> list[Offer]:
        return [Offer(Choice("duration", {"layout": text}), doubt=_doubt(text)) for text in (self._layouts or ())[:1]]

    def ambiguous_reading(self) -> bool:
        return False

    def evidence(self) -> str:
        return ""

    def tally(self, filled: int, *, is_accepted: bool) -> "DurationTally":
        return DurationTally(filled, (self._layouts or [""])[0] if is_accepted else "")


class DurationTally(Tally):
    def __init__(self, filled: int, accepted: str) -> None:
        super().__init__(filled)
        self._found = Exceptions()
        self._layouts: Counter[str] = Counter()
        self._has_padding = False
        if accepted:
            self._layouts[accepted] = filled
        else:
            self._found.add_unknown(filled)

    def _add(self, text: str, count: int) -> None:
        bare = text.strip(PADDING)
        if read_duration(bare) is None:
            self._found.add(text, count)
            return
        self._has_padding = self._has_padding or bare != text
        self._layouts[next(iter(_layouts_of(bare)), "")] += count

    @property
    def valued(self) -> int:
        return self._layouts.total()

    @property
    def exceptions(self) -> Exceptions:
        return self._found

    def offers(self) -> list[Offer]:
        if not self._layouts:
            return []
        layouts = Counter({text: count for text, count in self._layouts.items() if text})
        best = layouts.most_common(1)[0][0] if layouts else CLOCK
        keeps = self._found.count > 0 or self._has_padding or set(self._layouts) != {best}
        choice = Choice("duration", {"layout": best}, keeps, self._found.count)
        return [Offer(choice, self._found, doubt=_doubt(best))]


def _layouts_of(text: str) -> list[str]:
    """`12:00:00` is printed by `h:mm:ss` as well, and `01:00:00` only by `hh:mm:ss`."""
    own = clock_layout(text)
    return [] if not own else [own] if not own.startswith("hh") or text.lstrip("-")[0] == "0" else [own, own[1:]]


def _prints(text: str, layout: str) -> bool:
    kind, format = Duration(), {"layout": layout}
    value = read_duration(text)
    return value is not None and kind.print(value, format) == text


def _doubt(layout: str) -> str:
    return "" if "ss" in layout else "hours and minutes, or minutes and seconds"
