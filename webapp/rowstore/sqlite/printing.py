"""Cells in SQL: how each type is printed, and converted from a text.

Texts are stored encoded (`nul_escape`), so words of a format that are
printed beside them are encoded as well.
"""

import re
from collections.abc import Mapping
from typing import Any

from webapp.rowstore.sql.dialect import layout_of
from webapp.rowstore.sql.schema import companion_name
from webapp.rowstore.sql.statement import literal
from webapp.rowstore.table_ref import Field
from webapp.types.base import null_of
from webapp.types.date import ISO
from webapp.types.layouts import MONTHS, SHORT_WEEKDAYS, WEEKDAYS, layout
from webapp.types.number_format import NEGATIVES, is_decorated

Format = Mapping[str, Any]

_MAX_DIGITS_OF_INTEGER = 19
_AS_STORED = ("YYYY-MM-DD", "YYYY-MM-DDTHH:mm", "YYYY-MM-DDTHH:mm:ss", "HH:mm", "HH:mm:ss")


def bind(field: Field) -> str | None:
    """A placeholder that converts a cell's text into the stored value; None if `ColumnType.parse` has to do it.

    Anything that is not of the type is an error in a STRICT table.
    """
    format, null = field.format, literal(null_of(field.format))
    placeholder = f"NULLIF(?, {null})"
    match field.type:
        case "boolean":
            true, false = literal(format["true"]), literal(format["false"])
            return f"CASE ? WHEN {true} THEN 1 WHEN {false} THEN 0 WHEN {null} THEN NULL ELSE 'neither' END"
        case "text":
            return placeholder
        case "integer" | "decimal" if not is_decorated(format):
            return f"replace({placeholder}, ',', '.')" if "mark" in format else placeholder
        case "date" | "datetime":
            return _bind_date(placeholder, format)
    return None


def print_value(field: Field, name: str, format: Format) -> str:
    """SQL for a value of this column, or for an empty cell, given as the SQL expression `name`."""
    match field.type:
        case "text":
            text = name
        case "boolean":
            text = f"CASE {name} WHEN 1 THEN {literal(format['true'])} WHEN 0 THEN {literal(format['false'])} END"
        case "integer":
            text = _print_integer(name, format)
        case "decimal":
            text = _print_decimal(name, format, is_rounded=companion_name(field) is not None)
        case "date" | "datetime" | "time":
            text = _print_date(name, layout_of(field))
        case "duration":
            text = _print_duration(name, layout_of(field))
        case _:
            raise NotImplementedError(f"SQL for values of the type {field.type}")
    return f"ifnull({text}, {literal(null_of(format))})"


def _print_integer(name: str, format: Format) -> str:
    printed = f"CAST({name} AS TEXT)"
    if not is_decorated(format):
        return printed
    return f"CASE WHEN {name} IS NOT NULL THEN {_decorate(name, printed, format, '')} END"


def _print_decimal(name: str, format: Format, *, is_rounded: bool) -> str:
    """`is_rounded`: whether there are values with more decimals than are printed."""
    scale, style = int(format["scale"]), format["style"]
    printed = f"printf('%.{scale}f', {name})"
    fraction = f"substr({printed}, -{scale})" if scale else ""
    if style != "fixed" and scale:
        # Without trailing zeros; a number without a fraction is printed without a mark.
        whole = f"printf('%.{1 if style == 'point' else 0}f', {name})"
        short = f"rtrim({printed}, '0')"
        if is_rounded:
            short = f"rtrim({short}, '.')"
        if is_rounded and style == "point":
            short = f"CASE WHEN {short} GLOB '*.*' THEN {short} ELSE {short} || '.0' END"
        printed = f"CASE WHEN {name} = CAST({name} AS INTEGER) THEN {whole} ELSE {short} END"
        fraction = f"substr({printed}, nullif(instr({printed}, '.'), 0) + 1)"
    if is_decorated(format):
        return f"CASE WHEN {name} IS NOT NULL THEN {_decorate(name, printed, format, fraction)} END"
    printed = f"CASE WHEN {name} IS NOT NULL THEN {printed} END"
    return f"replace({printed}, '.', ',')" if "mark" in format else printed


def _decorate(name: str, printed: str, format: Format, fraction: str) -> str:
    """A number as `webapp.types.number_format.decorate` prints it; `printed` is its plain form, and `fraction` what is
    behind its point, NULL where there is none.
    """
    mark, group = str(format.get("mark", ".")), str(format.get("group", ""))
    if not group:
        digits = f"replace(ltrim({printed}, '-'), '.', {literal(mark)})"
    else:
        digits = _group_indian(printed) if format.get("indian") else f"ltrim(printf('%,d', {printed}), '-')"
        digits = f"replace({digits}, ',', {literal(group)})" if group != "," else digits
        digits += f" || ifnull({literal(mark)} || {fraction}, '')" if fraction else ""
    before, inside, after = (
        f"iif({name} < 0, {literal(sign)}, '')" if sign else "" for sign in NEGATIVES[format.get("negative", "")]
    )
    prefix, suffix = (literal(str(format[key])) if key in format else "" for key in ("prefix", "suffix"))
    return "(" + " || ".join(filter(None, (before, prefix, inside, digits, suffix, after))) + ")"


