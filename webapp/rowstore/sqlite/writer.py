"""Writing rows: plain functions on the connection of a unit of work, in the writer's thread."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from itertools import chain, compress
from typing import Any

from webapp.rowstore.entries import Entry
from webapp.rowstore.nul_escape import encode, is_storable
from webapp.rowstore.sql import drafts
from webapp.rowstore.sql.inserting import insert_sql, stored_values, value_and_text
from webapp.rowstore.sql.schema import column_name, companion_name, index_name, index_prefix, stored_columns, table_name
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.sqlite import converting, search_index
from webapp.rowstore.sqlite.dialect import DIALECT
from webapp.rowstore.sqlite.entry_writer import EntryWriter
from webapp.rowstore.sqlite.reader import SqliteRowReader
from webapp.rowstore.sqlite.schema import (
    LIMITS,
    ROW_ID,
    create_sql,
    drop_search_sql,
    drop_sql,
    drop_unfinished_search_sql,
)
from webapp.rowstore.sqlite.search_index import upkeep
from webapp.rowstore.sqlite.transaction import readable_errors
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import AppliedEntries, ApplyResult, CellChange, Converted, EditConflict, StoredRow
from webapp.rowstore.writer import RowWriter


class SqliteRowWriter(SqliteRowReader, RowWriter):
    limits = LIMITS

    def create(self, table: TableRef, draft: str = "") -> int:
        if draft and (rows := drafts.adopt(self.connection, table.id, draft)) is not None:
            return rows
        self.connection.execute(Sql(create_sql(table)))
        return 0

    def discard_draft(self, draft: str) -> None:
        drafts.discard(self.connection, draft)

    def clear_discarded(self, limit: int) -> bool:
        return drafts.clear_discarded(self.connection, limit)

    def keep_texts(self, table_id: int, field: Field) -> Field:
        kept = replace(field, keeps_texts=True)
        converting.add_companion(self.connection, table_id, kept)
        return kept

    def add_column(self, table: TableRef, field: Field, spare: Collection[int] = ()) -> Field:
        table.ensure_whole()
        return converting.add_column(self.connection, table, field, spare)

    def convert(self, table: TableRef, source: Field, target: Field, after: int, limit: int) -> Converted | None:
        table.ensure_whole()
        with readable_errors():
            return converting.Converter(self.connection.driver, self.connection, table.id, source, target).convert(
                after, limit
            )

    def convert_rows(self, table: TableRef, source: Field, target: Field, ids: Collection[int]) -> Field:
        table.ensure_whole()
        with readable_errors():
            converter = converting.Converter(self.connection.driver, self.connection, table.id, source, target)
            converter.convert_rows(ids)
        return converter.target

    def drop_sort_index(self, table_id: int, field: Field) -> None:
        self.connection.execute(Sql(f"DROP INDEX IF EXISTS {index_name(table_id, field)}"))

    def empty_column(self, table_id: int, storage: int, after: int, limit: int) -> int | None:
        return converting.empty_cells(self.connection, table_id, storage, after, limit)

    def drop(self, table_id: int) -> None:
        for statement in drop_sql(table_id):
            self.connection.execute(Sql(statement))

    def clear(self, table_id: int, limit: int) -> bool:
        table = table_name(table_id)
        if not self.connection.existing_names([table]):
            return False
        self.drop_search_index(table_id)
        for number in self.connection.indexed_columns(table_id):
            self.connection.execute(Sql(f"DROP INDEX {index_prefix(table_id)}{number}"))
        next_ids = f"SELECT {ROW_ID} FROM {table} ORDER BY 1 LIMIT ?"
        statement = f"DELETE FROM {table} WHERE {ROW_ID} <= (SELECT max({ROW_ID}) FROM ({next_ids}))"
        with readable_errors():
            return self.connection.driver.execute(statement, (limit,)).rowcount > 0

    def forget_deleted(self, table_id: int, *, begins: bool) -> bool:
        return search_index.merge(self.connection.driver, table_id, begins=begins)

    def drop_search_index(self, table_id: int) -> None:
        for statement in drop_search_sql(table_id):
            self.connection.execute(Sql(statement))

    def drop_unfinished_search_index(self, table_id: int) -> None:
        for statement in drop_unfinished_search_sql(table_id):
            self.connection.execute(Sql(statement))

    def apply(self, table: TableRef, changes: Sequence[CellChange]) -> ApplyResult:
        table.ensure_shown([change.field for change in changes])
        values = [stored_values(change.field, change.after) for change in changes]
        ids = list(dict.fromkeys(change.row_id for change in changes))
        there = self._in_scope(table, ids)  # before: a change may take its row out of the scope
        with upkeep(self.connection.driver, table, ids):
            is_made = [
                change.row_id in there and self._swap(table, change, value)
                for change, value in zip(changes, values, strict=True)
            ]
        conflicts = [
            self._conflict(table, change) if change.row_id in there else EditConflict(change, None)
            for change, made in zip(changes, is_made, strict=True)
            if not made
        ]
        return ApplyResult(list(compress(changes, is_made)), conflicts)

    def apply_entries(
        self, table: TableRef, entries: Sequence[Entry], keep_texts: Callable[[Field], Field]
    ) -> AppliedEntries:
        table.ensure_whole()
        return EntryWriter(self.connection.driver, self.connection, table, keep_texts).apply(entries)

    def insert(self, table: TableRef, rows: Sequence[StoredRow]) -> None:
        values = [(row.id, *chain.from_iterable(map(stored_values, table.stored, row.cells))) for row in rows]
        with readable_errors(), upkeep(self.connection.driver, table, [row.id for row in rows]):
            self.connection.driver.executemany(insert_sql(DIALECT, table), values)

    def drop_column(self, table_id: int, field: Field) -> None:
        table = table_name(table_id)
        self.connection.execute(Sql(f"DROP INDEX IF EXISTS {index_name(table_id, field)}"))
        existing = {row[0] for row in self.connection.execute(Sql("SELECT name FROM pragma_table_info(?)", (table,)))}
        for name in stored_columns([field]):
            if name in existing:
                self.connection.execute(Sql(f"ALTER TABLE {table} DROP COLUMN {name}"))

    def delete(self, table: TableRef, ids: Sequence[int]) -> list[StoredRow]:
        deleted = [StoredRow(row_id, cells) for row_id, cells in sorted(self._cells(table, ids, table.stored).items())]
        statement = f"DELETE FROM {table_name(table.id)} WHERE {ROW_ID} = ?"
        with readable_errors(), upkeep(self.connection.driver, table, [row.id for row in deleted]):
            self.connection.driver.executemany(statement, [(row.id,) for row in deleted])
        return deleted

    def restore(self, table: TableRef, rows: Sequence[StoredRow]) -> list[int]:
        table.ensure_whole()
        taken = set(self.cells(table, [row.id for row in rows], ()))
        self.insert(table, [row for row in rows if row.id not in taken])
        return sorted(taken)

    def _in_scope(self, table: TableRef, ids: Sequence[int]) -> Collection[int]:
        return ids if table.scope is None else self._cells(table, ids, ())

    def _swap(self, table: TableRef, change: CellChange, values: tuple[Any, ...]) -> bool:
        """Make the change if the cell still holds the text that was seen: the value together with its text, since a
        text that stayed behind would hide the value.
        """
        field, companion = change.field, companion_name(change.field)
        if companion:
            value, text = value_and_text(DIALECT, field, "?1", "?2")
            new = f"{column_name(field)} = {value}, {companion} = {text}"
        else:
            new = f"{column_name(field)} = ?1"
        seen = f"{ROW_ID} = ?{len(values) + 1} AND {DIALECT.print_exact(field)} = ?{len(values) + 2}"
        statement = f"UPDATE {table_name(table.id)} SET {new} WHERE {seen}"
        if not is_storable(change.before):
            return False  # no cell holds it
        with readable_errors():
            changed = self.connection.driver.execute(statement, (*values, change.row_id, encode(change.before)))
        return changed.rowcount == 1

    def _conflict(self, table: TableRef, change: CellChange) -> EditConflict:
        cells = self._cells(replace(table, scope=None), [change.row_id], [change.field])
        return EditConflict(change, cells[change.row_id][0] if cells else None)
