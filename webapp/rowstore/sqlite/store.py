"""Reading rows: an application's row store, and the reader that each of its threads uses on a connection."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from webapp.db.sqlite_driver import connect
from webapp.rowstore.nul_escape import decode
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sqlite import pages
from webapp.rowstore.sqlite.export import export
from webapp.rowstore.sqlite.printing import print_exact
from webapp.rowstore.sqlite.profile import Profiler
from webapp.rowstore.sqlite.schema import MAX_COLUMNS
from webapp.rowstore.sqlite.statement import Sql
from webapp.rowstore.sqlite.transaction import readable_errors
from webapp.rowstore.store import (
    COUNT_LIMIT,
    PAGE_SIZE,
    PROFILE_SECONDS,
    SCAN_SECONDS,
    Count,
    ExportFormat,
    Limits,
    Page,
    Profile,
    RowReader,
    RowStore,
    RowView,
)
from webapp.rowstore.table_ref import Field, TableRef

if TYPE_CHECKING:  # a child process loads no SQLAlchemy
    from sqlalchemy import Connection

    from webapp.db.database import Database

T = TypeVar("T")
Blocks = Generator[bytes, None, None]

# SQLite VM instructions between checks whether to go on: some hundredths of a second. A check takes the interpreter
# lock, which a busy event loop releases only every 5 ms, so frequent checks would mostly wait.
_STEPS = 500_000


class SqliteRowStore(RowStore):
    limits = Limits(columns=MAX_COLUMNS)

    def __init__(self, database: "Database") -> None:
        self._database = database

    @property
    def address(self) -> str:
        return str(self._database.file)

    async def read(self, work: Callable[[RowReader], T], seconds: float) -> T:
        gone = threading.Event()
        try:
            return await self._database.read(lambda connection: _read(connection, seconds, gone, work))
        finally:
            gone.set()

    async def stream(self, work: Callable[[RowReader], Blocks]) -> AsyncGenerator[bytes, None]:
        """On a connection of its own, which is interrupted and closed when the consumer goes away."""
        connection = await asyncio.to_thread(connect, Path(self.address), query_only=True)
        gone, opened = interruptible(connection), ExitStack()
        opened.callback(connection.close)
        blocks = opened.enter_context(closing(work(SqliteRowReader(connection))))
        making = _start(blocks)
        try:
            # Cancelling the await does not stop the thread, and would hide when it ends.
            while (block := await asyncio.shield(making)) is not None:
                making = _start(blocks)
                yield block
        finally:
            gone.set()
            _when_done(making, opened)


def _read(connection: "Connection", seconds: float, gone: threading.Event, work: Callable[[RowReader], T]) -> T:
    """Uses the driver's own connection: SQLAlchemy's overhead per statement exceeded the time of most of these."""
    driver: Any = connection.connection.driver_connection
    rows = SqliteRowReader(driver)
    try:
        driver.execute("BEGIN")
        with rows.limited(seconds, gone):
            return work(rows)
    finally:
        driver.rollback()


def _start(blocks: Blocks) -> "asyncio.Future[bytes | None]":
    return asyncio.ensure_future(asyncio.to_thread(next, blocks, None))


def _when_done(making: "asyncio.Future[bytes | None]", opened: ExitStack) -> None:
    def interrupted(ended: "asyncio.Future[bytes | None]") -> None:
        if not ended.cancelled():
            ended.exception()  # retrieved, since nobody else will
        opened.close()

    if making.done():
        interrupted(making)
    else:
        making.add_done_callback(interrupted)


class SqliteRowReader(RowReader):
    """Without a deadline until `time_limit` or `limited` sets one."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._end = float("inf")  # of time.monotonic()

    # -- what is asked ------------------------------------------------------------------------------------------------

    def page(
        self,
        table: TableRef,
        query: TableQuery,
        *,
        after: str | None = None,
        before: str | None = None,
        at: int | None = None,
        size: int = PAGE_SIZE,
        scan_seconds: float | None = SCAN_SECONDS,
    ) -> Page:
        return pages.page(
            self.execute, table.id, query, after=after, before=before, at=at, size=size, scan_seconds=scan_seconds
        )

    def count(
        self, table: TableRef, query: TableQuery, limit: int = COUNT_LIMIT, seconds: float | None = None
    ) -> Count:
        with self.time_limit(float("inf") if seconds is None else seconds):
            return pages.count(self.execute, table.id, query, limit)

    def row(self, table: TableRef, query: TableQuery, row_id: int) -> RowView | None:
        return pages.row(self.execute, table.id, query, row_id)

    def cells(self, table: TableRef, ids: Sequence[int], fields: Sequence[Field]) -> dict[int, tuple[str, ...]]:
        printed = pages.print_cells(self.execute, table.id, ids, [print_exact(field) for field in fields])
        return {row_id: tuple(map(decode, cells)) for row_id, cells in printed.items()}

    def profile(self, table: TableRef, query: TableQuery, number: int, seconds: float = PROFILE_SECONDS) -> Profile:
        column, query = query.field(number), query.sorted_by()
        return Profiler(self.execute, self.time_limit, table.id, query, column).profile(seconds)

    def export(
        self, table: TableRef, query: TableQuery, format: ExportFormat = "csv", *, safe: bool = False
    ) -> Generator[bytes, None, None]:
        return export(self._connection, self.execute, table.id, query, format, safe=safe)

    # -- how it is executed -------------------------------------------------------------------------------------------

    def execute(self, sql: Sql) -> list[Any]:
        """All rows of one statement. Raises `QueryTimeout`, and `UserError` for trouble of the database."""
        with readable_errors():
            return self._connection.execute(sql.text, sql.values).fetchall()

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        """Statements in this block end after `seconds`, or with the reader's own deadline if that is sooner."""
        before = self._end
        self._end = min(before, time.monotonic() + seconds)
        try:
            yield
        finally:
            self._end = before

    @contextmanager
    def limited(self, seconds: float, gone: threading.Event) -> Iterator[None]:
        """The same, and statements also end once `gone` is set, because nobody waits for them any more."""
        self._connection.set_progress_handler(lambda: gone.is_set() or time.monotonic() > self._end, _STEPS)
        try:
            with self.time_limit(seconds):
                yield
        finally:
            self._connection.set_progress_handler(None, _STEPS)


def interruptible(connection: sqlite3.Connection) -> threading.Event:
    """Once the event is set, nothing runs on this connection any more. (An interrupt between two statements would be
    lost.)
    """
    stopped = threading.Event()
    connection.set_progress_handler(stopped.is_set, _STEPS)
    return stopped


@contextmanager
def open_reader(address: str) -> Iterator[SqliteRowReader]:
    with closing(connect(Path(address), query_only=True)) as connection:
        yield SqliteRowReader(connection)
