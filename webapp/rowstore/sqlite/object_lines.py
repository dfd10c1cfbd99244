"""Prints a row as a JSON object for programs (`webapp.rowstore.objects`), in SQL."""

import json
from collections.abc import Sequence

from webapp.rowstore.nul_escape import decode_block, encode
from webapp.rowstore.objects import ObjectStyle, iso_zone
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sqlite.conditions import scope_sql
from webapp.rowstore.sqlite.planning import Execute
from webapp.rowstore.sqlite.printing import literal, print_exact, print_value
from webapp.rowstore.sqlite.row_serializers import NOT_IN_JSON
from webapp.rowstore.sqlite.schema import ROW_ID, column_name, companion_name, table_name
from webapp.rowstore.sqlite.statement import Sql, all_of, concatenate
from webapp.rowstore.table_ref import Field, TableRef

NUL = b"\\u0000"


def object_line(query: TableQuery, style: ObjectStyle, row_id: str) -> Sql:
    """`row_id` is SQL."""
    pieces, names = ["'{\"id\":'", row_id, "',\"cells\":{'"], list[str]()
    for place, field in enumerate(query.visible):
        names.append(f"{',' if place else ''}{encode(json.dumps(style.name(field), ensure_ascii=False))}:")
        pieces += ["?", _cell(field, style)]
    return Sql(concatenate([*pieces, "'}}'", "char(10)"]), tuple(names))


def read_objects(
    execute: Execute, table: TableRef, query: TableQuery, ids: Sequence[int], style: ObjectStyle
) -> list[bytes]:
    table.ensure_shown(query.visible)
    line = object_line(query, style, ROW_ID)
    where = all_of([Sql(f"{ROW_ID} IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),)), scope_sql(table)])
    found = execute(
        Sql(
            f"SELECT {ROW_ID}, CAST({line.text} AS BLOB) FROM {table_name(table.id)} WHERE {where.text}",
            (*line.values, *where.values),
        )
    )
    lines = {row_id: decode_block(text, NUL) for row_id, text in found}
    return [lines[row_id] for row_id in ids if row_id in lines]


def _cell(field: Field, style: ObjectStyle) -> str:
    if style.values == "text":
        return f"json_quote({print_exact(field)})"
    name, companion = column_name(field), companion_name(field)
    value = _value(field, name, companion)
    if style.values == "strings" and field.type in ("integer", "decimal", "duration"):
        value = f"'\"' || {value} || '\"'"
    text = f"WHEN {companion} <> '' THEN json_quote({companion})" if companion else ""
    return f"CASE WHEN {name} IS NOT NULL THEN {value} {text} ELSE 'null' END"


def _value(field: Field, name: str, companion: str | None) -> str:
    """The JSON of a cell that has a value."""
    match field.type:
        case "boolean":
            return f"iif({name}, 'true', 'false')"
        case "integer":
            return f"CAST({name} AS TEXT)"
        case "decimal":
            format = {key: value for key, value in field.format.items() if key not in NOT_IN_JSON}
            printed = print_value(field, name, format)
            # Beside its own text a value may have more digits than the column prints.
            return f"iif({companion} IS NULL, {printed}, {_all_digits(name)})" if companion else printed
        case "duration":
            return _all_digits(name)
        case "datetime" if zone := iso_zone(field):
            return f"json_quote({name} || {literal(zone)})"
    return f"json_quote({name})"


def _all_digits(name: str) -> str:
    """As few as it takes to read the same number again: nearly always at most 15."""
    short = f"printf('%.15g', {name})"
    return f"iif(CAST({short} AS REAL) = {name}, {short}, printf('%!.17g', {name}))"
