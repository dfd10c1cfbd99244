"""Cells in SQL: how each type is printed, as SQLite prints it.

All of it is immutable for PostgreSQL, so that the search index can be made of it: hence no `to_char`, no `concat_ws`
and no conversion of a text to a date, which depend on settings.
"""

from webapp.rowstore.sql.dialect import Format, layout_of
from webapp.rowstore.sql.schema import companion_name
from webapp.rowstore.sql.statement import literal
from webapp.rowstore.table_ref import Field
from webapp.types.base import null_of
from webapp.types.layouts import LONG_MONTHS, MONTHS, SHORT_WEEKDAYS, WEEKDAYS, layout
from webapp.types.number_format import NEGATIVES, is_decorated

_AS_STORED = ("YYYY-MM-DD", "YYYY-MM-DDTHH:mm", "YYYY-MM-DDTHH:mm:ss", "HH:mm", "HH:mm:ss")
_MOST_SECONDS = "9e17"  # of a duration, in units of its last digit: what a bigint has room for


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
    return f"coalesce({text}, {literal(null_of(format))})"


def _print_integer(name: str, format: Format) -> str:
    printed = f"CAST({name} AS text)"
    if not is_decorated(format):
        return printed
    return f"CASE WHEN {name} IS NOT NULL THEN {_decorate(name, printed, format, '')} END"


def _print_decimal(name: str, format: Format, *, is_rounded: bool) -> str:
    """`is_rounded`: whether there are values with more decimals than are printed."""
    scale, style = int(format["scale"]), format["style"]
    printed = _rounded(name, scale)
    fraction = f"right({printed}, {scale})" if scale else ""
    if style != "fixed" and scale:
        # Without trailing zeros; a number without a fraction is printed without a mark.
        short = f"rtrim({printed}, '0')"
        if is_rounded:
            short = f"rtrim({short}, '.')"
        if is_rounded and style == "point":
            short = f"CASE WHEN strpos({short}, '.') > 0 THEN {short} ELSE {short} || '.0' END"
        whole = _rounded(name, 1 if style == "point" else 0)
        printed = f"CASE WHEN {name} = trunc({name}) THEN {whole} ELSE {short} END"
        fraction = f"substr({printed}, nullif(strpos({printed}, '.'), 0) + 1)"
    if is_decorated(format):
        return f"CASE WHEN {name} IS NOT NULL THEN {_decorate(name, printed, format, fraction)} END"
    return f"replace({printed}, '.', ',')" if "mark" in format else printed


def _rounded(name: str, scale: int) -> str:
    return f"CAST(round(CAST({name} AS numeric), {scale}) AS text)"


def _decorate(name: str, printed: str, format: Format, fraction: str) -> str:
    """A number as `webapp.types.number_format.decorate` prints it; `printed` is its plain form, and `fraction` what is
    behind its point, NULL where there is none.
    """
    mark, group = str(format.get("mark", ".")), str(format.get("group", ""))
    if not group:
        digits = f"replace(ltrim({printed}, '-'), '.', {literal(mark)})"
    else:
        others = "([0-9]{2})*[0-9]{3}" if format.get("indian") else "([0-9]{3})+"  # behind a separator
        whole = f"split_part(ltrim({printed}, '-'), '.', 1)"
        digits = f"regexp_replace({whole}, '([0-9])(?={others}$)', '\\1,', 'g')"
        digits = f"replace({digits}, ',', {literal(group)})" if group != "," else digits
        digits += f" || coalesce({literal(mark)} || {fraction}, '')" if fraction else ""
    before, inside, after = (
        f"CASE WHEN {name} < 0 THEN {literal(sign)} ELSE '' END" if sign else ""
        for sign in NEGATIVES[format.get("negative", "")]
    )
    prefix, suffix = (literal(str(format[key])) if key in format else "" for key in ("prefix", "suffix"))
    return "(" + " || ".join(filter(None, (before, prefix, inside, digits, suffix, after))) + ")"


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
    units = f"CAST(trunc(least(abs({name}) * {scale}.0 + 0.5, {_MOST_SECONDS})) AS bigint)"
    seconds = f"{units} / {scale}"
    whole = f"CAST({seconds} / 3600 AS text)"
    clock = (
        f"lpad({whole}, greatest(length({whole}), {len(hours)}), '0') || ':' || {_padded(f'{seconds} / 60 % 60', 2)}"
    )
    if ":" in rest:
        clock += f" || ':' || {_padded(f'{seconds} % 60', 2)}"
    if decimals:
        clock += f" || '.' || {_padded(f'{units} % {scale}', decimals)}"
    return f"CASE WHEN {name} IS NOT NULL THEN CASE WHEN {name} < 0 THEN '-' ELSE '' END || {clock} END"


def _padded(number: str, digits: int) -> str:
    return f"lpad(CAST({number} AS text), {digits}, '0')"


_NO_DATE = "0000-00-00T"  # before a time, to make it as long as a text that has both
_HOUR_12 = "(CAST(substr({0}, 12, 2) AS integer) + 11) % 12 + 1"
# Immutable, which a conversion from text is not.
DAY = (
    "make_date(CAST(substr({0}, 1, 4) AS integer), CAST(substr({0}, 6, 2) AS integer),"
    " CAST(substr({0}, 9, 2) AS integer))"
)
_DAY_OF_WEEK = f"CAST(extract(isodow FROM {DAY}) AS integer)"  # Monday is 1


def _name_of(names: tuple[str, ...], number: str) -> str:
    width = max(map(len, names))
    padded = "".join(name.ljust(width) for name in names)
    return f"rtrim(substr('{padded}', {number} * {width} - {width - 1}, {width}))"


def _month(names: tuple[str, ...]) -> str:
    return _name_of(names, "CAST(substr({0}, 6, 2) AS integer)")


def _weekday(names: tuple[str, ...]) -> str:
    return _name_of(names, _DAY_OF_WEEK)


# What a token of a layout prints of the ISO text in {0}.
_TOKENS = {
    "YYYY": "substr({0}, 1, 4)",
    "YY": "substr({0}, 3, 2)",
    "MM": "substr({0}, 6, 2)",
    "M": "ltrim(substr({0}, 6, 2), '0')",
    "Mon": _month(MONTHS),
    "MON": _month(tuple(month.upper() for month in MONTHS)),
    "Month": _month(LONG_MONTHS),
    "DD": "substr({0}, 9, 2)",
    "D": "ltrim(substr({0}, 9, 2), '0')",
    "GGGG": _padded(f"CAST(extract(isoyear FROM {DAY}) AS integer)", 4),
    "E": f"CAST({_DAY_OF_WEEK} AS text)",
    "ww": _padded(f"CAST(extract(week FROM {DAY}) AS integer)", 2),
    "Day": _weekday(WEEKDAYS),
    "Dy": _weekday(SHORT_WEEKDAYS),
    "DY": _weekday(tuple(name.upper() for name in SHORT_WEEKDAYS)),
    "HH": "substr({0}, 12, 2)",
    "H": "CAST(CAST(substr({0}, 12, 2) AS integer) AS text)",
    "hh": _padded(_HOUR_12, 2),
    "h": f"CAST({_HOUR_12} AS text)",
    "mm": "substr({0}, 15, 2)",
    "ss": "substr({0}, 18, 2)",
    "AM": "CASE WHEN substr({0}, 12, 2) < '12' THEN 'AM' ELSE 'PM' END",
    "am": "CASE WHEN substr({0}, 12, 2) < '12' THEN 'am' ELSE 'pm' END",
}


def _token(token: str) -> str:
    return "substr({0}, 21)" if token[0] == "f" else _TOKENS[token]
