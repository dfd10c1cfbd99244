"""A PostgreSQL connection as what is the same on every database takes it."""

import re
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import cached_property
from itertools import count
from typing import Any

import psycopg
from psycopg.adapt import Loader
from psycopg.pq import TransactionStatus

from webapp.db.postgresql_often import prepared
from webapp.rowstore.postgresql import planning
from webapp.rowstore.postgresql.dialect import PostgresqlDialect, dialect_of
from webapp.rowstore.postgresql.errors import readable_errors
from webapp.rowstore.postgresql.lines import read_lines
from webapp.rowstore.postgresql.marks import with_parameters
from webapp.rowstore.postgresql.search_index import PostgresqlSearchUpkeep
from webapp.rowstore.postgresql.statement_limit import StatementLimit
from webapp.rowstore.postgresql.updating import update_all
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sql.compile import Plan
from webapp.rowstore.sql.connection import BATCH, Connection, Savepoint, TextFunction
from webapp.rowstore.sql.schema import index_prefix, table_name
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.table_ref import Field, TableRef

_NAMES = (
    "SELECT c.relname FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid"
    " WHERE c.relname = ANY(CAST(? AS text[])) AND pg_table_is_visible(c.oid) AND coalesce(i.indisvalid, TRUE)"
)
_TABLES = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND starts_with(relname, ?) AND pg_table_is_visible(oid)"
    " ORDER BY relname"
)
_COLUMNS = (
    "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = to_regclass(?) AND attnum > 0"
    " AND NOT attisdropped ORDER BY attnum"
)
_INDEXES = (
    "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = to_regclass(?)"
    " AND i.indisvalid"
)


class _Number(Loader):
    """Sums of integers are integers; psycopg makes decimals of them."""

    def load(self, data: Any) -> Any:
        text = bytes(data).decode()
        return int(text) if text.lstrip("-").isdecimal() else float(text)


