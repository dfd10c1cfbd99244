"""The place of a row in the order of a query, as opaque text: the order, the row's id and its sort keys."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from math import isfinite
from typing import Any

from webapp.rowstore.errors import QueryError
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sql.compile import IN_ROW, Cursor
from webapp.rowstore.sql.conditions import scope_sql
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.schema import column_name, table_name
from webapp.rowstore.sql.statement import Sql, all_of
from webapp.rowstore.table_ref import Field, TableRef

MAX_KEY = 200  # characters of a sort key in a cursor; a longer one is read from the row again


def encode_cursor(query: TableQuery, row_id: int, keys: Sequence[Any]) -> str:
    data = json.dumps([_order(query), row_id, *map(_key_in_cursor, keys)], separators=(",", ":"), ensure_ascii=False)
    return urlsafe_b64encode(data.encode()).decode().rstrip("=")


def decode_cursor(query: TableQuery, text: str) -> Cursor:
    """Raises QueryError for anything that `encode_cursor` did not create for this very order."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        order, row_id, *keys = json.loads(urlsafe_b64decode(padded).decode())
        is_valid = order == _order(query) and _is_storable(row_id, int)
        is_valid = is_valid and all(
            key is None or key is IN_ROW or _is_storable(key, sort.field.kind.stored)
            for key, sort in zip(keys, query.sorts, strict=True)
        )
    except (ValueError, TypeError, RecursionError):
        is_valid = False
    if not is_valid:
        raise QueryError("This place in the table is no longer known. Start again from the first row.", "after")
    return Cursor(row_id, tuple(keys))


def _key_in_cursor(key: Any) -> Any:
    return IN_ROW if isinstance(key, str) and len(key) > MAX_KEY else key


def _order(query: TableQuery) -> str:
    return ",".join(sort.argument for sort in query.sorts)


def _is_storable(value: Any, type_: type) -> bool:
    if isinstance(value, bool) or not isinstance(value, (float, int) if type_ is float else type_):
        return False
    if isinstance(value, str):
        value.encode()  # lone surrogates raise ValueError
    if isinstance(value, float):
        return isfinite(value)
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def cursor_of(connection: Connection, table: TableRef, query: TableQuery, row_id: int) -> Cursor | None:
    """Of a row that is there, or in file order where one was; None if there is none."""
    if not -(2**63) <= row_id < 2**63:
        return None
    source, scope = table_name(table.id), scope_sql(connection.dialect, table)
    row = connection.dialect.row_id
    if not query.sorts and row_id > 0:  # in file order also where a row was
        further = all_of([Sql(f"{row} >= ?", (row_id,)), scope])
        found = connection.execute(Sql(f"SELECT 1 FROM {source} WHERE {further.text} LIMIT 1", further.values))
        return Cursor(row_id, ()) if found else None
    keys = ", ".join([row, *(short_key(sort.field) for sort in query.sorts)])
    this = all_of([Sql(f"{row} = ?", (row_id,)), scope])
    rows = connection.execute(Sql(f"SELECT {keys} FROM {source} WHERE {this.text}", this.values))
    return Cursor(row_id, tuple(map(_key_in_cursor, rows[0][1:]))) if rows else None


def short_key(field: Field) -> str:
    """Enough of a sort key for a cursor, which has no room for a longer one."""
    name = column_name(field)
    return f"substr({name}, 1, {MAX_KEY + 1})" if field.type == "text" else name
