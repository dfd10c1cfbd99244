"""Giving a column another type: its texts are read from the stored column it has, and written to a new one.

Nothing reads the new one until the column's record says so, hence the rows are converted in many short transactions.
"""

import re
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain
from typing import Any

from webapp.db.errors import UserError
from webapp.rowstore.nul_escape import decode, encode
from webapp.rowstore.sql.column_texts import batches
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.inserting import ColumnReader, parse_value, reader
from webapp.rowstore.sql.schema import column_name, companion_name, index_prefix, table_name
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import Converted
from webapp.types import Value
from webapp.types.base import null_of

_STORED = re.compile(r"c([0-9]+)t?")  # the names of stored columns and their companions
_BATCH = 2_000  # rows


class TableFull(UserError):
    def __init__(self, columns: int) -> None:
        super().__init__(
            f"The table has {columns:,} columns, counting the texts that some keep, and what changes of type"
            " have replaced in the last day: it is full."
        )


def add_column(connection: Connection, table: TableRef, field: Field, spare: Collection[int]) -> Field:
    """Return the field with the number of the stored column it got: one of the empty ones in `spare` if its kind fits,
    else a new one. Raises `TableFull`.
    """
    types = connection.column_types(table_name(table.id))
    wanted = connection.dialect.stored_as[field.kind.stored]
    for number in sorted(spare):
        if types.get(f"c{int(number)}") == wanted:
            return replace(field, storage=number)
    numbers = [int(found[1]) for name in types if (found := _STORED.fullmatch(name))]
    new = replace(field, storage=max(*numbers, *(each.number for each in table.fields)) + 1)
    _add(connection, table.id, types, column_name(new), field.kind.stored)
    return new


def add_companion(connection: Connection, table_id: int, field: Field) -> None:
    """Make room for the texts of a field that keeps them, unless there is some. Raises `TableFull`."""
    types, name = connection.column_types(table_name(table_id)), companion_name(field)
    if name and name not in types:
        _add(connection, table_id, types, name, str)


def columns_limit(connection: Connection) -> int:
    return connection.dialect.limits.columns


def _add(connection: Connection, table_id: int, types: Collection[str], name: str, stored: type) -> None:
    if len(types) >= (limit := columns_limit(connection)):
        raise TableFull(limit)
    new = connection.dialect.column_sql(name, stored)
    connection.search_index.make_way(table_id)
    connection.execute(Sql(f"ALTER TABLE {table_name(table_id)} ADD COLUMN {new}"))


class Converter:
    """Converts the rows of one column in the order of their ids. `target` keeps texts from the first cell on whose
    value would not print back: all cells before it are as they were in any case.
    """

    def __init__(self, connection: Connection, table_id: int, source: Field, target: Field):
        self._connection, self._table_id = connection, table_id
        self._source = source
        self.aim_at(target)

    def aim_at(self, target: Field) -> None:
        self.target = target
        self._read = cell_parser(target)

    def convert(self, after: int, limit: int) -> Converted | None:
        """The next `limit` rows behind the row `after`; None if there are no more. Raises `TableFull`."""
        row_id = self._connection.dialect.row_id
        chosen = f"{self._chosen()} WHERE {row_id} > ? ORDER BY {row_id} LIMIT ?"
        with closing(self._connection.iterate(Sql(chosen, (after, limit)), min(limit, _BATCH))) as found:
            rows = next(batches(chain.from_iterable(found), limit), [])
        if not rows:
            return None
        self._write_rows(rows)
        return Converted(rows[-1][0], len(rows), self.target)

    def convert_rows(self, ids: Collection[int]) -> None:
        """These rows, once more: they have changed since. Those that are gone are left out."""
        dialect = self._connection.dialect
        where = dialect.is_one_of(dialect.row_id, sorted(ids))
        found = self._connection.execute(Sql(f"{self._chosen()} WHERE {where.text}", where.values))
        for start in range(0, len(found), _BATCH):
            self._write_rows(found[start : start + _BATCH])

    def _chosen(self) -> str:
        dialect = self._connection.dialect
        return f"SELECT {dialect.row_id}, {dialect.print_exact(self._source)} FROM {table_name(self._table_id)}"

    def _write_rows(self, rows: Sequence[tuple[int, str]]) -> None:
        ids, texts = zip(*rows, strict=True)
        try:
            values = self._read(texts)
        except ValueError:
            self.aim_at(replace(self.target, keeps_texts=True))
            add_companion(self._connection, self._table_id, self.target)
            values = self._read(texts)
        cells = [(*cell, row) for cell, row in zip(values, ids, strict=True)]
        self._connection.change_cells(self._table_id, self.target, cells)


Cells = Sequence[tuple[Any, ...]]


def cell_parser(field: Field) -> Callable[[Sequence[str]], Cells]:
    """What makes the parameters that store a cell of texts as they are stored: its value, and where texts are kept the
    text. Raises ValueError for a text that has to be kept.
    """
    if companion_name(field) is None:
        return _parse_all(field)
    read = ColumnReader(reader(field))
    return lambda texts: list(zip(read(texts), texts, strict=True))


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


def empty_cells(connection: Connection, table_id: int, storage: int, after: int, limit: int) -> int | None:
    """Remove what the next rows have in a stored column, and in its companion; return the last of these rows, None if
    there are no more.
    """
    table, row_id = table_name(table_id), connection.dialect.row_id
    names = connection.column_types(table).keys() & {f"c{int(storage)}", f"c{int(storage)}t"}
    connection.execute(Sql(f"DROP INDEX IF EXISTS {index_prefix(table_id)}{int(storage)}"))
    next_ids = f"SELECT {row_id} AS id FROM {table} WHERE {row_id} > ? ORDER BY 1 LIMIT ?"
    ((last,),) = connection.execute(Sql(f"SELECT max(id) FROM ({next_ids}) AS next_ids", (after, limit)))
    if last is None or not names:
        return None
    empty, filled = ", ".join(f"{name} = NULL" for name in names), " OR ".join(f"{name} IS NOT NULL" for name in names)
    where = f"{row_id} > ? AND {row_id} <= ? AND ({filled})"
    connection.change(Sql(f"UPDATE {table} SET {empty} WHERE {where}", (after, last)))
    return int(last)
