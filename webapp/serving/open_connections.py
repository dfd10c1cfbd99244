"""The connections that are open: one that is idle makes room for a new one, and one whose client does not read ends."""

import asyncio
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import structlog

from webapp.web.least_rate import LeastRate, Pace

LOOKS_PER_WINDOW = 10
CANDIDATES = 16  # idle connections considered for closing

log = structlog.get_logger("rowcast.server")


class OpenConnection(Protocol):
    @property
    def bytes_waiting(self) -> int:
        """Written, but not yet taken by the client's side."""

    @property
    def bytes_taken(self) -> int:
        """All that the client's side has taken so far."""

    def abort(self) -> None:
        """Close it now, whatever is waiting."""


@dataclass
class _Reader:
    """What was seen of a client's reading at the last look."""

    pace: Pace
    taken: int = 0
    is_waiting: bool = False


class OpenConnections:
    def __init__(self, least: LeastRate) -> None:
        self._least = least
        self._readers: dict[OpenConnection, _Reader] = {}
        self._idle: dict[OpenConnection, None] = {}  # the longest idle one first

    def add(self, connection: OpenConnection) -> None:
        self._readers[connection] = _Reader(Pace(self._least))
        self._idle[connection] = None

    def remove(self, connection: OpenConnection) -> None:
        self._readers.pop(connection, None)
        self._idle.pop(connection, None)

    def mark(self, connection: OpenConnection, *, is_idle: bool) -> None:
        """An idle connection has no request in progress."""
        self._idle.pop(connection, None)
        if is_idle and connection in self._readers:
            self._idle[connection] = None

    def close_longest_idle(self) -> bool:
        """Whether there was one. One whose last answer is still on its way is left alone."""
        candidates = islice(self._idle, CANDIDATES)
        connection = next((each for each in candidates if not each.bytes_waiting), None)
        if connection is None:
            return False
        del self._idle[connection]
        connection.abort()
        return True

    async def cut_slow_readers(self) -> None:
        """For ever: look at all connections several times a window, and abort those read too slowly.

        Only time in which data waits for the client counts: a quiet live stream is not slow.
        """
        interval = self._least.window / LOOKS_PER_WINDOW
        loop = asyncio.get_running_loop()
        before = loop.time()
        while True:
            await asyncio.sleep(interval)
            now = loop.time()
            for connection, reader in list(self._readers.items()):
                if not _keeps_up(connection, reader, now - before):
                    log.info("a connection was cut: its client reads too slowly", waiting=connection.bytes_waiting)
                    connection.abort()
            before = now


def _keeps_up(connection: OpenConnection, reader: _Reader, elapsed: float) -> bool:
    moved, reader.taken = connection.bytes_taken - reader.taken, connection.bytes_taken
    was_waiting, reader.is_waiting = reader.is_waiting, connection.bytes_waiting > 0
    if not reader.is_waiting:
        reader.pace.restart()
        return True
    return not was_waiting or reader.pace.has_kept(elapsed, moved)
