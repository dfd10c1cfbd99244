"""Cells in SQL: how each type is printed, sorted, and converted from a text.

SQLite prints every cell, because a filter, a search, a compare-and-swap and an export need the same text; what the
types do in Python (`webapp.types`) is the same. Texts are stored encoded (`nul_escape`), so words of a format that are
printed beside them are encoded as well.
"""

import re
from collections.abc import Mapping
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
    format, null = field.format, literal(null_of(field.format))
    placeholder = f"NULLIF(?, {null})"
    match field.type:
        case "boolean":
            true, false = literal(format["true"]), literal(format["false"])
            return f"CASE ? WHEN {true} THEN 1 WHEN {false} THEN 0 WHEN {null} THEN NULL ELSE 'neither' END"
        case "decimal" if "mark" in format:
            return f"replace({placeholder}, ',', '.')"
        case "date" | "datetime":
            return _bind_date(placeholder, format)
    return placeholder


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + encode(text).replace("'", "''") + "'"


def _printed(field: Field, format: Format) -> str:
    name = column_name(field)
    match field.type:
        case "text":
            text = name
        case "boolean":
            text = f"CASE {name} WHEN 1 THEN {literal(format['true'])} WHEN 0 THEN {literal(format['false'])} END"
        case "decimal":
            text = _print_decimal(name, format)
        case "date" | "datetime":
            text = _print_date(name, format)
        case _:
            text = f"CAST({name} AS TEXT)"
    return f"ifnull({text}, {literal(null_of(format))})"


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
