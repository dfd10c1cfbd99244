"""Prints a row as a line of CSV or NDJSON: SQL expressions, so that the database formats the lines.

CSV is RFC 4180: commas, `\r\n`, quotes only where needed, titles in the first row; every cell byte for byte as it was
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

from webapp.rowstore.nul_escape import encode
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sqlite.printing import literal, print_exact
from webapp.rowstore.sqlite.schema import column_name
from webapp.rowstore.sqlite.statement import Sql, concatenate
from webapp.rowstore.table_ref import Field
from webapp.types import NULL
from webapp.types.text import FORMULA, defuse_formula

_SPECIAL = (",", '"', "\n", "\r")  # characters that require quotes
_MAX_EXACT = 2**53 - 1  # readers that only know doubles round larger integers


def csv_head(query: TableQuery, safe: bool) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerow([defuse_formula(field.title) if safe else field.title for field in query.visible])
    return text.getvalue().encode()


def csv_line(query: TableQuery, safe: bool) -> Sql:
    cells = [_csv_cell(field, safe) for field in query.visible]
    if len(cells) == 1:  # a lone empty cell would be an empty line, which readers skip
        cells = [f"CASE WHEN {cells[0]} = '' THEN '\"\"' ELSE {cells[0]} END"]
    return Sql(concatenate([concatenate(cells, "','"), "char(13, 10)"]))


def _csv_cell(field: Field, safe: bool) -> str:
    """The printed cell, quoted where a reader would otherwise see more than one cell."""
    if safe:
        field = replace(field, format=_map_words(field.format, defuse_formula))
    printed = cell = print_exact(field)
    special = _special(field)
    if safe and field.type == "text":
        first = ", ".join(f"char({ord(character)})" for character in FORMULA)
        cell = f"CASE WHEN substr({printed}, 1, 1) IN ({first}) THEN '''' || {printed} ELSE {printed} END"
    if special is None:
        return cell
    return f"CASE WHEN {special} THEN '\"' || replace({cell}, '\"', '\"\"') || '\"' ELSE {cell} END"


def _special(field: Field) -> str | None:
    """SQL that is true where a cell needs quotes; None if no cell can: only text contains arbitrary characters.

    GLOB is the fastest way to find a character.
    """
    if any(character in str(value) for value in field.format.values() for character in _SPECIAL):
        return " OR ".join(f"instr({print_exact(field)}, {literal(character)})" for character in _SPECIAL)
    if field.type != "text":
        return None
    return " OR ".join(f"{column_name(field)} GLOB {literal(f'*{character}*')}" for character in _SPECIAL)


def _map_words(format: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """Map the words of a format (for yes, no and empty), and leave the rest unchanged."""
    words = ("true", "false", NULL)
    return {name: change(value) if name in words else value for name, value in format.items()}


def json_line(query: TableQuery) -> Sql:
    names = [encode(json.dumps(field.title, ensure_ascii=False)) for field in query.visible]
    before = [f"{',' if index else '{'}{name}:" for index, name in enumerate(names)]
    pieces = [part for field in query.visible for part in ("?", _json_cell(field))]
    return Sql(concatenate([*pieces, "'}'", "char(10)"]), tuple(before))


def _json_cell(field: Field) -> str:
    name = column_name(field)
    if field.type == "boolean":
        return f"CASE {name} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END"
    if field.type == "integer":
        exact = f"{name} BETWEEN -{_MAX_EXACT} AND {_MAX_EXACT}"
        printed = f"CASE WHEN {exact} THEN {name} ELSE '\"' || {name} || '\"' END"
    else:
        format = {key: value for key, value in field.format.items() if key not in (NULL, "mark")}
        printed = print_exact(replace(field, format=format))
        printed = printed if field.type == "decimal" else f"json_quote({printed})"
    return f"CASE WHEN {name} IS NULL THEN 'null' ELSE {printed} END"
