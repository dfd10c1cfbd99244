"""The tables of a comparison, which nobody else sees: the rows of the file, and what is found out about them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import closing

from webapp.rowstore.nul_escape import decode, encode, needs_encoding
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.table_ref import Field

BATCH = 500  # rows that are in memory at once
MAX_SELECTED = 1_000  # columns per statement


class ComparisonTables(ABC):
    """On a connection for themselves. `columns` are those of the file."""

    def __init__(self, connection: Connection, columns: Sequence[Field]) -> None:
        self._connection, self.columns = connection, columns
        self._row = connection.dialect.row_id  # also of the file's rows, which are numbered from 1
        self._taken = 0

    # -- what databases do differently -----------------------------------------------------------------------------

    @abstractmethod
    def begin(self) -> None:
        """Begin a transaction that reads one snapshot."""
        ...

    @abstractmethod
    def open_source(self) -> Connection:
        """Where the application's table is read, on the same snapshot."""
        ...

    @abstractmethod
    def rows_between(self, after: int, last: int) -> str:
        """The name of a table of this connection that has the rows of the application's table behind the row `after` up
        to `last`, and perhaps others.
        """
        ...

    @abstractmethod
    def close(self) -> None:
        """Close the connection; the tables that were made for it go."""
        ...

    @abstractmethod
    def create_table(self, name: str, columns: str) -> None:
        """Make a table that nobody else sees."""
        ...

    @abstractmethod
    def create_file_table(self, names: Sequence[str]) -> None:
        """The same for the rows of the file: `file`, with these columns, in which are texts."""
        ...

    @abstractmethod
    def insert_rows(self, rows: Sequence[Sequence[str]], first: int) -> None:
        """Add these rows, as texts are stored, to `file`; the number of the first is `first`."""
        ...

    @abstractmethod
    def gather_statistics(self, table: str) -> None:
        """About a table that was just filled, for the planner."""
        ...

    # -- rows ------------------------------------------------------------------------------------------------------

    def take(self, rows: Sequence[Sequence[str]]) -> None:
        if needs_encoding("".join(map("".join, rows))):
            rows = [tuple(map(encode, row)) for row in rows]
        self.insert_rows(rows, self._taken + 1)
        self._taken += len(rows)

    def _file_rows(self, places: Sequence[int]) -> dict[int, tuple[str, ...]]:
        found: dict[int, tuple[str, ...]] = {}
        chosen = self._connection.dialect.is_one_of(self._row, places)
        for start in range(0, len(self.columns), MAX_SELECTED):
            end = min(start + MAX_SELECTED, len(self.columns))
            names = ", ".join([self._row, *(f"x{place}" for place in range(start, end))])
            rows = self._connection.execute(Sql(f"SELECT {names} FROM file WHERE {chosen.text}", chosen.values))
            for place, *cells in rows:
                found[place] = found.get(place, ()) + tuple(map(decode, cells))
        return found

    # -- statements ------------------------------------------------------------------------------------------------

    def _run(self, statement: str, *values: object) -> None:
        self._connection.execute(Sql(statement, values))

    def _number(self, statement: str) -> int:
        return int(self._connection.execute(Sql(statement))[0][0])

    def _batches(self, statement: str, source: Connection | None = None) -> Iterator[list[tuple[int, ...]]]:
        with closing((source or self._connection).iterate(Sql(statement), BATCH)) as batches:
            yield from batches

    def _numbers(self, statement: str, source: Connection | None = None) -> Iterator[list[int]]:
        """Of this connection's tables, or of those of the `source`."""
        for batch in self._batches(statement, source):
            yield [number for (number,) in batch]