class PostgresqlConnection(Connection):
    """Without a deadline until `time_limit` or `cancellable` sets one."""

    def __init__(self, driver: "psycopg.Connection[Any]") -> None:
        self.driver = driver
        self._limit = StatementLimit(driver)
        self._numbers = count(1)  # of cursors and savepoints
        self._iterating = 0

    @cached_property
    def dialect(self) -> PostgresqlDialect:
        """What this server understands."""
        with readable_errors():  # it may be closed
            return dialect_of(self.driver.info.server_version)

    @cached_property
    def search_index(self) -> PostgresqlSearchUpkeep:
        return PostgresqlSearchUpkeep(self)

    # -- statements ------------------------------------------------------------------------------------------------

    def execute(self, sql: Sql) -> list[Any]:
        with self._cursor(sql) as cursor:
            return cursor.fetchall() if cursor.description else []

    def change(self, sql: Sql) -> int:
        with self._cursor(sql) as cursor:
            return int(cursor.rowcount)

    def change_all(self, text: str, values: Iterable[Sequence[Any]]) -> int:
        with readable_errors(), self._opened() as cursor, prepared(self.driver):
            self._limit.tell()
            cursor.executemany(with_parameters(text), values)
            return max(int(cursor.rowcount), 0)

    def change_cells(
        self, table_id: int, field: Field, cells: Sequence[Sequence[Any]], *, with_text: bool = False
    ) -> int:
        """One statement for all of them takes less than half the time of one for each."""
        return self.change(update_all(self.dialect, table_id, field, cells, with_text=with_text)) if cells else 0

    def change_each(self, text: str, values: Sequence[Sequence[Any]]) -> list[int]:
        if len(values) == 1:  # which takes a third of the messages
            return [self.change(Sql(text, tuple(values[0])))]
        with readable_errors(), self._opened() as cursor, prepared(self.driver):
            self._limit.tell()
            cursor.executemany(with_parameters(text), values, returning=True)
            counts = [int(cursor.rowcount)] if values else []
            while cursor.nextset():
                counts.append(int(cursor.rowcount))
            return counts

    def analyze(self, name: str) -> None:
        """Without statistics about new rows, and about the expression of a new index, the planner guesses."""
        self.execute(Sql(f"ANALYZE {name}"))

    def iterate(self, sql: Sql, size: int = BATCH, *, is_short: bool = False) -> Generator[list[Any], None, None]:
        if is_short:
            rows = self.execute(sql)
            for start in range(0, len(rows), size):
                yield rows[start : start + size]
            return
        with readable_errors(), self._kept_open():
            cursor = psycopg.RawServerCursor(self.driver, f"rows_{next(self._numbers)}")
            _register_numbers(cursor)
            with closing(cursor):
                self._limit.tell()
                cursor.execute(with_parameters(sql.text), sql.values or None)
                while batch := cursor.fetchmany(size):
                    yield batch
                    self._limit.tell()

    @contextmanager
    def _cursor(self, sql: Sql, *, binary: bool = False) -> Iterator[Any]:
        with readable_errors(), self._opened() as cursor:
            self._limit.tell()
            yield cursor.execute(with_parameters(sql.text), sql.values or None, binary=binary)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        with closing(psycopg.RawCursor(self.driver)) as cursor:
            _register_numbers(cursor)
            yield cursor

    @contextmanager
    def _kept_open(self) -> Iterator[None]:
        """A cursor of the server lives in a transaction. If there is none, this one is there for all such cursors."""
        is_own = self._status == TransactionStatus.IDLE or self._iterating > 0
        if is_own and not self._iterating:
            self.driver.execute("BEGIN")
        self._iterating += is_own
        try:
            yield
        finally:
            self._iterating -= is_own
            if is_own and not self._iterating and self._status != TransactionStatus.IDLE:
                self.driver.execute("ROLLBACK")
                self._limit.forget()

    @property
    def _status(self) -> TransactionStatus:
        return self.driver.info.transaction_status

    # -- time ------------------------------------------------------------------------------------------------------

    def time_limit(self, seconds: float) -> AbstractContextManager[None]:
        """A statement that takes too long ends its transaction, unless there is a savepoint to go back to."""
        return self._limit.until(seconds)

    def cancellable(self, seconds: float, cancelled: threading.Event) -> AbstractContextManager[None]:
        """The same, and no statement begins once `cancelled` is set; the one that runs then ends by `cancel`."""
        return self._limit.cancellable(seconds, cancelled)

    def cancel(self) -> None:
        """From another thread: end the statement that runs in the block of `cancellable`, if any does."""
        self._limit.cancel()

    # -- transactions ----------------------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with readable_errors(), self.driver.transaction():
            yield

    @contextmanager
    def savepoint(self) -> Iterator[Savepoint]:
        name = f"part_{next(self._numbers)}"
        self.driver.execute(f"SAVEPOINT {name}".encode())
        yield _Savepoint(self.driver, name)
        self.driver.execute(f"RELEASE SAVEPOINT {name}".encode())

    # -- how the database reads ------------------------------------------------------------------------------------

    def make_plan(self, table: TableRef, query: TableQuery, *, whole: bool = False) -> Plan:
        return planning.make_plan(self, table, query, whole=whole)

    def plain_plan(self, table: TableRef, query: TableQuery) -> Plan:
        return planning.PostgresqlPlan(self.dialect, query, table, may_use_sort_index=False)

    def existing_names(self, names: Sequence[str]) -> set[str]:
        return {name for (name,) in self.execute(Sql(_NAMES, (list(names),)))}

    def tables(self, prefix: str) -> list[str]:
        return [name for (name,) in self.execute(Sql(_TABLES, (prefix,)))]

    def column_types(self, table: str) -> dict[str, str]:
        return dict(self.execute(Sql(_COLUMNS, (table,))))

    def indexed_columns(self, table_id: int) -> set[int]:
        beginning = index_prefix(table_id)
        names = [name for (name,) in self.execute(Sql(_INDEXES, (table_name(table_id),)))]
        return {int(name.removeprefix(beginning)) for name in names if name.startswith(beginning)}

    def read_lines(self, plan: Plan, line: Sql) -> Generator[bytes, None, None]:
        yield from read_lines(self, self._ask, plan, line)

    def _ask(self, sql: Sql) -> list[Any]:
        """Bytes come as they are, not as texts of digits."""
        with self._cursor(sql, binary=True) as cursor:
            return list(cursor.fetchall())

    def text_function(self, name: str, function: Callable[[str, int], str]) -> TextFunction:
        return _TextFunction(function)

    def read_text(self, table_id: int, row_id: int, column: str, size: int) -> Generator[bytes, None, None]:
        piece = f"SELECT substr({column}, ?, {int(size)}) FROM {table_name(table_id)} WHERE {self.dialect.row_id} = ?"
        start = 1
        while (found := self.execute(Sql(piece, (start, row_id)))) and found[0][0]:
            yield found[0][0].encode()
            start += size


class _Savepoint:
    def __init__(self, driver: "psycopg.Connection[Any]", name: str) -> None:
        self._driver, self._name = driver, name

    def undo(self) -> None:
        self._driver.execute(f"ROLLBACK TO SAVEPOINT {self._name}".encode())


class _TextFunction:
    """PostgreSQL calls nothing of ours: texts are marked, and replaced in the lines."""

    _MARKED = re.compile(rb"<~([0-9]+)>((?:[^<]|<<)*)<~>")

    def __init__(self, function: Callable[[str, int], str]) -> None:
        self._function = function

    def call(self, text: str, number: int) -> str:
        return f"'<~{number}>' || replace({text}, '<', '<<') || '<~>'"

    def finish(self, block: bytes) -> bytes:
        return self._MARKED.sub(self._replaced, block) if b"<~" in block else block

    def _replaced(self, match: "re.Match[bytes]") -> bytes:
        return self._function(match[2].decode().replace("<<", "<"), int(match[1])).encode()


def _register_numbers(cursor: Any) -> None:
    cursor.adapters.register_loader("numeric", _Number)
