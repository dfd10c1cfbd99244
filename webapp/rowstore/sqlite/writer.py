"""Writing rows: plain functions on the connection of a unit of work, in the writer's thread."""

from collections.abc import Sequence
from itertools import compress
from typing import Any

from webapp.rowstore.errors import CellValueError
from webapp.rowstore.nul_escape import encode
from webapp.rowstore.sqlite.printing import print_exact
from webapp.rowstore.sqlite.schema import (
    ROW_ID,
    column_name,
    create_sql,
    drop_sql,
    drop_unfinished_search_sql,
    table_name,
)
from webapp.rowstore.sqlite.search_index import upkeep
from webapp.rowstore.sqlite.statement import Sql
from webapp.rowstore.sqlite.store import SqliteRowReader
from webapp.rowstore.sqlite.transaction import readable_errors
from webapp.rowstore.store import ApplyResult, CellChange, EditConflict, RowWriter, StoredRow
from webapp.rowstore.table_ref import Field, TableRef


class SqliteRowWriter(SqliteRowReader, RowWriter):
    def create(self, table: TableRef) -> None:
        self.execute(Sql(create_sql(table)))

    def drop(self, table_id: int) -> None:
        for statement in drop_sql(table_id):
            self.execute(Sql(statement))

    def drop_unfinished_search_index(self, table_id: int) -> None:
        for statement in drop_unfinished_search_sql(table_id):
            self.execute(Sql(statement))

    def apply(self, table: TableRef, changes: Sequence[CellChange]) -> ApplyResult:
        values = [_parse(change.field, change.after) for change in changes]
        with upkeep(self._connection, table, list(dict.fromkeys(change.row_id for change in changes))):
            is_made = [self._swap(table, change, value) for change, value in zip(changes, values, strict=True)]
        conflicts = [self._conflict(table, change) for change, made in zip(changes, is_made, strict=True) if not made]
        return ApplyResult(list(compress(changes, is_made)), conflicts)

    def insert(self, table: TableRef, rows: Sequence[StoredRow]) -> None:
        names = [ROW_ID, *map(column_name, table.fields)]
        statement = f"INSERT INTO {table_name(table.id)} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        values = [(row.id, *map(_parse, table.fields, row.cells)) for row in rows]
        with readable_errors(), upkeep(self._connection, table, [row.id for row in rows]):
            self._connection.executemany(statement, values)

    def delete(self, table: TableRef, ids: Sequence[int]) -> list[StoredRow]:
        deleted = [StoredRow(row_id, cells) for row_id, cells in sorted(self.cells(table, ids, table.fields).items())]
        statement = f"DELETE FROM {table_name(table.id)} WHERE {ROW_ID} = ?"
        with readable_errors(), upkeep(self._connection, table, [row.id for row in deleted]):
            self._connection.executemany(statement, [(row.id,) for row in deleted])
        return deleted

    def restore(self, table: TableRef, rows: Sequence[StoredRow]) -> list[int]:
        taken = set(self.cells(table, [row.id for row in rows], ()))
        self.insert(table, [row for row in rows if row.id not in taken])
        return sorted(taken)

    def _swap(self, table: TableRef, change: CellChange, value: Any) -> bool:
        """Make the change if the cell still holds the text that was seen."""
        statement = (
            f"UPDATE {table_name(table.id)} SET {column_name(change.field)} = ?"
            f" WHERE {ROW_ID} = ? AND {print_exact(change.field)} = ?"
        )
        with readable_errors():
            changed = self._connection.execute(statement, (value, change.row_id, encode(change.before)))
        return changed.rowcount == 1

    def _conflict(self, table: TableRef, change: CellChange) -> EditConflict:
        cells = self.cells(table, [change.row_id], [change.field])
        return EditConflict(change, cells[change.row_id][0] if cells else None)


def _parse(field: Field, text: str) -> Any:
    """The value to store. Raises `CellValueError`."""
    try:
        value = field.kind.parse(text, field.format)
    except ValueError as error:
        raise CellValueError(field.title, str(error)) from error
    return encode(value) if isinstance(value, str) else value
