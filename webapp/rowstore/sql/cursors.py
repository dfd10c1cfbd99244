"""How far the rows of a file have come: committed with each batch, so that whoever continues begins right there."""

from typing import Protocol

from webapp.rowstore.loader import ImportWithdrawn
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.schema import draft_name, import_of_draft, table_name
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.sql.transactions import in_transaction
from webapp.rowstore.table_ref import TableRef

_ROWS_DONE = "SELECT rows_done FROM imports WHERE id = ? AND state = 'loading'"
_MOVE_CURSOR = "UPDATE imports SET rows_done = ? WHERE id = ? AND state = 'loading'"
_COUNT_ROWS = (
    "UPDATE tables SET row_count = row_count + ?, version = version + 1,"
    " next_row_id = CASE WHEN next_row_id < ? THEN ? ELSE next_row_id END WHERE id = ?"
)
_IS_UNDECIDED = "SELECT 1 FROM imports WHERE id = ? AND state IN ('inspecting', 'ready')"


class RowCursor(Protocol):
    """`name` is the SQL table that the rows go to."""

    name: str

    def begin(self) -> int:
        """Return how many rows are there. Raises `ImportWithdrawn`."""
        ...

    def ensure_wanted(self) -> None:
        """Raises `ImportWithdrawn`."""
        ...

    def move(self, before: int, done: int) -> None:
        """In the transaction that adds the rows behind `before` up to `done`. Raises `ImportWithdrawn`."""
        ...


class ImportCursor:
    """Of an import that is being loaded: its record has it, and its table's counts the rows."""

    def __init__(self, connection: Connection, table_id: int, import_id: str) -> None:
        self.name = table_name(table_id)
        self._connection, self._table_id, self._import_id = connection, table_id, import_id

    def begin(self) -> int:
        found = self._connection.execute(Sql(_ROWS_DONE, (self._import_id,)))
        if not found:
            raise ImportWithdrawn
        return int(found[0][0])

    def ensure_wanted(self) -> None:
        self.begin()

    def move(self, before: int, done: int) -> None:
        if not self._connection.change(Sql(_MOVE_CURSOR, (done, self._import_id))):
            raise ImportWithdrawn
        self._connection.change(Sql(_COUNT_ROWS, (done - before, done + 1, done + 1, self._table_id)))


class DraftCursor:
    """Of a draft: nothing but its last row. It is made if there is none, as long as its import is undecided."""

    def __init__(self, connection: Connection, table: TableRef, draft: str) -> None:
        self.name = draft_name(draft)
        self._connection, self._table, self._import_id = connection, table, import_of_draft(draft)

    def begin(self) -> int:
        return in_transaction(self._connection, self._make)

    def _make(self) -> int:
        self.ensure_wanted()
        dialect = self._connection.dialect
        self._connection.execute(Sql(dialect.create_sql(self._table, self.name)))
        ((last,),) = self._connection.execute(Sql(f"SELECT max({dialect.row_id}) FROM {self.name}"))
        return int(last or 0)

    def move(self, before: int, done: int) -> None:
        self.ensure_wanted()

    def ensure_wanted(self) -> None:
        if not self._connection.execute(Sql(_IS_UNDECIDED, (self._import_id,))):
            raise ImportWithdrawn
