"""The columns of a table while one transaction changes them. Every change becomes an entry of the log.

A deleted column keeps its number, its place in the database and its cells; nothing else remembers it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from webapp.db.errors import UserError
from webapp.imports.report import chosen_reason
from webapp.models.base import utc_now
from webapp.models.errors import NotFound
from webapp.models.tables.change_set import Change, Entry
from webapp.models.tables.column_properties import (
    behind,
    column_entry,
    free_title,
    properties_from,
    properties_of,
    read_title,
)
from webapp.models.tables.search_indexing import INDEX_AGAIN, follow_columns
from webapp.models.tables.table import Column, SearchIndex, Table
from webapp.models.tables.type_change import SpareColumn, TypeChange, TypeChangeState
from webapp.rowstore import row_reader, row_writer
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.writer import RowWriter
from webapp.types import Choice


class LastColumn(UserError):
    def __init__(self) -> None:
        super().__init__("This is the only column of the table. Add another one first, or delete the table.")


@dataclass
class ColumnSheet:
    """`index_again`: the search index has been dropped, and is to be built again after the commit."""

    connection: Connection
    table: Table
    entries: list[Entry] = field(default_factory=list)
    index_again: bool = False

    def __post_init__(self) -> None:
        self.rows: RowWriter = row_writer(self.connection)
        self.columns: dict[int, Column] = {column.number: column for column in self.table.columns}
        self.order = list(self.columns)

    @property
    def ref(self) -> TableRef:
        return TableRef.of(self.table.id, (self.columns[number] for number in self.order))

    @property
    def next_seq(self) -> int:
        """Of the set that this transaction writes."""
        return self.table.seq + 1

    def find(self, number: int) -> Column:
        """Raises `NotFound`."""
        if number not in self.columns:
            raise NotFound("column")
        return self.columns[number]

    def titles(self, *, without: int | None = None) -> list[str]:
        return [column.title for number, column in self.columns.items() if number != without]

    def behind(self, number: int) -> int:
        return behind(number, self.order)

    def add(self, title: str, type: str, format: Mapping[str, Any], place: int) -> int:
        """A column of empty cells at `place`, from 0. Raises `TitleRefused`, and `UserError` if the table is full."""
        number = self._take_number()
        wanted = Field(number, read_title(title, self.titles()), type, dict(format))
        stored = self.add_stored(wanted)
        facts = {"reason": chosen_reason(Choice(type, dict(format))), "empty": self.table.row_count, "exceptions": 0}
        values = {"title": wanted.title, "type": type, "format": dict(format), "storage": stored.storage}
        identity = {"table_id": self.table.id, "number": number, "position": place}
        self.connection.execute(insert(Column), {**identity, **values, "facts": facts, "rules": {}})
        self._insert(number, place)
        self.note(number, None, properties_of(self.columns[number], self.behind(number)))
        self.forget_search()
        return number

    def delete(self, number: int) -> None:
        """Raises `NotFound` and `LastColumn`."""
        column = self.find(number)
        if len(self.order) == 1:
            raise LastColumn
        before = properties_of(column, self.behind(number))
        self.give_up_type_change(number)
        self.drop_index_of(Field.of(column))
        self.forget_search()
        self.set(number, deleted_at=utc_now())
        self.order.remove(number)
        del self.columns[number]
        self._arrange()
        self.note(number, before, None)

    def restore(self, number: int, title: str, behind: int) -> bool:
        """Bring a deleted column back, with its cells and the title it had then, since it may have come back under
        another one in between; False if it is not deleted, or gone for good.
        """
        deleted = self._read(number)
        if number in self.columns or deleted is None or deleted.is_dropped or deleted.is_purged:
            return False
        self.set(number, deleted_at=None, title=free_title(title, self.titles()))
        self._insert(number, self._place_behind(behind, deleted.position, self.order))
        self.forget_search()
        self.note(number, None, properties_of(self.columns[number], self.behind(number)))
        return True

    def move(self, number: int, place: int) -> None:
        """To `place`, from 0, among all."""
        before = self.behind(number)
        self.order.remove(number)
        self.order.insert(max(0, place), number)
        if self.behind(number) != before:
            self._arrange()
            self.note(number, {"behind": before}, {"behind": self.behind(number)})

    def move_behind(self, number: int, other: int) -> None:
        rest = [each for each in self.order if each != number]
        self.move(number, self._place_behind(other, self.find(number).position, rest))

    def change(self, number: int, properties: Mapping[str, Any]) -> None:
        """`title` and `rules`, as far as they are others."""
        current = properties_of(self.find(number), 0)
        changed = {name: value for name, value in properties.items() if current[name] != value}
        if changed:
            self.set(number, **changed)
            self.note(number, {name: current[name] for name in changed}, changed)

    def note(self, number: int, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> None:
        """In the log; several changes of one column are one entry."""
        self.entries.append(column_entry(number, before, after))

    def set(self, number: int, **values: Any) -> None:
        """In the database and here."""
        where = Column.table_id == self.table.id, Column.number == number
        self.connection.execute(update(Column).where(*where).values(**values))
        if number in self.columns and (column := self._read(number)) is not None:
            self.columns[number] = column
        self.connection.execute(_NEW_VERSION, {"key": self.table.id})

    def add_stored(self, wanted: Field) -> Field:
        """The field with its stored column: an empty one of earlier changes, if one fits. Raises `UserError`."""
        spares = list(self.connection.scalars(_EMPTY_SPARES, {"table_id": self.table.id}))
        added = self.rows.add_column(self.ref, wanted, spares)
        self.take_spare(added.storage)
        return added

    @staticmethod
    def free(connection: Connection, table_id: int) -> int:
        """How many columns the table has room for, at most: spare ones have a type already."""
        spares = connection.scalars(_EMPTY_SPARES, {"table_id": table_id}).all()
        return row_reader(connection).free_columns(table_id) + len(spares)

    def take_spare(self, storage: int) -> None:
        self.connection.execute(_TAKE_SPARE, {"key": self.table.id, "storage": storage})

    def give_up_type_change(self, number: int) -> None:
        """The change of the column's type that is running, if one is."""
        where = TypeChange.table_id == self.table.id, TypeChange.number == number
        running = (*where, TypeChange.state == TypeChangeState.RUNNING)
        ended = {"state": TypeChangeState.CANCELLED, "finished_at": utc_now()}
        given_up = update(TypeChange).where(*running).values(ended).returning(TypeChange.storage)
        for storage in list(self.connection.scalars(given_up)):
            spare = {"table_id": self.table.id, "storage": storage, "kept_until": utc_now()}
            self.connection.execute(insert(SpareColumn), spare)

    def forget_search(self) -> None:
        """Cells are found otherwise from now on; searches read the rows until the index is built again."""
        if self.table.search_index == SearchIndex.NONE:
            self.rows.drop_unfinished_search_index(self.table.id)  # a child may be at it, which was asked for before
            return
        self.rows.drop_search_index(self.table.id)
        self.connection.execute(INDEX_AGAIN, {"key": self.table.id})
        self.index_again = True

    def follow_stored(self) -> None:
        """Cells are stored otherwise from now on."""
        self.index_again |= follow_columns(self.connection, self.table.id)

    def drop_index_of(self, stored: Field) -> None:
        """The index for sorting by it: there may only be some, and nobody sorts by this any more."""
        self.rows.drop_sort_index(self.table.id, stored)

    def _take_number(self) -> int:
        """Never used before, not even by a column whose record is gone."""
        highest = self.connection.scalar(_HIGHEST_NUMBER, {"table_id": self.table.id}) or 0
        number = max(self.table.next_column, highest + 1)
        self.connection.execute(_SET_NEXT, {"key": self.table.id, "next": number + 1})
        return number

    def _insert(self, number: int, place: int) -> None:
        if (column := self._read(number)) is None:
            raise NotFound("column")
        self.columns[number] = column
        self.order.insert(min(max(0, place), len(self.order)), number)
        self._arrange()

    def _place_behind(self, other: int, position: int, order: Sequence[int]) -> int:
        """Where that column is gone, behind the one that it was behind; or if the log does not say, at `position`."""
        passed = set[int]()
        while other and other not in order:
            passed.add(other)
            before = self._before_deletion(other)
            if before is None or (other := int(before["behind"])) in passed:
                return position
        return order.index(other) + 1 if other else 0

    def _before_deletion(self, number: int) -> dict[str, Any] | None:
        """The properties that a deleted column had, by this transaction or by the log."""
        here = (entry.before for entry in reversed(self.entries) if entry.column == number and entry.after is None)
        given = {"table_id": self.table.id, "number": number}
        return properties_from(next(here, None) or self.connection.scalar(_DELETION, given))

    def _arrange(self) -> None:
        """Write the places of columns that have another one now."""
        moved = [
            {"key": self.table.id, "of": number, "place": place}
            for place, number in enumerate(self.order)
            if self.columns[number].position != place
        ]
        if moved:
            self.connection.execute(_PLACE, moved)
            self.columns = _read_columns(self.connection, self.table.id, self.order)
        self.connection.execute(_NEW_VERSION, {"key": self.table.id})

    def _read(self, number: int) -> Column | None:
        return _read_columns(self.connection, self.table.id, [number]).get(number)


