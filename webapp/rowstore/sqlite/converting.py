"""Giving a column another type: its texts are read from the stored column it has, and written to a new one.

Nothing reads the new one until the column's record says so, hence the rows are converted in many short transactions.
"""

import json
import re
import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from webapp.db.errors import UserError
from webapp.rowstore.nul_escape import decode, encode
from webapp.rowstore.sql import column_texts
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.inserting import ColumnReader, parse_value, value_and_text
from webapp.rowstore.sql.schema import column_name, companion_name, index_prefix, table_name
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.sqlite.dialect import DIALECT
from webapp.rowstore.sqlite.schema import MAX_COLUMNS, ROW_ID, STORED_AS
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import Converted
from webapp.types import Value
from webapp.types.base import null_of

_STORED = re.compile(r"c([0-9]+)t?")  # the names of stored columns and their companions
_BATCH = 2_000  # rows


class TableFull(UserError):
    def __init__(self) -> None:
        super().__init__(
            f"The table has {MAX_COLUMNS:,} columns, counting the texts that some keep, and what changes of type"
            " have replaced in the last day: it is full."
        )


def add_column(rows: Connection, table: TableRef, field: Field, spare: Collection[int]) -> Field:
    """Return the field with the number of the stored column it got: one of the empty ones in `spare` if its kind fits,
    else a new one. Raises `TableFull`.
    """
    types, wanted = _column_types(rows, table.id), STORED_AS[field.kind.stored]
    for number in sorted(spare):
        if types.get(f"c{int(number)}") == wanted:
            return replace(field, storage=number)
    numbers = [int(found[1]) for name in types if (found := _STORED.fullmatch(name))]
    new = replace(field, storage=max(*numbers, *(each.number for each in table.fields)) + 1)
    _add(rows, table.id, types, column_name(new), wanted)
    return new


def add_companion(rows: Connection, table_id: int, field: Field) -> None:
    """Make room for the texts of a field that keeps them, unless there is some. Raises `TableFull`."""
    types, name = _column_types(rows, table_id), companion_name(field)
    if name and name not in types:
        _add(rows, table_id, types, name, "TEXT")


def free_columns(rows: Connection, table_id: int) -> int:
    """How many stored columns the table has room for."""
    return max(0, MAX_COLUMNS - len(_column_types(rows, table_id)))


def _column_types(rows: Connection, table_id: int) -> dict[str, str]:
    return dict(rows.execute(Sql("SELECT name, type FROM pragma_table_info(?)", (table_name(table_id),))))


def _add(rows: Connection, table_id: int, types: Collection[str], name: str, type_: str) -> None:
    if len(types) >= MAX_COLUMNS:
        raise TableFull
    rows.execute(Sql(f"ALTER TABLE {table_name(table_id)} ADD COLUMN {name} {type_}"))


class Converter:
    """Converts the rows of one column in the order of their ids. `target` keeps texts from the first cell on whose
    value would not print back: all cells before it are as they were in any case.
    """

    def __init__(self, connection: sqlite3.Connection, rows: Connection, table_id: int, source: Field, target: Field):
        self._connection, self._rows, self._table_id = connection, rows, table_id
        self._source = source
        self.target = target
        self._write, self._read = _plan(table_id, target)

    def convert(self, after: int, limit: int) -> Converted | None:
        """The next `limit` rows behind the row `after`; None if there are no more. Raises `TableFull`."""
        text = DIALECT.print_exact(self._source)
        statement = f"SELECT {ROW_ID}, {text} FROM {table_name(self._table_id)} WHERE {ROW_ID} > ? ORDER BY 1 LIMIT ?"
        with closing(self._connection.execute(statement, (after, limit))) as cursor:
            rows = next(column_texts.batches(cursor, limit), [])
        if not rows:
            return None
        self._write_rows(rows)
        return Converted(rows[-1][0], len(rows), self.target)

    def convert_rows(self, ids: Collection[int]) -> None:
        """These rows, once more: they have changed since. Those that are gone are left out."""
        chosen = f"SELECT {ROW_ID}, {DIALECT.print_exact(self._source)} FROM {table_name(self._table_id)}"
        statement = f"{chosen} WHERE {ROW_ID} IN (SELECT value FROM json_each(?))"
        with closing(self._connection.execute(statement, (json.dumps(sorted(ids)),))) as cursor:
            found = cursor.fetchall()
        for start in range(0, len(found), _BATCH):
            self._write_rows(found[start : start + _BATCH])

    def _write_rows(self, rows: Sequence[tuple[int, str]]) -> None:
        ids, texts = zip(*rows, strict=True)
        try:
            values = self._read(texts)
        except ValueError:
            self._keep_texts()
            values = self._read(texts)
        self._connection.executemany(self._write, [(*cell, row_id) for cell, row_id in zip(values, ids, strict=True)])

    def _keep_texts(self) -> None:
        self.target = replace(self.target, keeps_texts=True)
        add_companion(self._rows, self._table_id, self.target)
        self._write, self._read = _plan(self._table_id, self.target)


