"""Making the entries of a part of a large change: some hundreds of cells or rows with a few statements.

Each is made only if the table still holds what its entry says. That is found out by the statement that changes it; only
where not all of a column could be changed, the cells are read and compared one by one.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from webapp.rowstore.entries import Entry, cells_from_json
from webapp.rowstore.nul_escape import decode, encode, is_storable
from webapp.rowstore.sql.cells import print_cells
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.converting import Cells, cell_parser
from webapp.rowstore.sql.schema import table_name
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.sql.storing import insert_sql
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import AppliedEntries

KeepTexts = Callable[[Field], Field]
Parsers = dict[Field, Callable[[Sequence[str]], Cells]]


class EntryWriter:
    """Writes to one table while its columns are as they are. Texts that recur are parsed once."""

    def __init__(self, connection: Connection, table: TableRef, keep_texts: KeepTexts) -> None:
        self._connection, self._keep_texts = connection, keep_texts
        self._table_id = table.id
        self._kept = {field.number for field in table.kept}
        self._fields = {field.number: field for field in table.stored}
        self._parsers: Parsers = {}

    @property
    def table(self) -> TableRef:
        """As its columns are by now: some may have begun to keep texts."""
        fields = [field for number, field in self._fields.items() if number not in self._kept]
        return TableRef(self._table_id, tuple(fields), tuple(map(self._fields.__getitem__, self._kept)))

    def apply(self, entries: Sequence[Entry]) -> AppliedEntries:
        """`entries` are of cells and rows, in which none occurs twice."""
        cells, added, deleted = dict[int, list[Entry]](), list[Entry](), list[Entry]()
        for entry in entries:
            if entry.column is not None:
                cells.setdefault(entry.column, []).append(entry)
            else:
                (deleted if entry.after is None else added).append(entry)
        known = {number: some for number, some in cells.items() if number in self._fields}
        parsed = {number: self._parse(number, [entry.after or "" for entry in some]) for number, some in known.items()}
        new_rows = self._parse_rows(added)
        applied = AppliedEntries([], [entry for number in cells.keys() - known for entry in cells[number]], 0)
        ids = list(dict.fromkeys(entry.row_id for entry in entries if entry.row_id is not None))
        with self._connection.search_index.upkeep(self.table, ids):
            for number, some in known.items():
                _add(applied, self._change(self._fields[number], some, parsed[number]))
            net = self._insert(added, new_rows, applied) - self._delete(deleted, applied)
        return AppliedEntries(_in_order(entries, applied.done), _in_order(entries, applied.left), net)

    # -- cells ---------------------------------------------------------------------------------------------------------

    def _parse(self, number: int, texts: Sequence[str]) -> Cells:
        """What the column stores for these texts; it keeps them where it has no value for one."""
        stored = list(map(encode, texts))
        try:
            return self._parser(number)(stored)
        except ValueError:
            self._fields[number] = self._keep_texts(self._fields[number])
            return self._parser(number)(stored)

    def _parser(self, number: int) -> Callable[[Sequence[str]], Cells]:
        field = self._fields[number]
        if field not in self._parsers:
            self._parsers[field] = cell_parser(field)
        return self._parsers[field]

    def _change(self, field: Field, entries: list[Entry], values: Cells) -> AppliedEntries:
        befores = [encode(entry.before or "") for entry in entries]
        rows = [(*value, entry.row_id, before) for value, entry, before in zip(values, entries, befores, strict=True)]
        if all(map(is_storable, befores)):
            with self._connection.savepoint() as savepoint:
                if self._connection.change_cells(self._table_id, field, rows, with_text=True) == len(rows):
                    return AppliedEntries(entries, [], 0)
                savepoint.undo()
        return self._change_some(field, entries, values)

    def _change_some(self, field: Field, entries: list[Entry], values: Cells) -> AppliedEntries:
        ids = [entry.row_id or 0 for entry in entries]
        current = print_cells(self._connection, self._table_id, ids, [self._connection.dialect.print_exact(field)])
        done, left, rows = list[Entry](), list[Entry](), list[tuple[Any, ...]]()
        for entry, value in zip(entries, values, strict=True):
            now = current.get(entry.row_id or 0)
            text = None if now is None else decode(now[0])
            if text == (entry.before or ""):
                done.append(entry)
                rows.append((*value, entry.row_id))
            elif text != (entry.after or ""):
                left.append(entry)
        self._connection.change_cells(self._table_id, field, rows)
        return AppliedEntries(done, left, 0)

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _parse_rows(self, entries: list[Entry]) -> list[tuple[Any, ...]]:
        """The parameters of `insert_sql` for each of these rows."""
        if not entries:
            return []
        cells = [cells_from_json(entry.after or "{}") for entry in entries]
        columns = [
            self._parse(number, [row.get(number, field.empty_text) for row in cells])
            for number, field in list(self._fields.items())
        ]
        return [
            (entry.row_id, *(value for cell in row for value in cell))
            for entry, *row in zip(entries, *columns, strict=True)
        ]

    def _insert(self, entries: list[Entry], rows: list[tuple[Any, ...]], applied: AppliedEntries) -> int:
        """How many rows there are more."""
        if not entries:
            return 0
        taken = print_cells(self._connection, self._table_id, [entry.row_id or 0 for entry in entries], ())
        free = [row for row in rows if row[0] not in taken]
        table = TableRef(self._table_id, tuple(self._fields.values()))
        self._connection.change_all(insert_sql(self._connection.dialect, table), free)
        for entry in entries:
            (applied.left if entry.row_id in taken else applied.done).append(entry)
        return len(free)

    def _delete(self, entries: list[Entry], applied: AppliedEntries) -> int:
        """How many rows there are less: only those that are as they were, since what somebody wrote into one meanwhile
        would be lost.
        """
        if not entries:
            return 0
        fields = list(self._fields.items())
        ids = [entry.row_id or 0 for entry in entries]
        current = print_cells(
            self._connection, self._table_id, ids, [self._connection.dialect.print_exact(field) for _, field in fields]
        )
        gone = list[int]()
        for entry in entries:
            now, cells = current.get(entry.row_id or 0), cells_from_json(entry.before or "{}")
            if now is None:
                continue
            if list(map(decode, now)) == [cells.get(number, field.empty_text) for number, field in fields]:
                applied.done.append(entry)
                gone.append(entry.row_id or 0)
            else:
                applied.left.append(entry)
        where = self._connection.dialect.is_one_of(self._connection.dialect.row_id, gone)
        self._connection.change(Sql(f"DELETE FROM {table_name(self._table_id)} WHERE {where.text}", where.values))
        return len(gone)


def _add(applied: AppliedEntries, other: AppliedEntries) -> None:
    applied.done.extend(other.done)
    applied.left.extend(other.left)


def _in_order(entries: Sequence[Entry], some: Iterable[Entry]) -> list[Entry]:
    """Of `entries` these, in the order that they have there."""
    chosen = {(entry.row_id, entry.column) for entry in some}
    if len(chosen) == len(entries):
        return list(entries)
    return [entry for entry in entries if (entry.row_id, entry.column) in chosen]