def _group_indian(printed: str) -> str:
    """The last group has three digits, the others have two."""
    whole = f"ltrim(printf('%d', {printed}), '-')"
    pairs = [f"substr({whole}, -{end}, 2)" for end in range(_MAX_DIGITS_OF_INTEGER, 3, -2)]
    return "ltrim(" + " || ',' || ".join([*pairs, f"substr({whole}, -3)"]) + ", ',')"


def _print_date(name: str, text: str) -> str:
    """A date, a time or both; `text` is the layout."""
    if text in _AS_STORED:
        return name
    iso = name if "Y" in text else f"('{_NO_DATE}' || {name})"
    pieces = (_token(piece).format(iso) if is_token else literal(piece) for piece, is_token in layout(text).pieces)
    return " || ".join(f"({piece})" for piece in pieces)


def _print_duration(name: str, text: str) -> str:
    """Seconds by a layout such as `h:mm:ss.f`, rounded to its last digit, half of it away from zero."""
    hours, _, rest = text.partition(":")
    decimals = max(0, len(rest) - len("mm:ss."))
    scale = 10**decimals
    units = f"CAST(abs({name}) * {scale}.0 + 0.5 AS INTEGER)"
    seconds = f"{units} / {scale}"
    printed, values = f"%0{len(hours)}d:%02d", [f"{seconds} / 3600", f"{seconds} / 60 % 60"]
    if ":" in rest:
        printed, values = printed + ":%02d", [*values, f"{seconds} % 60"]
    if decimals:
        printed, values = printed + f".%0{decimals}d", [*values, f"{units} % {scale}"]
    clock = f"printf('{printed}', {', '.join(values)})"
    return f"CASE WHEN {name} IS NOT NULL THEN iif({name} < 0, '-', '') || {clock} END"


def _month(names: tuple[str, ...]) -> str:
    width = max(map(len, names))
    padded = "".join(name.ljust(width) for name in names)
    return f"rtrim(substr('{padded}', CAST(substr({{0}}, 6, 2) AS INTEGER) * {width} - {width - 1}, {width}))"


_NO_DATE = "0000-00-00T"  # before a time, to make it as long as a text that has both
_LONG_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


_HOUR_12 = "(CAST(substr({0}, 12, 2) AS INTEGER) + 11) % 12 + 1"
_DAY_OF_WEEK = "(CAST(strftime('%w', substr({0}, 1, 10)) AS INTEGER) + 6) % 7"  # from Monday, which is 0
_THURSDAY = "date(substr({0}, 1, 10), '-3 days', 'weekday 4')"  # of the same week: its year is the week's


def _weekday(names: tuple[str, ...]) -> str:
    width = max(map(len, names))
    padded = "".join(name.ljust(width) for name in names)
    return f"rtrim(substr('{padded}', {_DAY_OF_WEEK} * {width} + 1, {width}))"


# What a token of a layout prints of the ISO text in {0}.
_TOKENS = {
    "YYYY": "substr({0}, 1, 4)",
    "YY": "substr({0}, 3, 2)",
    "MM": "substr({0}, 6, 2)",
    "M": "ltrim(substr({0}, 6, 2), '0')",
    "Mon": _month(MONTHS),
    "MON": _month(tuple(month.upper() for month in MONTHS)),
    "Month": _month(_LONG_MONTHS),
    "DD": "substr({0}, 9, 2)",
    "D": "ltrim(substr({0}, 9, 2), '0')",
    "GGGG": f"strftime('%Y', {_THURSDAY})",
    "E": f"CAST({_DAY_OF_WEEK} + 1 AS TEXT)",
    "ww": f"printf('%02d', (CAST(strftime('%j', {_THURSDAY}) AS INTEGER) - 1) / 7 + 1)",
    "Day": _weekday(WEEKDAYS),
    "Dy": _weekday(SHORT_WEEKDAYS),
    "DY": _weekday(tuple(name.upper() for name in SHORT_WEEKDAYS)),
    "HH": "substr({0}, 12, 2)",
    "H": "CAST(CAST(substr({0}, 12, 2) AS INTEGER) AS TEXT)",
    "hh": f"printf('%02d', {_HOUR_12})",
    "h": f"CAST({_HOUR_12} AS TEXT)",
    "mm": "substr({0}, 15, 2)",
    "ss": "substr({0}, 18, 2)",
    "AM": "CASE WHEN substr({0}, 12, 2) < '12' THEN 'AM' ELSE 'PM' END",
    "am": "CASE WHEN substr({0}, 12, 2) < '12' THEN 'am' ELSE 'pm' END",
}


def _token(token: str) -> str:
    return "substr({0}, 21)" if token[0] == "f" else _TOKENS[token]


def _bind_date(placeholder: str, format: Format) -> str | None:
    """SQL that makes the ISO text, if that only takes replacing separators."""
    text = format.get("layout", ISO)
    head, tail = text[:10], text[10:]
    if head not in ("YYYY-MM-DD", "YYYY/MM/DD", "YYYY.MM.DD"):
        return None
    match = re.fullmatch(r"[T ]HH:mm(?::ss(?:\.f+)?)?(Z|[+-][0-9:]+)?", tail)
    if (tail and match is None) or (head[4] == "." and "." in tail):
        return None
    if match and match[1]:
        placeholder = f"substr({placeholder}, 1, {len(text) - len(match[1])})"
    if head[4] != "-":
        placeholder = f"replace({placeholder}, '{head[4]}', '-')"
    return f"replace({placeholder}, ' ', 'T')" if tail[:1] == " " else placeholder
