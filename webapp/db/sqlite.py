"""SQLite-specific code of the database layer: how SQLAlchemy's connections are opened, and what errors mean."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine, ExceptionContext, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, QueuePool, StaticPool
from sqlalchemy.util import await_only

from webapp.db.connections import begun
from webapp.db.errors import DatabaseBusy, known_error
from webapp.db.folders import private_file, private_folder
from webapp.db.sqlite_driver import BUSY_TIMEOUT, connect, prepare
from webapp.db.sqlite_space import set_shrinkable

T = TypeVar("T")

PRODUCT = ("SQLite", sqlite3.sqlite_version)
_RETRY_SECONDS = 0.001  # between attempts to get the write lock
_ARGUMENTS: dict[str, Any] = {"timeout": BUSY_TIMEOUT, "isolation_level": None, "check_same_thread": False}
_DRIVER = "rowcast.driver"  # in the `info` of the writer's connection: the driver's own connection
_SINGLE = "rowcast_single_statement"
SINGLE_STATEMENT = {_SINGLE: True}  # execution options: no BEGIN, a single statement is its own transaction


def database_file(url: str) -> Path:
    database = make_url(url).database
    if not database or database == ":memory:":
        raise ValueError("The SQLite database must be a file: one in memory is one transaction for everybody")
    return Path(database)


def make_file(url: str) -> None:
    """Create it empty, so that nobody else can read it: SQLite's journals take the mode of the file."""
    path = database_file(url)
    private_folder(path.parent)
    if private_file(path).stat().st_size == 0:
        set_shrinkable(path)


def create_writer(url: str) -> AsyncEngine:
    """A single connection, which takes the write lock when a transaction begins.

    With the driver's own transactions 100 concurrent increments gave 11 without an error, and deferred ones failed with
    "database is locked": a transaction that will write must take the lock at once (BEGIN IMMEDIATE).
    """
    opened: list[sqlite3.Connection] = []

    def connect_writer(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        opened[:] = [_WritingConnection(*args, **kwargs)]
        return opened[0]

    def remember_driver(_: Any, record: ConnectionPoolEntry) -> None:
        """Keep the driver's own connection beside SQLAlchemy's, which reaches it only through private attributes."""
        record.info[_DRIVER] = opened.pop()

    writer = _engine(url, connect_writer, 1)
    event.listen(writer.sync_engine, "connect", remember_driver)
    event.listen(writer.sync_engine, "begin", _begin_write)
    return writer


def create_reader(url: str, size: int) -> AsyncEngine:
    reader = _engine(url, _ReadingConnection, size)
    event.listen(reader.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return reader


class SqliteWriter:
    """The writer's connection also in a thread of its own: beginning, all statements and committing take one thread
    switch each, through the session each statement takes four.
    """

    is_lost = False  # a file does not go away

    def __init__(self, session_engine: AsyncEngine, driver: sqlite3.Connection) -> None:
        self.session_engine = session_engine
        self._driver = driver
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self.engine = create_engine(
            "sqlite://",
            creator=lambda: driver,
            poolclass=StaticPool,
            pool_reset_on_return=None,  # else it rolls back when it is dropped
            hide_parameters=True,
        )
        event.listen(self.engine, "handle_error", _on_error)
        self._connection = begun(self.engine.connect())

    @classmethod
    async def of(cls, engine: AsyncEngine) -> "SqliteWriter":
        async with engine.connect() as connection:
            return cls(engine, connection.info[_DRIVER])

    async def ready(self) -> None:
        pass

    def start(self, function: Callable[[Connection], T], *, commits: bool = False) -> "asyncio.Future[T]":
        def run() -> T:
            result = function(self._begun())
            if commits:
                self._commit()
            return result

        return self._run(run)

    async def commit(self) -> None:
        if self._driver.in_transaction:
            await self._run(self._commit)

    async def rollback(self) -> None:
        self._connection.info.clear()  # what was read in a transaction that did not take place
        if self._driver.in_transaction:
            await self._run(self._driver.rollback)

    async def close(self) -> None:
        await self.session_engine.dispose()
        self._thread.shutdown()

    def _run(self, call: Callable[[], T]) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._thread, call)

    def _commit(self) -> None:
        self._connection.exec_driver_sql("COMMIT")

    def _begun(self) -> Connection:
        deadline = time.monotonic() + BUSY_TIMEOUT
        while not self._driver.in_transaction:
            try:
                self._connection.exec_driver_sql("BEGIN IMMEDIATE")
            except DatabaseBusy:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY_SECONDS)
        return self._connection


def create_blocking_reader(url: str, size: int) -> Engine:
    """Connections like the readers', for use in threads."""
    path = database_file(url)
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(path, factory=_ReadingConnection, **_ARGUMENTS),
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        hide_parameters=True,
    )
    event.listen(engine, "begin", _begin_read)
    event.listen(engine, "handle_error", _on_error)
    return engine


@contextmanager
def migrating(url: str) -> Iterator[Connection]:
    """One transaction for schema changes, with foreign keys checked at its end.

    A change that copies a table drops the old one; with foreign keys on, that would delete the rows that refer to it.
    """
    make_file(url)

    def connect_without_foreign_keys() -> sqlite3.Connection:
        driver = connect(database_file(url))
        driver.execute("PRAGMA foreign_keys=OFF")
        return driver

    engine = create_engine("sqlite://", creator=connect_without_foreign_keys, poolclass=NullPool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    with engine.connect() as connection, connection.begin():
        yield connection
        if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall():
            raise RuntimeError(f"The migration would leave rows that point nowhere: {broken[:3]}")
    engine.dispose()


class _ReadingConnection(sqlite3.Connection):
    """Configured in the thread that creates it, and closed by whoever drops it.

    A request cancelled while the driver opens a connection leaves one that nobody else knows of.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        prepare(self, query_only=True)

    def __del__(self) -> None:
        self.close()


class _WritingConnection(_ReadingConnection):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute("PRAGMA query_only=OFF")
        self.execute("PRAGMA busy_timeout=0")  # `_begin_write` does the waiting


def _engine(url: str, factory: Callable[..., sqlite3.Connection], size: int) -> AsyncEngine:
    """What a statement was given stays out of its errors, which go to the log: texts, addresses, hashes of tokens."""
    arguments = {"factory": factory, **_ARGUMENTS}
    engine = create_async_engine(
        url, pool_size=size, max_overflow=0, pool_timeout=30, connect_args=arguments, hide_parameters=True
    )
    event.listen(engine.sync_engine, "handle_error", _on_error)
    return engine


def _begin_read(connection: Connection) -> None:
    """By the driver itself: every request does this, and SQLAlchemy's way takes as long as a small select."""
    driver = connection.connection.driver_connection
    if driver is not None and not connection.get_execution_options().get(_SINGLE):
        driver.execute("BEGIN")


def _begin_write(connection: Connection) -> None:
    """Take the write lock; while another process holds it, try again every millisecond.

    SQLite's own busy handler sleeps longer and longer, up to 100 ms, and misses the short gaps between the batches of
    an import: a write then waited 132 ms (95th percentile), with this 10 ms.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        if connection.info[_DRIVER].in_transaction:  # begun in the writer's thread
            return
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        except DatabaseBusy:
            if time.monotonic() > deadline:
                raise
        await_only(asyncio.sleep(_RETRY_SECONDS))


def _on_error(context: ExceptionContext) -> None:
    if known := known_error(context.original_exception):
        raise known from context.original_exception
