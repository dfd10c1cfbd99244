"""The values of cells in OpenDocument: numbers, days, times and durations. Source: OpenDocument 1.3 part 3, 19."""

import re
from datetime import date, datetime, time, timedelta

_DURATION = re.compile(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:[.,]\d*)?)S)?)?")
_PADDED = re.compile(r"0[\d\- /().]*|\d+(?:[- /().]+\d+)+")  # 00501, 012-34-5678
_ONE_DAY = timedelta(days=1)


def read_number(value: str, shown: str) -> float | str | None:
    """The number, or the text that shows it with zeros in front or in groups, as an identifier is written."""
    try:
        number = float(value)
    except ValueError:
        return None
    if _PADDED.fullmatch(shown) and number.is_integer() and number >= 0:
        digits = re.sub(r"\D", "", shown)
        is_grouped = digits != shown and "." not in shown and " " not in shown
        if int(digits or 0) == number and (is_grouped or (digits == shown and digits[0] == "0" and len(digits) > 1)):
            return shown
    return number


def read_date(value: str) -> date | datetime | str | None:
    try:
        return date.fromisoformat(value) if "T" not in value else datetime.fromisoformat(value[:26])
    except ValueError:
        return value or None


def read_time(value: str) -> time | timedelta | str | None:
    found = _DURATION.fullmatch(value)
    if not found:
        return value or None
    sign, days, hours, minutes, seconds = found.groups()
    duration = timedelta(
        days=int(days or 0),
        hours=int(hours or 0),
        minutes=int(minutes or 0),
        seconds=float((seconds or "0").replace(",", ".")),
    )
    if sign or duration >= _ONE_DAY:
        return -duration if sign else duration
    return (datetime.min + duration).time()
