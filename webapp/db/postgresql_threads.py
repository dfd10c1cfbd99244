"""A connection of psycopg in a thread of its own, used by SQLAlchemy as if it were psycopg's asynchronous one.

A unit of work runs statements through a session and functions in the writer's thread, all of them in one transaction:
so both use the same connection, which only a blocking one can be.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

T = TypeVar("T")


class ThreadedConnection:
    """What SQLAlchemy uses of `psycopg.AsyncConnection`."""

    def __init__(self, driver: "psycopg.Connection[Any]", thread: Executor) -> None:
        self.driver = driver
        self._thread = thread

    def __getattr__(self, name: str) -> Any:
        return getattr(self.driver, name)  # `info`, `closed`, `adapters` and the like, which wait for nothing

    def cursor(self, *args: Any, **kwargs: Any) -> "ThreadedCursor":
        return ThreadedCursor(self.driver.cursor(*args, **kwargs), self.run)

    def run(self, call: Callable[[], T]) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def commit(self) -> None:
        await self.run(lambda: commit(self.driver))

    async def rollback(self) -> None:
        if self.driver.info.transaction_status != TransactionStatus.IDLE:
            await self.run(self.driver.rollback)

    async def close(self) -> None:
        await self.run(self.driver.close)

    async def set_autocommit(self, value: bool) -> None:
        await self.run(lambda: self.driver.set_autocommit(value))

    async def set_isolation_level(self, value: "psycopg.IsolationLevel | None") -> None:
        await self.run(lambda: self.driver.set_isolation_level(value))


class ThreadedCursor:
    """What SQLAlchemy uses of `psycopg.AsyncCursor`. Rows come with the statement: one switch of threads for both."""

    def __init__(
        self, cursor: "psycopg.Cursor[Any]", run: "Callable[[Callable[[], Any]], asyncio.Future[Any]]"
    ) -> None:
        self._cursor = cursor
        self._run = run
        self._rows: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    async def __aenter__(self) -> "ThreadedCursor":
        return self

    async def execute(self, statement: Any, parameters: Any = None) -> "ThreadedCursor":
        def execute() -> list[Any]:
            self._cursor.execute(statement, parameters)
            return self._cursor.fetchall() if self._cursor.description else []

        self._rows = await self._run(execute)
        return self

    async def executemany(self, statement: Any, parameters: Any) -> None:
        await self._run(lambda: self._cursor.executemany(statement, parameters))

    async def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows

    def _close(self) -> None:
        self._cursor.close()


def commit(driver: "psycopg.Connection[Any]") -> None:
    """After a failed statement PostgreSQL answers COMMIT with a rollback, and the driver says nothing."""
    if driver.info.transaction_status == TransactionStatus.INERROR:
        raise psycopg.errors.InFailedSqlTransaction("A statement of this transaction has failed")
    driver.commit()
