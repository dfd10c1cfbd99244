"""How a number is written: the grammar of the formats of integers and decimals, and reading by it.

A format says how a number is printed. All its keys are optional; these are the same for both types:

* `mark`: `","` if a comma separates the decimals; else it is a point.
* `group`: what separates groups of three digits of the whole part, as in `1,234,567`; one of `GROUPS`.
* `indian`: true if only the last group has three digits and the others have two, as in `12,34,567`.
* `prefix`, `suffix`: a currency, `%` or `‰`, before or after the digits, with the space between them.
* `negative`: how a number below zero is marked; one of `NEGATIVES`. Absent, a hyphen comes first: `-$5`.

A decimal has a `style` and a `scale` besides (see `webapp.types.decimal`). So a number is printed in three steps:
the digits of its absolute value, with grouping and mark; `prefix` and `suffix` around them; the sign around all that
(`inside` puts it between `prefix` and digits).

A percentage is the number before its sign: `12.5 %` has the value 12.5, not 0.125.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

Format = Mapping[str, Any]

MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1
# A double represents every number of this many decimal digits without loss, and so does SQLite's text form of it.
MAX_DIGITS = 15
GROUPS: Final = {
    ",": "commas",
    ".": "points",
    " ": "spaces",
    "\u00a0": "no-break spaces",
    "\u202f": "narrow no-break spaces",
    "'": "apostrophes",
    "\u2019": "typographic apostrophes",
}
MINUS: Final = "\u2212"
# The sign of a number below zero: what is before everything, between the prefix and the digits, and after everything.
NEGATIVES: Final = {
    "": ("-", "", ""),
    "inside": ("", "-", ""),
    "parentheses": ("(", "", ")"),
    "trailing": ("", "", "-"),
    "minus": (MINUS, "", ""),  # the typographic one
}
_NEGATIVE_WORDS = {
    "inside": "minus after the prefix",
    "parentheses": "negative in parentheses",
    "trailing": "minus at the end",
    "minus": "typographic minus",
}
_GAP = "[ \u00a0\u202f]"
_CODES = (
    "AED|AFN|ALL|AMD|ANG|AOA|ARS|AUD|AWG|AZN|BAM|BBD|BDT|BGN|BHD|BIF|BMD|BND|BOB|BRL|BSD|BTC|BTN|BWP|BYN|BZD|CAD|CDF|CHF"
    "|CLP|CNY|COP|CRC|CUP|CVE|CZK|DEM|DJF|DKK|DOP|DZD|EGP|ERN|ETB|EUR|FJD|FKP|GBP|GEL|GHS|GIP|GMD|GNF|GTQ|GYD|HKD|HNL"
    "|HRK|HTG|HUF|IDR|ILS|INR|IQD|IRR|ISK|JMD|JOD|JPY|KES|KGS|KHR|KMF|KPW|KRW|KWD|KYD|KZT|LAK|LBP|LKR|LRD|LSL|LYD|MAD"
    "|MDL|MGA|MKD|MMK|MNT|MOP|MRU|MUR|MVR|MWK|MXN|MYR|MZN|NAD|NGN|NIO|NOK|NPR|NZD|OMR|PAB|PEN|PGK|PHP|PKR|PLN|PYG|QAR"
    "|RON|RSD|RUB|RWF|SAR|SBD|SCR|SDG|SEK|SGD|SHP|SLE|SOS|SRD|SSP|STN|SYP|SZL|THB|TJS|TMT|TND|TOP|TRY|TTD|TWD|TZS|UAH"
    "|UGX|USD|UYU|UZS|VES|VND|VUV|WST|XAF|XCD|XOF|XPF|YER|ZAR|ZMW|ZWL"
)
# Every sign of currency (Unicode category Sc), and the usual abbreviations.
_CURRENCY = (
    "(?:(?:US|AU|CA|HK|NZ|MX|NT|R|A|C|S)?[$]|[£€¥¢₠-₿\u058f\u060b\u09f2\u09f3\u0e3f\u17db\ufdfc\uff04\uffe1\uffe5]"
    rf"|{_CODES}|SFr\.|Fr\.|kr\.?|zł|Kč|Ft|lei|лв\.?|руб\.?|грн\.?|Rs\.?|RM|元|円|원|Euro)"  # noqa: RUF001
)
_AFFIX = re.compile(rf"{_GAP}?(?:{_CURRENCY}|[%‰]){_GAP}?")


class Written(NamedTuple):
    """A number as it was found in a text: its digits in plain form, and everything about how they are written."""

    digits: str  # as Python and JSON write a number: -1234.50
    prefix: str
    suffix: str
    group: str
    indian: bool
    negative: str | None  # a key of NEGATIVES; None if there is no sign
    whole: int  # digits before the mark, without leading zeros
    scale: int  # digits behind the mark
    is_fraction: bool  # written with a mark or an exponent
    ends_in_zero: bool
    is_odd: bool  # in a way that no format prints: with an exponent, a plus, leading zeros, `.5`, `5.`, minus zero
    has_leading_zero: bool  # a whole number such as 007

    @property
    def number(self) -> float:
        return float(self.digits) + 0.0  # never minus zero: a database may drop its sign

    @property
    def whole_number(self) -> int | None:
        """None if the number has a fraction that is not zero."""
        whole, _, fraction = self.digits.partition(".")
        if fraction.isdigit() or not fraction:
            return int(whole) if not fraction.strip("0") and "e" not in whole else _integral(self.number)
        return _integral(self.number)


def _integral(number: float) -> int | None:
    return int(number) if number.is_integer() and abs(number) < 2**53 else None


def _compile(mark: str) -> re.Pattern[str]:
    groups = "".join(group for group in GROUPS if group != mark)
    indian = "|(?P<lakhs>[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3})" if mark == "." else ""
    return re.compile(
        rf"(?P<open>\()?(?P<sign>[-+{MINUS}])?(?P<prefix>{_CURRENCY}{_GAP}?)?(?P<inner>[-+{MINUS}])?"
        rf"(?=[.,]?[0-9])(?:(?P<grouped>[1-9][0-9]{{0,2}}(?P<group>[{groups}])[0-9]{{3}}(?:(?P=group)[0-9]{{3}})*)"
        rf"(?![0-9]){indian}|(?P<plain>[0-9]*))"
        rf"(?P<mark>{re.escape(mark)}(?P<fraction>[0-9]*))?(?P<exponent>[eE][-+]?[0-9]{{1,3}})?"
        rf"(?P<suffix>{_GAP}?(?:{_CURRENCY}|[%‰]))?(?P<trailing>-)?(?P<close>\))?"
    )


_WRITTEN = {mark: _compile(mark) for mark in (".", ",")}
_LONGEST = 60  # characters of a number


@lru_cache(20_000)
def read_number(text: str, mark: str) -> Written | None:
    """The number a text means if `mark` separates its decimals; None if it means none.

    Only ASCII digits, nothing around them but what the grammar above names: `1_000`, ` 7 ` and `nan` are no numbers.
    """
    match = _WRITTEN[mark].fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    negative = _negative(match)
    if negative == "unbalanced":
        return None
    grouped = match["grouped"] or (match["lakhs"] if mark == "." else None)
    group = (match["group"] or ",") if grouped else ""
    whole = grouped.replace(group, "") if grouped else match["plain"]
    fraction, exponent = match["fraction"] or "", match["exponent"] or ""
    if not whole and not fraction:
        return None
    is_signed = negative not in (None, "plus")
    digits = ("-" if is_signed else "") + (whole or "0") + (f".{fraction}" if fraction else "") + exponent.lower()
    if exponent and abs(float(digits)) == float("inf"):
        return None
    stripped = whole.lstrip("0")
    has_leading_zero = len(whole) > 1 and whole[0] == "0"
    is_zero = not stripped and not fraction.strip("0")
    is_odd = (
        bool(exponent)
        or negative in ("plus", "other")
        or has_leading_zero
        or not whole
        or (match["mark"] is not None and not fraction)
        or (is_zero and negative is not None)
    )
    return Written(
        digits,
        match["prefix"] or "",
        match["suffix"] or "",
        group,
        bool(grouped and not match["grouped"]),
        None if negative in (None, "plus", "other") else negative,
        len(stripped),
        len(fraction),
        match["mark"] is not None or bool(exponent),
        fraction[-1:] == "0",
        is_odd,
        has_leading_zero and match["mark"] is None and not exponent,
    )


def _negative(match: re.Match[str]) -> str | None:
    """How the number is signed: None, a key of NEGATIVES, "plus", "other", or "unbalanced" if that is no number."""
    signs = [match["sign"], match["inner"], match["trailing"]]
    if bool(match["open"]) != bool(match["close"]):
        return "unbalanced"
    if match["open"]:
        return "unbalanced" if any(signs) else "parentheses"
    given = [sign for sign in signs if sign]
    if len(given) > 1:
        return "unbalanced"
    if not given:
        return None
    if given[0] == "+":
        return "plus"
    if match["trailing"]:
        return "trailing"
    if match["inner"]:
        has_prefix = bool(match["prefix"])
        return ("inside" if has_prefix else "") if given[0] == "-" else "other" if has_prefix else "minus"
    return "" if given[0] == "-" else "minus"


def decorate(digits: str, is_negative: bool, format: Format) -> str:
    """A number as the format prints it, from the digits of its absolute value in plain form, such as `1234.50`."""
    whole, point, fraction = digits.partition(".")
    if group := format.get("group", ""):
        whole = _grouped(whole, group, bool(format.get("indian")))
    text = whole + (format.get("mark", ".") + fraction if point else "")
    before, inside, after = NEGATIVES[format.get("negative", "")] if is_negative else ("", "", "")
    return f"{before}{format.get('prefix', '')}{inside}{text}{format.get('suffix', '')}{after}"


def _grouped(whole: str, group: str, is_indian: bool) -> str:
    head, last = whole[:-3], whole[-3:]
    size = 2 if is_indian else 3
    parts = [head[max(0, end - size) : end] for end in range(len(head), 0, -size)][::-1]
    return group.join([*parts, last])


def is_decorated(format: Format) -> bool:
    """Whether a number is written with more than digits, a hyphen and a decimal mark."""
    return any(key in format for key in ("group", "prefix", "suffix", "negative"))


def check_number(format: Format) -> dict[str, Any]:
    """The keys of this grammar, validated. Raises ValueError."""
    mark, group, negative = format.get("mark", "."), format.get("group", ""), format.get("negative", "")
    indian = format.get("indian", False)
    is_valid = (
        mark in (".", ",")
        and group in ("", *GROUPS)
        and group != mark
        and negative in NEGATIVES
        and indian in (True, False)
        and (not indian or group == ",")
        and all(_is_affix(format.get(key, "")) for key in ("prefix", "suffix"))
    )
    if not is_valid:
        raise ValueError("That is no way to write numbers")
    checked = {"mark": mark if mark == "," else "", "group": group, "indian": indian, "negative": negative}
    checked |= {key: format.get(key, "") for key in ("prefix", "suffix")}
    return {key: value for key, value in checked.items() if value}


def _is_affix(text: Any) -> bool:
    return isinstance(text, str) and (text == "" or _AFFIX.fullmatch(text) is not None)


def describe_number(format: Format) -> str:
    """What the keys of this grammar say, in words, each after a comma; empty if there are none."""
    parts = ["with a comma"] if "mark" in format else []
    if "group" in format:
        parts.append(f"grouped by {GROUPS[format['group']]}{' (12,34,567)' if 'indian' in format else ''}")
    parts += [f"{format['prefix'].strip()} before"] if "prefix" in format else []
    parts += [f"{format['suffix'].strip()} after"] if "suffix" in format else []
    parts += [_NEGATIVE_WORDS[format["negative"]]] if "negative" in format else []
    return "".join(f", {part}" for part in parts)


def name_number(format: Format, decimals: str) -> str:
    """The format as a spreadsheet writes it, such as `$#,##0.00`; `decimals` are those after the mark."""
    group = format.get("group", "")
    whole = f"#{group}##{group}##0" if "indian" in format else f"#{group}##0" if group else "0"
    mark = format.get("mark", ".") if decimals else ""
    name = f"{format.get('prefix', '')}{whole}{mark}{decimals}{format.get('suffix', '')}"
    return f"{name};{decorate_name(name, format)}" if "negative" in format else name


def decorate_name(name: str, format: Format) -> str:
    before, inside, after = NEGATIVES[format["negative"]]
    prefix = format.get("prefix", "")
    return f"{before}{prefix}{inside}{name.removeprefix(prefix)}{after}"


def mark_of_name(name: str) -> str:
    """The decimal mark that a name such as `$#.##0,00` has, or implies by its groups; empty if it has neither."""
    if match := re.search(r"0([.,])(?:0|#(?!#))", name):
        return match[1]
    groups = {",": ".", ".": ","}
    return next((groups[group] for group in groups if f"#{group}##" in name), "")


def is_64_bits(written: Written) -> bool:
    whole = written.whole_number
    return whole is not None and MIN_INTEGER <= whole <= MAX_INTEGER
