"""How Excel shows a column's values: its format as a number format, which Excel writes as `#,##0.00`.

The separators of groups and decimals are those of the reader's country, whatever the format says.
"""

import re

from webapp.rowstore.table_ref import Field
from webapp.types.layouts import Layout, layout
from webapp.types.number_format import NEGATIVES, is_decorated

# What stands for a token of a layout; `mm` beside hours means minutes there, too.
_TOKENS = {
    "YYYY": "yyyy",
    "YY": "yy",
    "MM": "mm",
    "M": "m",
    "Mon": "mmm",
    "MON": "mmm",
    "Month": "mmmm",
    "Day": "dddd",
    "Dy": "ddd",
    "DY": "ddd",
    "DD": "dd",
    "D": "d",
    "HH": "hh",
    "H": "h",
    "hh": "hh",
    "h": "h",
    "mm": "mm",
    "ss": "ss",
    "AM": "AM/PM",
    "am": "AM/PM",
}
_PLAIN = "- .:"  # characters of a date that need no escape
_MAX_FRACTION = 3  # digits of a second
EXACT = {
    "date": "yyyy-mm-dd",
    "datetime": "yyyy-mm-dd hh:mm:ss",
    "time": "hh:mm:ss",
    "duration": "[h]:mm:ss",
}


def number_code(field: Field) -> str:
    """For integers and decimals; empty if Excel shows them as they are without one."""
    format = field.format
    scale = int(format.get("scale", 0)) if format.get("style") == "fixed" else 0
    if not is_decorated(format) and not scale:
        return ""
    is_fixed = field.type == "integer" or format.get("style") == "fixed"
    digits = ("#,##0" if "group" in format else "0") + (f".{'0' * scale}" if scale else "")
    prefix, suffix = _quoted(str(format.get("prefix", ""))), _quoted(str(format.get("suffix", "")))
    digits = digits if is_fixed else "General"
    code = f"{prefix}{digits}{suffix}"
    if "negative" not in format:
        return code
    before, inside, after = map(_quoted, NEGATIVES[format["negative"]])
    # Quotes end and begin anew between two texts: they are one.
    return f"{code};{before}{prefix}{inside}{digits}{suffix}{after}".replace('""', "")


def moment_code(text: str) -> str | None:
    """For days and times in the layout `text`; None if Excel cannot show all of it."""
    parsed = layout(text)
    if "week" in parsed.parts:
        return None
    code = "".join(
        _TOKENS.get(piece) or _fraction(piece) if is_token else _escaped(piece) for piece, is_token in parsed.pieces
    )
    return code if _is_whole(parsed) else None


def duration_code(text: str) -> str | None:
    """For durations in the layout `text`, such as `h:mm:ss`; None if Excel cannot show all of it."""
    hours, _, rest = text.partition(":")
    rest, _, fraction = rest.partition(".")
    if len(fraction) > _MAX_FRACTION:
        return None
    return f"[{hours}]:{rest}" + (f".{'0' * len(fraction)}" if fraction else "")


def _is_whole(parsed: Layout) -> bool:
    """A fraction of a second is part of the seconds in Excel: behind a point, and not longer than it can show."""
    fraction = re.search("f+", parsed.text)
    return fraction is None or (len(fraction[0]) <= _MAX_FRACTION and parsed.text[fraction.start() - 1] == ".")


def _fraction(piece: str) -> str:
    return "0" * len(piece)


def _escaped(literal: str) -> str:
    return "".join(character if character in _PLAIN else f"\\{character}" for character in literal)


def _quoted(text: str) -> str:
    return f'"{text}"' if text else ""
