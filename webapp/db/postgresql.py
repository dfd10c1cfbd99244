"""PostgreSQL-specific code of the database layer: how SQLAlchemy's connections are opened, and what errors mean."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine, ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool, QueuePool, StaticPool

import webapp.db.postgresql_types  # noqa: F401  # for its effect
from webapp.db.connections import begun
from webapp.db.errors import known_error
from webapp.db.postgresql_driver import KEEPS_PLANS, WRITER, connect, conninfo, prepare, storable_json
from webapp.db.postgresql_often import execute_prepared
from webapp.db.postgresql_threads import ThreadedConnection, commit

T = TypeVar("T")

WRITERS = 4  # connections that write
SINGLE_STATEMENT = {"isolation_level": "AUTOCOMMIT"}  # execution options: a single statement is its own transaction
_MIGRATION_LOCK = 0x726F7763617374  # of all servers of one database
_DIALECT = "postgresql+psycopg://"  # the addresses are the drivers' business


def _json(document: Any) -> str:
    return storable_json(json.dumps(document))


ENGINE: dict[str, Any] = {"hide_parameters": True, "use_native_hstore": False, "json_serializer": _json}


def create_reader(url: str, size: int) -> AsyncEngine:
    """For sessions that read: each transaction sees one state of the database."""

    async def open_one() -> "psycopg.AsyncConnection[Any]":
        with _known():
            driver = await psycopg.AsyncConnection.connect(conninfo(url, read_only=True))
        prepare(driver)
        return driver

    pool = {"pool_size": size, "max_overflow": 0, "pool_timeout": 30}
    engine = create_async_engine(_DIALECT, async_creator=open_one, **pool, **ENGINE)
    event.listen(engine.sync_engine, "handle_error", on_error)
    return engine


def create_blocking_reader(url: str, size: int) -> Engine:
    """Connections like the readers', for use in threads."""
    engine = create_engine(
        _DIALECT,
        creator=lambda: open_driver(url, KEEPS_PLANS, read_only=True),
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        **ENGINE,
    )
    event.listen(engine, "handle_error", on_error)
    event.listen(engine, "do_execute", execute_prepared)
    return engine


class PostgresqlWriter:
    """A connection that writes, in a thread of its own: for the session of a unit of work, and for what it runs there.

    Transactions begin with their first statement. They are serializable: what a unit of work has read still holds when
    it commits, or it is run again.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._driver: psycopg.Connection[Any] | None = None  # until it is needed
        one: dict[str, Any] = {"pool_size": 1, "max_overflow": 0}
        self.session_engine = create_async_engine(_DIALECT, async_creator=self._threaded, **one, **ENGINE)
        self.engine = create_engine(
            _DIALECT,
            creator=lambda: self._open_driver,
            poolclass=StaticPool,
            pool_reset_on_return=None,  # else it rolls back when it is dropped
            **ENGINE,
        )
        for engine in (self.session_engine.sync_engine, self.engine):
            event.listen(engine, "handle_error", on_error)
        event.listen(self.engine, "do_execute", execute_prepared)
        self._connection: Connection | None = None

    @property
    def is_lost(self) -> bool:
        return self._driver is not None and self._driver.closed

    async def ready(self) -> None:
        """Open a connection if there is none yet, or it was lost."""
        if self._driver is not None and not self._driver.closed:
            return
        await self.session_engine.dispose()
        self._connection = None
        self.engine.dispose()
        self._driver = await self._run(self._opened)
        # SQLAlchemy's first look at the database is behind it then: it ends in a rollback.
        async with self.session_engine.connect():
            await self._run(self._blocking)
        await self.rollback()

    def start(self, function: Callable[[Connection], T], *, commits: bool = False) -> "asyncio.Future[T]":
        def run() -> T:
            with _known():
                result = function(self._blocking())
                if commits:
                    commit(self._open_driver)
            return result

        return self._run(run)

    async def commit(self) -> None:
        if self._is_in_transaction:
            await self._run(self._commit)

    async def rollback(self) -> None:
        if self._connection is not None and not self._connection.invalidated:
            self._connection.info.clear()  # what was read in a transaction that did not take place
        if self._is_in_transaction:
            await self._run(self._roll_back)

    async def close(self) -> None:
        await self.session_engine.dispose()
        self.engine.dispose()
        if self._driver is not None:
            await self._run(self._driver.close)
        self._thread.shutdown()

    @property
    def _open_driver(self) -> "psycopg.Connection[Any]":
        if self._driver is None:
            raise RuntimeError("The writer is not ready")
        return self._driver

    @property
    def _is_in_transaction(self) -> bool:
        driver = self._driver
        return driver is not None and not driver.closed and driver.info.transaction_status != TransactionStatus.IDLE

    def _run(self, call: Callable[[], T]) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._thread, call)

    def _opened(self) -> "psycopg.Connection[Any]":
        driver = open_driver(self._url, WRITER)
        driver.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        return driver

    async def _threaded(self) -> ThreadedConnection:
        return ThreadedConnection(self._open_driver, self._thread)

    def _blocking(self) -> Connection:
        if self._connection is None or self._connection.invalidated:
            self._connection = begun(self.engine.connect())
        return self._connection

    def _commit(self) -> None:
        with _known():
            commit(self._open_driver)

    def _roll_back(self) -> None:
        """A lost connection has done so."""
        if not self._open_driver.closed:
            with _known():
                self._open_driver.rollback()


@contextmanager
def migrating(url: str) -> Iterator[Connection]:
    """One transaction for schema changes. Whoever comes second waits for the first, and sees what it has done."""
    engine = create_engine(_DIALECT, creator=lambda: open_driver(url), poolclass=NullPool, **ENGINE)
    with engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
        yield connection
    engine.dispose()


def open_driver(
    url: str, settings: Mapping[str, str] = MappingProxyType({}), *, read_only: bool = False
) -> "psycopg.Connection[Any]":
    driver = connect(url, settings, read_only=read_only)
    driver.autocommit = False
    return driver


@contextmanager
def _known() -> Iterator[None]:
    """Errors that do not pass through SQLAlchemy."""
    try:
        yield
    except psycopg.Error as error:
        if known := known_error(error):
            raise known from error
        raise


def on_error(context: ExceptionContext) -> None:
    if known := known_error(context.original_exception):
        raise known from context.original_exception
