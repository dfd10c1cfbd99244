"""Writing rows: plain functions on the connection of a unit of work, in the writer's thread."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from itertools import chain, compress, groupby
from typing import Any

from webapp.rowstore.entries import Entry
from webapp.rowstore.nul_escape import encode, is_storable
from webapp.rowstore.sql import converting, drafts
from webapp.rowstore.sql.entry_writer import EntryWriter
from webapp.rowstore.sql.inserting import stored_values
from webapp.rowstore.sql.reader import SqlRowReader
from webapp.rowstore.sql.schema import index_name, index_prefix, stored_columns, table_name
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.sql.storing import insert_sql, update_sql
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import AppliedEntries, ApplyResult, CellChange, Converted, EditConflict, Limits, StoredRow
from webapp.rowstore.writer import RowWriter


class SqlRowWriter(SqlRowReader, RowWriter):
    @property
    def limits(self) -> Limits:  # type: ignore[override]  # which is read only
        return self.connection.dialect.limits

    def create(self, table: TableRef, draft: str = "") -> int:
        if draft and (rows := drafts.adopt(self.connection, table.id, draft)) is not None:
            return rows
        self.connection.execute(Sql(self.connection.dialect.create_sql(table)))
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
        return converting.Converter(self.connection, table.id, source, target).convert(after, limit)

    def convert_rows(self, table: TableRef, source: Field, target: Field, ids: Collection[int]) -> Field:
        table.ensure_whole()
        converter = converting.Converter(self.connection, table.id, source, target)
        converter.convert_rows(ids)
        return converter.target

    def drop_sort_index(self, table_id: int, field: Field) -> None:
        self.connection.execute(Sql(f"DROP INDEX IF EXISTS {index_name(table_id, field)}"))

    def empty_column(self, table_id: int, storage: int, after: int, limit: int) -> int | None:
        return converting.empty_cells(self.connection, table_id, storage, after, limit)

    def drop(self, table_id: int) -> None:
        self.drop_search_index(table_id)
        self.connection.execute(Sql(f"DROP TABLE IF EXISTS {table_name(table_id)}"))

    def clear(self, table_id: int, limit: int) -> bool:
        table, row = table_name(table_id), self.connection.dialect.row_id
        if not self.connection.existing_names([table]):
            return False
        self.drop_search_index(table_id)
        for number in self.connection.indexed_columns(table_id):
            self.connection.execute(Sql(f"DROP INDEX {index_prefix(table_id)}{number}"))
        last = f"SELECT max({row}) FROM (SELECT {row} FROM {table} ORDER BY 1 LIMIT ?) AS next_rows"
        return self.connection.change(Sql(f"DELETE FROM {table} WHERE {row} <= ({last})", (limit,))) > 0

    def forget_deleted(self, table_id: int, *, begins: bool) -> bool:
        return self.connection.search_index.merge(table_id, begins=begins)

    def drop_search_index(self, table_id: int) -> None:
        self.connection.search_index.drop(table_id)

    def drop_unfinished_search_index(self, table_id: int) -> None:
        self.connection.search_index.drop_unfinished(table_id)

    def follow_columns(self, table_id: int) -> bool:
        return self.connection.search_index.follow_columns(table_id)

    def apply(self, table: TableRef, changes: Sequence[CellChange]) -> ApplyResult:
        table.ensure_shown([change.field for change in changes])
        values = [stored_values(change.field, change.after) for change in changes]
        ids = list(dict.fromkeys(change.row_id for change in changes))
        there = self._in_scope(table, ids)  # before: a change may take its row out of the scope
        with self.connection.search_index.upkeep(table, ids):
            is_made = self._swap_all(table, changes, values, there)
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
        return EntryWriter(self.connection, table, keep_texts).apply(entries)

    def insert(self, table: TableRef, rows: Sequence[StoredRow]) -> None:
        values = [(row.id, *chain.from_iterable(map(stored_values, table.stored, row.cells))) for row in rows]
        with self.connection.search_index.upkeep(table, [row.id for row in rows]):
            self.connection.change_all(insert_sql(self.connection.dialect, table), values)

    def drop_column(self, table_id: int, field: Field) -> None:
        table = table_name(table_id)
        self.connection.search_index.make_way(table_id)
        self.connection.execute(Sql(f"DROP INDEX IF EXISTS {index_name(table_id, field)}"))
        existing = self.connection.column_types(table)
        for name in stored_columns([field]):
            if name in existing:
                self.connection.execute(Sql(f"ALTER TABLE {table} DROP COLUMN {name}"))

    def delete(self, table: TableRef, ids: Sequence[int]) -> list[StoredRow]:
        deleted = [StoredRow(row_id, cells) for row_id, cells in sorted(self._cells(table, ids, table.stored).items())]
        statement = f"DELETE FROM {table_name(table.id)} WHERE {self.connection.dialect.row_id} = ?"
        with self.connection.search_index.upkeep(table, [row.id for row in deleted]):
            self.connection.change_all(statement, [(row.id,) for row in deleted])
        return deleted

    def restore(self, table: TableRef, rows: Sequence[StoredRow]) -> list[int]:
        table.ensure_whole()
        taken = set(self.cells(table, [row.id for row in rows], ()))
        self.insert(table, [row for row in rows if row.id not in taken])
        return sorted(taken)

    def _in_scope(self, table: TableRef, ids: Sequence[int]) -> Collection[int]:
        return ids if table.scope is None else self._cells(table, ids, ())

    def _swap_all(
        self,
        table: TableRef,
        changes: Sequence[CellChange],
        values: Sequence[tuple[Any, ...]],
        there: Collection[int],
    ) -> list[bool]:
        """Make each change if its cell still holds the text that was seen; return which were made. Those of a column
        that follow each other are sent together.
        """
        made: list[bool] = []
        for field, run in groupby(zip(changes, values, strict=True), key=lambda each: each[0].field):
            some = list(run)
            # No cell holds a text that cannot be stored.
            tried = [change.row_id in there and is_storable(change.before) for change, _ in some]
            statement = update_sql(self.connection.dialect, table.id, field, with_text=True)
            rows = ((*value, change.row_id, encode(change.before)) for change, value in compress(some, tried))
            counts = iter(self.connection.change_each(statement, list(rows)))
            made += [is_tried and next(counts) == 1 for is_tried in tried]
        return made

    def _conflict(self, table: TableRef, change: CellChange) -> EditConflict:
        cells = self._cells(replace(table, scope=None), [change.row_id], [change.field])
        return EditConflict(change, cells[change.row_id][0] if cells else None)