def _read_columns(connection: Connection, table_id: int, numbers: Sequence[int]) -> dict[int, Column]:
    """Deleted ones too, as plain records of their own, in this order."""
    names = [column.name for column in Column.__table__.columns]
    statement = select(*Column.__table__.columns).where(Column.table_id == table_id)
    if len(numbers) == 1:
        statement = statement.where(Column.number == numbers[0])
    found = {row.number: Column(**dict(zip(names, row, strict=True))) for row in connection.execute(statement)}
    return {number: found[number] for number in numbers if number in found}


_NEW_VERSION = update(Table).where(Table.id == bindparam("key")).values(version=Table.version + 1)
_SET_NEXT = update(Table).where(Table.id == bindparam("key")).values(next_column=bindparam("next"))
_HIGHEST_NUMBER = select(func.max(Column.number)).where(Column.table_id == bindparam("table_id"))
_PLACE = (
    update(Column)
    .where(Column.table_id == bindparam("key"), Column.number == bindparam("of"))
    .values(position=bindparam("place"))
)
_DELETION = (
    select(Change.before)
    .where(
        Change.table_id == bindparam("table_id"),
        Change.row_id.is_(None),
        Change.column == bindparam("number"),
        Change.after.is_(None),
    )
    .order_by(Change.seq.desc(), Change.number.desc())
    .limit(1)
)
_EMPTY_SPARES = select(SpareColumn.storage).where(SpareColumn.table_id == bindparam("table_id"), SpareColumn.is_empty)
_TAKE_SPARE = delete(SpareColumn).where(
    SpareColumn.table_id == bindparam("key"), SpareColumn.storage == bindparam("storage")
)
