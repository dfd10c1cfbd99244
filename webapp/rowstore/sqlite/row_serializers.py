"""Prints a row as a line of CSV or NDJSON: SQL expressions, so that the database formats the lines.

CSV is RFC 4180: commas, `\\r\\n`, quotes only where needed, titles in the first row; every cell byte for byte as it was
imported. `safe` puts an apostrophe before texts a spreadsheet would read as a formula, titles too; numbers stay.
NDJSON has one object per row: null for empty cells, true and false, numbers with their original digits, but
integers beyond 2^53 as strings, since most readers would round them silently. Dates and texts stay as written.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from webapp.rowstore.query.args import TableQuery
from webapp.rowstore.sqlite.schema import Field
from webapp.rowstore.sqlite.statement import Sql, concatenated
from webapp.types import NULL
from webapp.types.base import literal

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # characters a formula may start with
_SPECIAL = (",", '"', "\n", "\r")  # characters that require quotes
_EXACT = 2**53 - 1  # readers that only know doubles round larger integers


def csv_head(query: TableQuery, safe: bool) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerow([_harmless(field.title) if safe else field.title for field in query.visible])
    return text.getvalue().encode()


def csv_line(query: TableQuery, safe: bool) -> Sql:
    cells = [_csv_cell(field, safe) for field in query.visible]
    if len(cells) == 1:  # a lone empty cell would be an empty line, which readers skip
        cells = [f"CASE WHEN {cells[0]} = '' THEN '\"\"' ELSE {cells[0]} END"]
    return Sql(concatenated([*_between(cells, "','"), "char(13, 10)"]))


def _csv_cell(field: Field, safe: bool) -> str:
    """The printed cell, quoted where a reader would otherwise see more than one cell."""
    if safe:
        field = replace(field, format=_map_texts(field.format, _harmless))
    printed = shown = field.exported
    special = _special(field)
    if safe and field.type == "text":
        first = ", ".join(f"char({ord(character)})" for character in FORMULA)
        shown = f"CASE WHEN substr({printed}, 1, 1) IN ({first}) THEN '''' || {printed} ELSE {printed} END"
    if special is None:
        return shown
    return f"CASE WHEN {special} THEN '\"' || replace({shown}, '\"', '\"\"') || '\"' ELSE {shown} END"


def _special(field: Field) -> str | None:
    """SQL that is true where a cell needs quotes; None if no cell can: only text contains arbitrary characters.

    GLOB is the fastest way to find a character; it stops at NUL, which no stored text contains.
    """
    if any(character in str(value) for value in field.format.values() for character in _SPECIAL):
        return " OR ".join(f"instr({field.exported}, {literal(character)})" for character in _SPECIAL)
    if field.type != "text":
        return None
    return " OR ".join(f"{field.name} GLOB {literal(f'*{character}*')}" for character in _SPECIAL)


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def _map_texts(format: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """Map the words of a format (for yes, no and empty), and leave the rest unchanged."""
    words = ("true", "false", NULL)
    return {name: change(value) if name in words else value for name, value in format.items()}


def json_line(query: TableQuery) -> Sql:
    names = [json.dumps(field.title, ensure_ascii=False) for field in query.visible]
    before = [f"{',' if index else '{'}{name}:" for index, name in enumerate(names)]
    pieces = [part for field in query.visible for part in ("?", _json_cell(field))]
    return Sql(concatenated([*pieces, "'}'", "char(10)"]), tuple(before))


def _json_cell(field: Field) -> str:
    name = field.name
    format = {key: value for key, value in field.format.items() if key not in (NULL, "mark")}
    printed = field.kind.sql_print(name, format)
    if field.type == "boolean":
        return f"CASE {name} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END"
    if field.type == "integer":
        number = f"CASE WHEN {name} BETWEEN -{_EXACT} AND {_EXACT} THEN {name} ELSE '\"' || {name} || '\"' END"
        return f"CASE WHEN {name} IS NULL THEN 'null' ELSE {number} END"
    if field.type != "decimal":
        printed = f"json_quote({printed})"
    return f"CASE WHEN {name} IS NULL THEN 'null' ELSE {printed} END"


def _between(items: list[str], separator: str) -> list[str]:
    return [part for item in items for part in (separator, item)][1:]
