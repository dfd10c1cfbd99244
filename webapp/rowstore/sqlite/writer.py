"""Writing rows: plain functions on the connection of a unit of work, in the writer's thread."""

from collections.abc import Iterable, Sequence
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
from webapp.rowstore.store import Applied, CellChange, Refused, RowWriter, StoredRow
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

    def apply(self, table: TableRef, changes: Sequence[CellChange]) -> Applied:
        values = [_stored(change.field, change.after) for change in changes]
        with upkeep(self._connection, table, list(dict.fromkeys(change.row_id for change in changes))):
            is_done = [self._swap(table, change, value) for change, value in zip(changes, values, strict=True)]
        done = [change for change, fits in zip(changes, is_done, strict=True) if fits]
        refused = [self._refused(table, change) for change, fits in zip(changes, is_done, strict=True) if not fits]
        return Applied(done, refused)

    def insert(self, table: TableRef, rows: Sequence[StoredRow]) -> None:
        names = [ROW_ID, *map(column_name, table.fields)]
        statement = f"INSERT INTO {table_name(table.id)} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        values = [(row.id, *_stored_row(table, row)) for row in rows]
        with readable_errors(), upkeep(self._connection, table, [row.id for row in rows]):
            self._connection.executemany(statement, values)

    def delete(self, table: TableRef, ids: Sequence[int]) -> list[StoredRow]:
        deleted = self._rows(table, ids)
        statement = f"DELETE FROM {table_name(table.id)} WHERE {ROW_ID} = ?"
        with readable_errors(), upkeep(self._connection, table, [row.id for row in deleted]):
            self._connection.executemany(statement, [(row.id,) for row in deleted])
        return deleted

    def restore(self, table: TableRef, rows: Sequence[StoredRow]) -> list[int]:
        taken = self._existing_ids(table, [row.id for row in rows])
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

    def _refused(self, table: TableRef, change: CellChange) -> Refused:
        now = self.cells(table, [change.row_id], [change.field])
        return Refused(change, now[change.row_id][0] if now else None)

    def _rows(self, table: TableRef, ids: Sequence[int]) -> list[StoredRow]:
        return [StoredRow(row_id, cells) for row_id, cells in sorted(self.cells(table, ids, table.fields).items())]

    def _existing_ids(self, table: TableRef, ids: Sequence[int]) -> set[int]:
        return set(self.cells(table, ids, ()))


def _stored_row(table: TableRef, row: StoredRow) -> Iterable[Any]:
    return map(_stored, table.fields, row.cells)


def _stored(field: Field, text: str) -> Any:
    """The value to store. Raises `CellValueError`."""
    try:
        value = field.kind.parse(text, field.format)
    except ValueError as error:
        raise CellValueError(field.title, str(error)) from error
    return encode(value) if isinstance(value, str) else value
