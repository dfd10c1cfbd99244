"""Cells in SQL: how each type is printed, sorted, and converted from a text.

SQLite prints every cell, because a filter, a search, a compare-and-swap and an export need the same text; what the
types do in Python (`webapp.types`) is the same. Texts are stored encoded (`nul_escape`), so words of a format that are
printed beside them are encoded as well.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from webapp.rowstore.nul_escape import encode
from webapp.rowstore.sqlite.schema import column_name
from webapp.rowstore.table_ref import Field
from webapp.types.base import null_of
from webapp.types.date import ISO
from webapp.types.layouts import MONTHS, layout

Format = Mapping[str, Any]


def print_shown(field: Field) -> str:
    """SQL for the cell as people see and search it; never NULL."""
    return _printed(field, field.shown)


def print_exact(field: Field) -> str:
    """SQL for the cell as it was in the file, byte for byte; never NULL."""
    return _printed(field, field.format)


def sort_key(field: Field) -> str:
    """SQL for the column's sort key. Text sorts case-insensitively: apple, Banana, cherry.

    This covers A to Z only: SQLite has no collation for other letters, which sort by code point. An index is used only
    if it was created on exactly this expression.
    """
    return f"{column_name(field)} COLLATE NOCASE" if field.type == "text" else column_name(field)


def bind(field: Field) -> str | None:
    """A placeholder that converts a cell's text into the stored value; None if `ColumnType.parse` has to do it.

    Anything that is not of the type is an error in a STRICT table.
    """
    null = f"NULLIF(?, {literal(null_of(field.format))})"
    return _BINDERS.get(field.type, _bind_plain)(null, field.format)


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + encode(text).replace("'", "''") + "'"


def _printed(field: Field, format: Format) -> str:
    printer = _PRINTERS.get(field.type, _print_plain)
    return f"ifnull({printer(column_name(field), format)}, {literal(null_of(format))})"


def _print_text(name: str, format: Format) -> str:
    return name


def _print_plain(name: str, format: Format) -> str:
    return f"CAST({name} AS TEXT)"


def _print_boolean(name: str, format: Format) -> str:
    return f"CASE {name} WHEN 1 THEN {literal(format['true'])} WHEN 0 THEN {literal(format['false'])} END"


def _print_decimal(name: str, format: Format) -> str:
    scale = int(format["scale"])
    printed = f"printf('%.{scale}f', {name})"
    if format["style"] != "fixed" and scale:
        # Without trailing zeros; a number without a fraction is printed without a mark.
        whole = f"printf('%.{1 if format['style'] == 'point' else 0}f', {name})"
        printed = f"CASE WHEN {name} = CAST({name} AS INTEGER) THEN {whole} ELSE rtrim({printed}, '0') END"
    printed = f"CASE WHEN {name} IS NOT NULL THEN {printed} END"
    return f"replace({printed}, '.', ',')" if "mark" in format else printed


def _print_date(name: str, format: Format) -> str:
    text = format.get("layout", ISO)
    if text in ("YYYY-MM-DD", "YYYY-MM-DDTHH:mm", "YYYY-MM-DDTHH:mm:ss"):
        return name
    pieces = (_token(piece).format(name) if is_token else f"'{piece}'" for piece, is_token in layout(text).pieces)
    return " || ".join(f"({piece})" for piece in pieces)


def _month(names: tuple[str, ...]) -> str:
    return f"substr('{''.join(names)}', CAST(substr({{0}}, 6, 2) AS INTEGER) * 3 - 2, 3)"


_HOUR_12 = "(CAST(substr({0}, 12, 2) AS INTEGER) + 11) % 12 + 1"
# What a token of a layout prints of the ISO text in {0}.
_TOKENS = {
    "YYYY": "substr({0}, 1, 4)",
    "MM": "substr({0}, 6, 2)",
    "M": "ltrim(substr({0}, 6, 2), '0')",
    "Mon": _month(MONTHS),
    "MON": _month(tuple(month.upper() for month in MONTHS)),
    "DD": "substr({0}, 9, 2)",
    "D": "ltrim(substr({0}, 9, 2), '0')",
    "HH": "substr({0}, 12, 2)",
    "H": "CAST(CAST(substr({0}, 12, 2) AS INTEGER) AS TEXT)",
    "hh": f"printf('%02d', {_HOUR_12})",
    "h": f"CAST({_HOUR_12} AS TEXT)",
    "mm": "substr({0}, 15, 2)",
    "ss": "substr({0}, 18, 2)",
    "AM": "CASE WHEN substr({0}, 12, 2) < '12' THEN 'AM' ELSE 'PM' END",
}


def _token(token: str) -> str:
    return f"substr({{0}}, 21, {len(token)})" if token[0] == "f" else _TOKENS[token]


def _bind_plain(bound: str, format: Format) -> str | None:
    return bound


def _bind_boolean(bound: str, format: Format) -> str | None:
    return (
        f"CASE ? WHEN {literal(format['true'])} THEN 1 WHEN {literal(format['false'])} THEN 0"
        f" WHEN {literal(null_of(format))} THEN NULL ELSE 'neither' END"
    )


def _bind_decimal(bound: str, format: Format) -> str | None:
    return f"replace({bound}, ',', '.')" if "mark" in format else bound


def _bind_date(bound: str, format: Format) -> str | None:
    """SQL that makes the ISO text, if that only takes replacing separators."""
    text = format.get("layout", ISO)
    head, tail = text[:10], text[10:]
    if head not in ("YYYY-MM-DD", "YYYY/MM/DD", "YYYY.MM.DD"):
        return None
    match = re.fullmatch(r"[T ]HH:mm(?::ss(?:\.f+)?)?(Z|[+-][0-9:]+)?", tail)
    if (tail and match is None) or (head[4] == "." and "." in tail):
        return None
    if match and match[1]:
        bound = f"substr({bound}, 1, {len(text) - len(match[1])})"
    if head[4] != "-":
        bound = f"replace({bound}, '{head[4]}', '-')"
    return f"replace({bound}, ' ', 'T')" if tail[:1] == " " else bound


_PRINTERS: dict[str, Callable[[str, Format], str]] = {
    "text": _print_text,
    "boolean": _print_boolean,
    "decimal": _print_decimal,
    "date": _print_date,
    "datetime": _print_date,
}
_BINDERS: dict[str, Callable[[str, Format], str | None]] = {
    "boolean": _bind_boolean,
    "decimal": _bind_decimal,
    "date": _bind_date,
    "datetime": _bind_date,
}
