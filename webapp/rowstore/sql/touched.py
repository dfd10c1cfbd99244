"""What others have changed since a place in the change log, read from it as it grows.

A large change has one number in the log, while its cells are changed one part after the other. Whoever changes a cell
in between has a later number: changing it for the earlier one afterwards would make a log that cannot be replayed, even
if the cell holds again what the plan expects. Such cells and rows are left alone.
"""

from collections.abc import Iterable

from webapp.rowstore.entries import Entry, unpack
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.statement import Sql

_BLOBS = "SELECT blob FROM change_sets WHERE table_id = ? AND seq > ? AND blob IS NOT NULL"
_CHANGES = 'SELECT row_id, "column" FROM changes WHERE table_id = ? AND seq > ? AND row_id IS NOT NULL'


class Touched:
    """`seq` is the last set that has been read."""

    def __init__(self, table_id: int, seq: int) -> None:
        self._table_id, self.seq = table_id, seq
        self._rows: set[int] = set()  # that came or went
        self._cells: set[tuple[int, int]] = set()
        self._rows_of_cells: set[int] = set()

    def read_to(self, connection: Connection, seq: int) -> None:
        """Take in the sets up to `seq`, which is the table's latest."""
        if seq <= self.seq:
            return
        given = self._table_id, self.seq
        for row_id, column in connection.execute(Sql(_CHANGES, given)):
            self._add(row_id, column)
        for (blob,) in connection.execute(Sql(_BLOBS, given)):
            self._add_all(unpack(blob))
        self.seq = seq

    def __contains__(self, entry: Entry) -> bool:
        row_id, column = entry.place
        if row_id in self._rows:
            return True
        return row_id in self._rows_of_cells if column == 0 else (row_id, column) in self._cells

    def _add_all(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if entry.row_id is not None:
                self._add(entry.row_id, entry.column)

    def _add(self, row_id: int, column: int | None) -> None:
        if column is None:
            self._rows.add(row_id)
        else:
            self._cells.add((row_id, column))
            self._rows_of_cells.add(row_id)
