"""A connection to the database that holds the rows: how SQL is run, whatever database it is."""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from webapp.rowstore.query import TableQuery
from webapp.rowstore.sql.compile import Plan
from webapp.rowstore.sql.dialect import Dialect
from webapp.rowstore.sql.search_upkeep import SearchUpkeep
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.table_ref import Field, TableRef

BATCH = 25  # rows that are in memory although a page may have no room for them


class Connection(Protocol):
    """All methods raise `QueryTimeout` beyond the time limit or once nobody waits any more, `RowsGone` if the table is
    no longer there, and `UserError` for trouble of the database.

    Statements have a question mark for each value, in their order, or all of them are numbered (`?2`), and no other
    outside of literals.
    """

    @property
    def dialect(self) -> Dialect: ...

    @property
    def search_index(self) -> SearchUpkeep: ...

    def execute(self, sql: Sql) -> list[Any]:
        """All rows of one statement; none of a statement that yields no rows."""
        ...

    def change(self, sql: Sql) -> int:
        """Run a statement that changes rows; return how many it has changed."""
        ...

    def change_all(self, text: str, values: Iterable[Sequence[Any]]) -> int:
        """Run the same statement with each of these values; return how many rows all of them have changed."""
        ...

    def change_cells(
        self, table_id: int, field: Field, cells: Sequence[Sequence[Any]], *, with_text: bool = False
    ) -> int:
        """Run `update_sql` with each of these values, of rows of which none occurs twice; return how many rows have
        changed.
        """
        ...

    def change_each(self, text: str, values: Sequence[Sequence[Any]]) -> list[int]:
        """The same, one after the other; return how many rows each has changed."""
        ...

    def iterate(self, sql: Sql, size: int = BATCH, *, is_short: bool = False) -> Generator[list[Any], None, None]:
        """The rows of one statement in batches, each computed when it is asked for; until the iterator is closed. If it
        `is_short`, which a page is, the database may compute all of them at once.
        """
        ...

    def time_limit(self, seconds: float) -> AbstractContextManager[None]:
        """Statements in this block end after `seconds`, or when an outer limit is over if that is sooner."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """For a connection of a child process; units of work have their own."""
        ...

    def savepoint(self) -> "AbstractContextManager[Savepoint]": ...

    # -- how the database reads ------------------------------------------------------------------------------------

    def make_plan(self, table: TableRef, query: TableQuery, *, whole: bool = False) -> Plan:
        """The rows of the query, by the path likely to be fastest for one page, or for all rows.

        Raises `QueryError` for a query that uses other columns than those which a narrowed table shows.
        """
        ...

    def plain_plan(self, table: TableRef, query: TableQuery) -> Plan:
        """The same without looking for a path, in an order that no index provides."""
        ...

    def existing_names(self, names: Sequence[str]) -> set[str]:
        """Which of these tables and indexes exist."""
        ...

    def tables(self, prefix: str) -> list[str]:
        """The tables whose names begin so."""
        ...

    def column_types(self, table: str) -> dict[str, str]:
        """The stored columns of a table, each with its type as the schema writes it."""
        ...

    def indexed_columns(self, table_id: int) -> set[int]:
        """The numbers of the stored columns that have a sort index."""
        ...

    def read_lines(self, plan: Plan, line: Sql) -> Generator[bytes, None, None]:
        """The lines of the plan's rows in their order, in blocks of UTF-8."""
        ...

    def text_function(self, name: str, function: Callable[[str, int], str]) -> "TextFunction":
        """Make a function of texts and numbers one that lines can call."""
        ...

    def read_text(self, table_id: int, row_id: int, column: str, size: int) -> Generator[bytes, None, None]:
        """A stored text in UTF-8, in pieces of about this size."""
        ...


class Savepoint(Protocol):
    def undo(self) -> None:
        """Take back what was done in the block so far."""
        ...


class TextFunction(Protocol):
    def call(self, text: str, number: int) -> str:
        """SQL for what the function makes of a text, given as SQL. It has no other place than in a line."""
        ...

    def finish(self, block: bytes) -> bytes:
        """A block of such lines as it is to be."""
        ...
