"""How far the rows of a file have come: committed with each batch, so that whoever continues begins right there."""

import sqlite3
from typing import Protocol

from webapp.rowstore.loader import ImportWithdrawn
from webapp.rowstore.sql.schema import draft_name, import_of_draft, table_name
from webapp.rowstore.sqlite.schema import ROW_ID, create_sql
from webapp.rowstore.sqlite.transaction import transaction
from webapp.rowstore.table_ref import TableRef

_ROWS_DONE = "SELECT rows_done FROM imports WHERE id = ? AND state = 'loading'"
_MOVE_CURSOR = "UPDATE imports SET rows_done = ? WHERE id = ? AND state = 'loading'"
_COUNT_ROWS = (
    "UPDATE tables SET row_count = row_count + ?, next_row_id = max(next_row_id, ?), version = version + 1 WHERE id = ?"
)
_IS_UNDECIDED = "SELECT 1 FROM imports WHERE id = ? AND state IN ('inspecting', 'ready')"


class RowCursor(Protocol):
    """`name` is the SQL table that the rows go to."""

    name: str

    def begin(self) -> int:
        """Return how many rows are there. Raises `ImportWithdrawn`."""
        ...

    def move(self, before: int, done: int) -> None:
        """In the transaction that adds the rows behind `before` up to `done`. Raises `ImportWithdrawn`."""
        ...


class ImportCursor:
    """Of an import that is being loaded: its record has it, and its table's counts the rows."""

    def __init__(self, connection: sqlite3.Connection, table_id: int, import_id: str) -> None:
        self.name = table_name(table_id)
        self._connection, self._table_id, self._import_id = connection, table_id, import_id

    def begin(self) -> int:
        cursor = self._connection.execute(_ROWS_DONE, (self._import_id,)).fetchone()
        if cursor is None:
            raise ImportWithdrawn
        return int(cursor[0])

    def move(self, before: int, done: int) -> None:
        if not self._connection.execute(_MOVE_CURSOR, (done, self._import_id)).rowcount:
            raise ImportWithdrawn
        self._connection.execute(_COUNT_ROWS, (done - before, done + 1, self._table_id))


class DraftCursor:
    """Of a draft: nothing but its last row. It is made if there is none, as long as its import is undecided."""

    def __init__(self, connection: sqlite3.Connection, table: TableRef, draft: str) -> None:
        self.name = draft_name(draft)
        self._connection, self._table, self._import_id = connection, table, import_of_draft(draft)

    def begin(self) -> int:
        with transaction(self._connection):
            self._ensure_undecided()
            self._connection.execute(create_sql(self._table, self.name))
            (last,) = self._connection.execute(f"SELECT max({ROW_ID}) FROM {self.name}").fetchone()
        return int(last or 0)

    def move(self, before: int, done: int) -> None:
        self._ensure_undecided()

    def _ensure_undecided(self) -> None:
        if self._connection.execute(_IS_UNDECIDED, (self._import_id,)).fetchone() is None:
            raise ImportWithdrawn
