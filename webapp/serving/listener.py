"""The listening socket: it accepts a bounded number of connections and closes any beyond at once.

asyncio accepts whatever comes. Without a free descriptor it logs a traceback for each of up to `backlog` attempts, a
second later again, while those who wait are not answered.
"""

import errno
import os
import socket
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog

from webapp.serving.descriptors import ConnectionLimits
from webapp.web.networks import network_of

BACKLOG = 4096  # connections that the kernel holds until they are accepted
BATCH = 16  # connections refused before other work has its turn
# Connections accepted before other work has its turn. When hundreds of pages connect again at once, many requests are
# in progress at a time if this is large, and the memory of most of them stays with the process.
ACCEPTED_AT_ONCE = 4
EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
LOG_INTERVAL = 1.0  # seconds
RETRY_DELAY = 0.5  # seconds; less than asyncio's own, which is one

log = structlog.get_logger("rowcast.server")


class AcceptedSocket(socket.socket):
    """Gives its place back when it is closed."""

    on_close: Callable[[], None] | None = None

    def close(self) -> None:
        super().close()
        if self.on_close is not None:
            give_back, self.on_close = self.on_close, None
            give_back()


class Listener(socket.socket):
    """`make_room` may close a connection that nobody needs, and returns whether it did."""

    def __init__(
        self, family: int, kind: int, protocol: int, *, limits: ConnectionLimits, make_room: Callable[[], bool]
    ) -> None:
        super().__init__(family, kind, protocol)
        self._limits, self._make_room = limits, make_room
        self._addresses: Counter[str] = Counter()
        self._refused = 0
        self._logged_at = self._retry_at = 0.0
        self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def listen(self, backlog: int = BACKLOG) -> None:
        """asyncio passes the number it accepts at a time; the kernel's queue is longer."""
        super().listen(BACKLOG)

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection there is room for. Raises BlockingIOError when others should have their turn."""
        if time.monotonic() < self._retry_at:
            raise BlockingIOError
        for _ in range(BATCH):
            connection, address = self._accept_with_spare()
            if connection is None:
                continue
            owner = network_of(address[0].partition("%")[0])
            if not self._has_room(owner):
                self._refuse(connection)
                continue
            self._addresses[owner] += 1
            accepted = AcceptedSocket(self.family, self.type, self.proto, fileno=connection.detach())
            accepted.on_close = partial(self._give_back, owner)
            return accepted, address
        raise BlockingIOError

    def close(self) -> None:
        super().close()
        self._drop_spare()

    def _has_room(self, owner: str) -> bool:
        if self._addresses[owner] >= self._limits.per_address:
            return False
        return self._addresses.total() < self._limits.total or self._make_room()

    def _give_back(self, owner: str) -> None:
        self._addresses[owner] -= 1
        if not self._addresses[owner]:
            del self._addresses[owner]

    def _accept_with_spare(self) -> tuple[socket.socket | None, Any]:
        """Without a free descriptor a spare one serves to accept the connection and close it; an idle one makes room
        for the next.
        """
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in EXHAUSTED:
                raise
        self._drop_spare()
        try:
            connection, address = super().accept()
            self._refuse(connection)
            self._make_room()
            return None, address
        except OSError as error:
            if error.errno in EXHAUSTED:  # asyncio logs it and waits for a second
                self._retry_at = time.monotonic() + RETRY_DELAY
            raise
        finally:
            self._take_spare()

    def _refuse(self, connection: socket.socket) -> None:
        connection.close()
        self._refused += 1
        if (now := time.monotonic()) >= self._logged_at + LOG_INTERVAL:
            log.warning("connections were refused", count=self._refused, open=self._addresses.total())
            self._refused, self._logged_at = 0, now

    def _take_spare(self) -> None:
        try:
            self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._spare = -1

    def _drop_spare(self) -> None:
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1
