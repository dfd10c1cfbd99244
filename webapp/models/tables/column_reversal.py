"""Taking back what was done to columns: each entry where the column still is as the entry left it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, insert, select

from webapp.db.errors import UserError
from webapp.models.base import utc_now
from webapp.models.tables.change_set import Change, Entry
from webapp.models.tables.column_properties import (
    properties_from,
    properties_of,
    type_properties,
)
from webapp.models.tables.column_sheet import ColumnSheet
from webapp.models.tables.large_change import ensure_none_running
from webapp.models.tables.log_since import changed_rows, is_complete_since, texts_then
from webapp.models.tables.table import Column
from webapp.models.tables.type_change import KEPT, SpareColumn, TypeChangeRunning
from webapp.models.tables.type_changing import AT_ONCE, BATCH, UNEQUAL, find_running, set_type
from webapp.rowstore.table_ref import Field
from webapp.rowstore.values import Comparison
from webapp.types.base import null_of

MAX_CAUGHT_UP = 50_000  # rows that are converted again in one transaction


class TypeNotUndoable(UserError):
    """What the column was before is no longer there."""


@dataclass
class ColumnReversal:
    """`of`: the set that is taken back."""

    columns: ColumnSheet
    of: int

    def make(self, entry: Entry) -> bool:
        """False if somebody has changed the column since. What was made is among the sheet's entries; nothing, if the
        column is already as it was to become. Raises `UserError`.
        """
        number = entry.column or 0
        before, after = properties_from(entry.before), properties_from(entry.after)
        if before is None:
            return after is None or self.columns.restore(number, str(after["title"]), int(after["behind"]))
        if number not in self.columns.columns:
            return after is None
        if after is None:
            return self._delete(number, before)
        return self._change(number, before, after)

    def _delete(self, number: int, before: Mapping[str, Any]) -> bool:
        """Not if somebody has changed its properties, or written into it."""
        column = self.columns.find(number)
        current = properties_of(column, 0)
        is_same = all(current[name] == before[name] for name in ("title", "type", "format", "rules"))
        if not is_same or self._is_written_into(column):
            return False
        self.columns.delete(number)
        return True

    def _is_written_into(self, column: Column) -> bool:
        """Whether it has texts that it did not have when it came."""
        columns, field = self.columns, Field.of(column)
        empty = ("", field.empty_text)
        for then in texts_then(columns.connection, columns.table.id, column.number, self.of):
            now = columns.rows.cells(columns.ref, list(then), [field])
            if any(text not in empty and text != then[row_id] for row_id, (text,) in now.items()):
                return True
        return False

    def _change(self, number: int, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        if "storage" in after:
            return self._change_type(number, before, after)
        if "behind" in after:
            return self._move(number, int(before["behind"]), int(after["behind"]))
        current = properties_of(self.columns.find(number), 0)
        if any(current[name] not in (before[name], after[name]) for name in after):
            return False
        title = after.get("title")
        others = {other.casefold() for other in self.columns.titles(without=number)}
        if title is not None and title.casefold() in others:
            return False
        self.columns.change(number, after)
        return True

    def _move(self, number: int, before: int, after: int) -> bool:
        """A column that came in between is no reason to leave it where it is."""
        if self.columns.behind(number) != before and self._was_moved_since(number):
            return False
        self.columns.move_behind(number, after)
        return True

    def _was_moved_since(self, number: int) -> bool:
        where = {"table_id": self.columns.table.id, "number": number, "seq": self.of}
        later = self.columns.connection.execute(_LATER, where)
        sides = ((properties_from(before), properties_from(after)) for before, after in later)
        return any(before and after and "behind" in after for before, after in sides)

    def _change_type(self, number: int, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        columns, column = self.columns, self.columns.find(number)
        if find_running(columns.connection, columns.table.id, number) is not None:
            raise TypeChangeRunning(column.title)
        ensure_none_running(columns.connection, columns.table.id)
        if (column.type, column.format) == (after["type"], after["format"]):
            return True
        if (column.type, column.format) != (before["type"], before["format"]):
            return False
        source = Field.of(column)
        target = self._take_stored(source, after) or self._convert(source, after)
        self._exchange(column, source, target)
        return True

    def _take_stored(self, source: Field, after: Mapping[str, Any]) -> Field | None:
        """The stored column from before, with what has changed since; None if it is gone, or too much has."""
        columns, connection, table_id = self.columns, self.columns.connection, self.columns.table.id
        where = {"table_id": table_id, "storage": after["storage"], "seq": self.of}
        if connection.scalar(_SPARE, where) is None or not is_complete_since(connection, table_id, self.of):
            return None
        changed = changed_rows(connection, table_id, source.number, self.of)
        if len(changed) > MAX_CAUGHT_UP:
            return None
        kept = bool(after["keeps_texts"])
        target = Field(source.number, source.title, after["type"], after["format"], kept, after["storage"])
        columns.take_spare(target.storage)
        return columns.rows.convert_rows(columns.ref, source, target, changed)

    def _convert(self, source: Field, after: Mapping[str, Any]) -> Field:
        """All rows once more. Raises `TypeNotUndoable` where that takes long."""
        columns = self.columns
        if columns.table.row_count > AT_ONCE:
            raise TypeNotUndoable(
                f"What “{source.title}” was before its change of type is no longer stored, and the table is large."
                " Change the type on the column's page instead; no text changes by that."
            )
        target, last = columns.add_stored(Field(source.number, source.title, after["type"], after["format"])), 0
        while (batch := columns.rows.convert(columns.ref, source, target, last, BATCH)) is not None:
            target, last = batch.target, batch.last_row
        return target

    def _exchange(self, column: Column, source: Field, target: Field) -> None:
        columns, before = self.columns, type_properties(column)
        compared = self._compare(source, target)
        columns.set(source.number, **set_type(column, target, compared))
        columns.drop_index_of(source)
        columns.follow_stored()
        spare = {"table_id": columns.table.id, "storage": source.storage, "kept_until": utc_now() + KEPT}
        columns.connection.execute(insert(SpareColumn), spare | {"seq": columns.next_seq})
        columns.note(source.number, before, type_properties(columns.find(source.number)))
        if null_of(source.format) != null_of(target.format):
            columns.forget_search()

    def _compare(self, source: Field, target: Field) -> Comparison | None:
        """Of a table that is not large; None of others."""
        columns = self.columns
        if columns.table.row_count > AT_ONCE:
            return None
        compared = columns.rows.compare(columns.ref, source, target, 0, columns.table.next_row_id)
        if compared.differing:
            raise TypeNotUndoable(UNEQUAL)
        return compared


_LATER = select(Change.before, Change.after).where(
    Change.table_id == bindparam("table_id"),
    Change.seq > bindparam("seq"),
    Change.row_id.is_(None),
    Change.column == bindparam("number"),
)
_SPARE = select(SpareColumn.id).where(
    SpareColumn.table_id == bindparam("table_id"),
    SpareColumn.storage == bindparam("storage"),
    SpareColumn.seq == bindparam("seq"),
    SpareColumn.last_row == 0,
    SpareColumn.is_empty.is_(False),
)
