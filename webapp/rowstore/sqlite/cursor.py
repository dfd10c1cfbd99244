"""Positions in a sorted table as opaque text: the sort keys and ids of a page's first and last rows.

A value too long for a URL is left out and read from the row again when the cursor is used.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from webapp.rowstore.errors import QueryError
from webapp.rowstore.query.args import TableQuery
from webapp.rowstore.sqlite.schema import ROW_ID, Field, table_name
from webapp.rowstore.sqlite.statement import Sql

LONGEST_VALUE = 200  # characters
_STORED = {"TEXT": (str,), "INTEGER": (int,), "REAL": (float, int)}
_IN_ROW = True  # placeholder for a long value: no stored value is a bool


@dataclass(frozen=True, slots=True)
class Cursor:
    """`keys`: one per sort. None is an empty cell."""

    row_id: int
    keys: tuple[Any, ...]

    def value(self, index: int, field: Field, table_id: int) -> Sql:
        if self.keys[index] is not _IN_ROW:
            return Sql("?", (self.keys[index],))
        name = table_name(table_id)
        return Sql(f"(SELECT {field.name} FROM {name} WHERE {ROW_ID} = ?)", (self.row_id,))


def encode(query: TableQuery, row_id: int, keys: Sequence[Any]) -> str:
    short = [_IN_ROW if isinstance(key, str) and len(key) > LONGEST_VALUE else key for key in keys]
    data = json.dumps([_order(query), row_id, *short], separators=(",", ":"), ensure_ascii=False)
    return urlsafe_b64encode(data.encode()).decode().rstrip("=")


def decode(query: TableQuery, text: str) -> Cursor:
    """Raises QueryError for anything that `encode` did not create for this very order."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        order, row_id, *keys = json.loads(urlsafe_b64decode(padded).decode())
        fits = order == _order(query) and _is_stored(row_id, (int,))
        fits = fits and all(
            key is None or key is _IN_ROW or _is_stored(key, _STORED[sort.field.kind.sql_type])
            for key, sort in zip(keys, query.sorts, strict=True)
        )
    except (ValueError, TypeError, RecursionError):
        fits = False
    if not fits:
        raise QueryError("This place in the table is no longer known. Start again from the first row.", "after")
    return Cursor(row_id, tuple(keys))


def _order(query: TableQuery) -> str:
    return ",".join(sort.argument for sort in query.sorts)


def _is_stored(value: Any, types: tuple[type, ...]) -> bool:
    if isinstance(value, bool) or not isinstance(value, types):
        return False
    if isinstance(value, str):
        value.encode()  # lone surrogates raise ValueError
    if isinstance(value, float):
        return isfinite(value)
    return not isinstance(value, int) or -(2**63) <= value < 2**63
