"""Prints a row as a JSON object for programs (`webapp.rowstore.objects`), in SQL."""

import json
from collections.abc import Sequence

from webapp.rowstore.nul_escape import decode_block, encode
from webapp.rowstore.objects import ObjectStyle, iso_zone
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sql.conditions import scope_sql
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.dialect import Dialect
from webapp.rowstore.sql.row_serializers import NOT_IN_JSON
from webapp.rowstore.sql.schema import column_name, companion_name, table_name
from webapp.rowstore.sql.statement import NEW_LINE, Sql, all_of, concatenate, literal
from webapp.rowstore.table_ref import Field, TableRef

NUL = b"\\u0000"


def object_line(dialect: Dialect, query: TableQuery, style: ObjectStyle, row_id: str) -> Sql:
    """`row_id` is SQL."""
    pieces, names = ["'{\"id\":'", row_id, "',\"cells\":{'"], list[str]()
    for place, field in enumerate(query.visible):
        names.append(f"{',' if place else ''}{encode(json.dumps(style.name(field), ensure_ascii=False))}:")
        pieces += ["?", _cell(dialect, field, style)]
    return Sql(concatenate([*pieces, "'}}'", NEW_LINE]), tuple(names))


def read_objects(
    connection: Connection, table: TableRef, query: TableQuery, ids: Sequence[int], style: ObjectStyle
) -> list[bytes]:
    table.ensure_shown(query.visible)
    dialect = connection.dialect
    row = dialect.row_id
    line = object_line(dialect, query, style, row)
    where = all_of([dialect.is_one_of(row, ids), scope_sql(dialect, table)])
    what = f"{row}, {dialect.as_bytes(line.text)}"
    found = connection.execute(
        Sql(f"SELECT {what} FROM {table_name(table.id)} WHERE {where.text}", (*line.values, *where.values))
    )
    lines = {row_id: decode_block(text, NUL) for row_id, text in found}
    return [lines[row_id] for row_id in ids if row_id in lines]


def _cell(dialect: Dialect, field: Field, style: ObjectStyle) -> str:
    if style.values == "text":
        return dialect.json_text(dialect.print_exact(field))
    name, companion = column_name(field), companion_name(field)
    value = _value(dialect, field, name, companion)
    if style.values == "strings" and field.type in ("integer", "decimal", "duration"):
        value = f"'\"' || {value} || '\"'"
    text = f"WHEN {companion} <> '' THEN {dialect.json_text(companion)}" if companion else ""
    return f"CASE WHEN {name} IS NOT NULL THEN {value} {text} ELSE 'null' END"


def _value(dialect: Dialect, field: Field, name: str, companion: str | None) -> str:
    """The JSON of a cell that has a value."""
    match field.type:
        case "boolean":
            return f"CASE WHEN {name} <> 0 THEN 'true' ELSE 'false' END"
        case "integer":
            return f"CAST({name} AS TEXT)"
        case "decimal":
            format = {key: value for key, value in field.format.items() if key not in NOT_IN_JSON}
            printed = dialect.print_value(field, name, format)
            # Beside its own text a value may have more digits than the column prints.
            digits = dialect.all_digits(name)
            return f"CASE WHEN {companion} IS NULL THEN {printed} ELSE {digits} END" if companion else printed
        case "duration":
            return dialect.all_digits(name)
        case "datetime" if zone := iso_zone(field):
            return dialect.json_text(f"{name} || {literal(zone)}")
    return dialect.json_text(name)
