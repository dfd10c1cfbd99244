"""Prints a row as a line of CSV or NDJSON: SQL expressions, so that the database formats the lines.

CSV is RFC 4180: commas, `\r\n`, quotes only where needed, titles in the first row; every cell byte for byte as it was
imported. `safe` puts an apostrophe before texts a spreadsheet would read as a formula, titles too; numbers stay.
A cell without a value (NA in a column of numbers) is a text there, and so is a number written otherwise than in JSON.
NDJSON has one object per row: null for empty cells, true and false, numbers with their original digits, but
integers beyond 2^53 as strings, since most readers would round them silently. Dates and texts stay as written.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from webapp.rowstore.nul_escape import encode
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sql.dialect import Dialect
from webapp.rowstore.sql.json_objects import has_source, object_line, without_source
from webapp.rowstore.sql.schema import column_name, companion_name
from webapp.rowstore.sql.statement import NEW_LINE, Sql, concatenate, literal, quoted
from webapp.rowstore.table_ref import Field
from webapp.types import NULL
from webapp.types.base import null_of
from webapp.types.text import FORMULA, defuse_formula

_SPECIAL = ('"', "\n", "\r")  # characters that require quotes, as does the delimiter
NOT_IN_JSON = (NULL, "mark", "group", "prefix", "suffix", "negative")  # of a number's format
_MAX_EXACT = 2**53 - 1  # readers that only know doubles round larger integers


def csv_head(query: TableQuery, safe: bool, delimiter: str = ",") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerow(
        [defuse_formula(field.title) if safe else field.title for field in query.visible]
    )
    return text.getvalue().encode()


def csv_line(dialect: Dialect, query: TableQuery, safe: bool, delimiter: str = ",") -> Sql:
    cells = [_csv_cell(dialect, without_source(field), safe, delimiter) for field in query.visible]
    if len(cells) == 1:  # a lone empty cell would be an empty line, which readers skip
        cells = [f"CASE WHEN {cells[0]} = '' THEN '\"\"' ELSE {cells[0]} END"]
    return Sql(concatenate([concatenate(cells, literal(delimiter)), quoted("\r\n")]))


def _csv_cell(dialect: Dialect, field: Field, safe: bool, delimiter: str) -> str:
    """The printed cell, quoted where a reader would otherwise see more than one cell."""
    if safe:
        field = replace(field, format=_map_words(field.format, defuse_formula))
    special = (delimiter, *_SPECIAL)
    if field.type == "text":
        printed = dialect.print_exact(field)
        return _quote_text(dialect, column_name(field), _defuse(printed) if safe else printed, special)
    printed = dialect.print_value(field, column_name(field), field.format)
    if any(character in str(value) for value in field.format.values() for character in special):
        printed = _quote(dialect.has_one_of(printed, special), printed)
    companion = companion_name(field)
    if companion is None:
        return printed
    # A text with a value is a number or a date in other words, not a formula.
    text = (
        f"CASE WHEN {column_name(field)} IS NULL THEN {_defuse(companion)} ELSE {companion} END" if safe else companion
    )
    return f"CASE WHEN {companion} IS NULL THEN {printed} ELSE {_quote_text(dialect, companion, text, special)} END"


def _quote_text(dialect: Dialect, name: str, cell: str, special: Sequence[str]) -> str:
    """`cell`, quoted where the column `name` has a special character."""
    return _quote(dialect.has_one_of(name, special), cell)


def _quote(needs_quotes: str, cell: str) -> str:
    return f"CASE WHEN {needs_quotes} THEN '\"' || replace({cell}, '\"', '\"\"') || '\"' ELSE {cell} END"


def _defuse(cell: str) -> str:
    first = ", ".join(map(literal, FORMULA))
    return f"CASE WHEN substr({cell}, 1, 1) IN ({first}) THEN '''' || {cell} ELSE {cell} END"


def _map_words(format: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """Map the words of a format (for yes, no and empty), and leave the rest unchanged."""
    words = ("true", "false", NULL)
    return {name: change(value) if name in words else value for name, value in format.items()}


def json_line(dialect: Dialect, query: TableQuery) -> Sql:
    if any(has_source(field) for field in query.visible):
        return object_line(dialect, query.visible, partial(_json_cell, dialect))
    names = [encode(json.dumps(field.title, ensure_ascii=False)) for field in query.visible]
    before = [f"{',' if index else '{'}{name}:" for index, name in enumerate(names)]
    pieces = [part for field in query.visible for part in ("?", _json_cell(dialect, field))]
    return Sql(concatenate([*pieces, "'}'", NEW_LINE]), tuple(before))


def _json_cell(dialect: Dialect, field: Field) -> str:
    companion = companion_name(field)
    if companion is None:
        return _json_value(dialect, field)
    text = dialect.json_text(companion)
    if field.type in ("integer", "decimal"):
        text = f"CASE WHEN {dialect.is_json_number(companion, _MAX_EXACT)} THEN {companion} ELSE {text} END"
    empty = f"WHEN {companion} = '' THEN 'null'" if null_of(field.format) else ""
    return f"CASE WHEN {companion} IS NULL THEN {_json_value(dialect, field)} {empty} ELSE {text} END"


def _json_value(dialect: Dialect, field: Field) -> str:
    name = column_name(field)
    if field.type == "boolean":
        return f"CASE {name} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END"
    if field.type == "integer":
        exact = f"{name} BETWEEN -{_MAX_EXACT} AND {_MAX_EXACT}"
        printed = f"CASE WHEN {exact} THEN CAST({name} AS TEXT) ELSE '\"' || {name} || '\"' END"
    else:
        format = {key: value for key, value in field.format.items() if key not in NOT_IN_JSON}
        printed = dialect.print_value(field, name, format)
        printed = printed if field.type == "decimal" else dialect.json_text(printed)
    return f"CASE WHEN {name} IS NULL THEN 'null' ELSE {printed} END"
