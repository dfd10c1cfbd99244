"""Number formats of workbooks: which show dates, which pad numbers with zeros, and what such a number looks like."""

import re
from decimal import Decimal, InvalidOperation
from typing import Literal

Kind = Literal["", "date", "time", "elapsed", "zeros"]

# Formats without a code of their own (ECMA-376 part 1, 18.8.30), by what they show.
_BUILT_IN: dict[int, Kind] = {
    **dict.fromkeys((14, 15, 16, 17, 22, *range(27, 32), 36, *range(50, 55), 57, 58), "date"),
    **dict.fromkeys((18, 19, 20, 21, *range(32, 36), 45, 47, 55, 56), "time"),
    46: "elapsed",
}
_LITERAL = re.compile(r"""\\.|"[^"]*"|_.|\*.""", re.DOTALL)  # text, and room for a character
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_BRACKETS = re.compile(r"\[[^\]]*\]")  # colours, conditions, locales
# Zeros with separators only, and more than one zero in front: 00000, 000-00-0000; not 0.00 and not 0" kg".
_ZEROS = re.compile(r"""00(?:0|[- /()]|\\[- /().]|"[- /().]")*""")
_MAX_ZEROS = 40
_WHOLE = 10**15  # beyond it a double is no exact whole number


def kind(format_id: int, code: str | None) -> Kind:
    """What a format with this number and code shows; empty if it is a number or a text like any other."""
    if code is None:
        return _BUILT_IN.get(format_id, "")
    section = code.split(";", 1)[0]
    if _ZEROS.fullmatch(section) and section.count("0") <= _MAX_ZEROS:
        return "zeros"
    bare = _LITERAL.sub("", section)
    if _ELAPSED.search(bare):
        return "elapsed"
    bare = _BRACKETS.sub("", bare).lower()
    if "general" in bare or set(bare) & set("#?@0") - set("0"):
        return ""
    bare = re.sub(r"am/pm|a/p", "h", bare)
    if "y" in bare or "d" in bare or ("m" in bare and not set(bare) & set("hs")):
        return "date"
    return "time" if set(bare) & set("hs") else ""


def with_zeros(number: str, code: str) -> str | None:
    """The number as the format shows it: 2035 as 02035; None if the format is not for such a number."""
    try:
        value = Decimal(number)
    except InvalidOperation:
        return None
    if not value.is_finite() or value != value.to_integral_value() or not 0 <= value < _WHOLE:
        return None
    pattern = re.sub(r"""\\(.)|"([^"]*)\"""", lambda match: match[1] or match[2] or "", code.split(";", 1)[0])
    digits = list(str(int(value)).rjust(pattern.count("0"), "0"))
    shown = []
    for character in reversed(pattern):
        shown.append(digits.pop() if character == "0" else character)
    return "".join(digits) + "".join(reversed(shown))