Cells = Sequence[tuple[Any, ...]]


def _plan(table_id: int, target: Field) -> tuple[str, Callable[[Sequence[str]], Cells]]:
    """The statement that writes a row's cell, and what makes its parameters of texts as they are stored, without the
    row's id, which is the last. Raises ValueError for a text that has to be kept.
    """
    name, companion = column_name(target), companion_name(target)
    if companion is None:
        return f"UPDATE {table_name(table_id)} SET {name} = ?1 WHERE {ROW_ID} = ?2", cell_parser(target)
    value, text = value_and_text(DIALECT, target, "?1", "?2")
    statement = f"UPDATE {table_name(table_id)} SET {name} = {value}, {companion} = {text} WHERE {ROW_ID} = ?3"
    return statement, cell_parser(target)


def cell_parser(field: Field) -> Callable[[Sequence[str]], Cells]:
    """What makes the parameters that store a cell of texts as they are stored: its value, and where texts are kept the
    text. Raises ValueError for a text that has to be kept.
    """
    if companion_name(field) is None:
        return _parse_all(field)
    reader = ColumnReader(field)
    return lambda texts: list(zip(reader(texts), texts, strict=True))


def _parse_all(target: Field) -> Callable[[Sequence[str]], Cells]:
    def parse(texts: Sequence[str]) -> Cells:
        values = {text: _stored_value(target, text) for text in set(texts)}
        return [(values[text],) for text in texts]

    return parse


def _stored_value(target: Field, stored: str) -> Value:
    """The value of a text, both as they are stored. Raises ValueError if it does not print back."""
    null = null_of(target.format)
    if target.type == "text":
        return None if stored == encode(null) else stored
    if stored == "" != null:
        raise ValueError("An empty cell beside a word for empty cells")
    value = parse_value(target, decode(stored))
    return encode(value) if isinstance(value, str) else value


def empty_cells(rows: Connection, table_id: int, storage: int, after: int, limit: int) -> int | None:
    """Remove what the next rows have in a stored column, and in its companion; return the last of these rows, None if
    there are no more.
    """
    table, names = table_name(table_id), _names(rows, table_id, storage)
    rows.execute(Sql(f"DROP INDEX IF EXISTS {index_prefix(table_id)}{int(storage)}"))
    next_ids = f"SELECT {ROW_ID} FROM {table} WHERE {ROW_ID} > ? ORDER BY 1 LIMIT ?"
    ((last,),) = rows.execute(Sql(f"SELECT max({ROW_ID}) FROM ({next_ids})", (after, limit)))
    if last is None or not names:
        return None
    empty, filled = ", ".join(f"{name} = NULL" for name in names), " OR ".join(f"{name} IS NOT NULL" for name in names)
    where = f"{ROW_ID} > ? AND {ROW_ID} <= ? AND ({filled})"
    rows.execute(Sql(f"UPDATE {table} SET {empty} WHERE {where}", (after, last)))
    return int(last)


def _names(rows: Connection, table_id: int, storage: int) -> list[str]:
    return [name for name in _column_types(rows, table_id) if name in (f"c{int(storage)}", f"c{int(storage)}t")]
