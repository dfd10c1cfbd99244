"""How long statements may take: the server is told, and ends those that take longer."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import count
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from webapp.rowstore.errors import QueryTimeout

_SAME_LIMIT = 0.1  # the share by which a time limit may change without the server being told


class StatementLimit:
    """Of a connection; there is none until `until` or `cancellable` sets one."""

    def __init__(self, driver: "psycopg.Connection[Any]") -> None:
        self._driver = driver
        self._deadline = math.inf  # of time.monotonic()
        # What the server has been told, in seconds, 0 for none; None if it may have forgotten it.
        self._told: float | None = 0.0
        self._cancelled: threading.Event | None = None
        self._lock = threading.Lock()  # of the state below
        self._may_be_cancelled = False
        self._numbers = count(1)  # of savepoints

    def forget(self) -> None:
        """A transaction has ended, and with it what the server was told in it."""
        self._told = None

    @contextmanager
    def until(self, seconds: float) -> Iterator[None]:
        """A statement that takes too long ends its transaction, unless there is a savepoint to go back to."""
        is_sooner = time.monotonic() + seconds < self._deadline
        with self._going_back() if is_sooner and self._is_in_transaction else nullcontext(), self._limited(seconds):
            yield

    @contextmanager
    def _limited(self, seconds: float) -> Iterator[None]:
        outer = self._deadline
        self._deadline = min(outer, time.monotonic() + seconds)
        try:
            yield
        finally:
            self._deadline = outer

    @property
    def _is_in_transaction(self) -> bool:
        """Or the next statement begins one."""
        return self._driver.info.transaction_status == TransactionStatus.INTRANS or not self._driver.autocommit

    @contextmanager
    def _going_back(self) -> Iterator[None]:
        name = f"limit_{next(self._numbers)}"
        self._driver.execute(f"SAVEPOINT {name}".encode())
        try:
            yield
        finally:
            if self._driver.info.transaction_status == TransactionStatus.INERROR:
                self._driver.execute(f"ROLLBACK TO SAVEPOINT {name}".encode())
                self._told = None  # it is what it was at the savepoint
            if self._driver.info.transaction_status == TransactionStatus.INTRANS:
                self._driver.execute(f"RELEASE SAVEPOINT {name}".encode())

    def tell(self) -> None:
        """Tell the server how long the next statement may take, unless it knows that well enough. Raises
        `QueryTimeout`.
        """
        if self._cancelled is not None and self._cancelled.is_set():
            raise QueryTimeout
        left = 0.0
        if self._deadline < math.inf:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise QueryTimeout
        if self._told is not None and abs(left - self._told) <= _SAME_LIMIT * min(left, self._told):
            return
        local = "LOCAL " if self._is_in_transaction else ""  # which may be committed, and the next one has other limits
        self._driver.execute(f"SET {local}statement_timeout = {math.ceil(left * 1000)}".encode())
        self._told = left

    @contextmanager
    def cancellable(self, seconds: float, cancelled: threading.Event) -> Iterator[None]:
        """The same, and no statement begins once `cancelled` is set; the one that runs then ends by `cancel`."""
        self._cancelled = cancelled
        with self._lock:
            self._may_be_cancelled = True
        try:
            with self._limited(seconds):
                yield
        finally:
            with self._lock:
                self._may_be_cancelled = False
            self._cancelled = None

    def cancel(self) -> None:
        """From another thread: end the statement that runs in the block of `cancellable`, if any does."""
        with self._lock:
            if self._may_be_cancelled:
                self._driver.cancel_safe(timeout=5)
