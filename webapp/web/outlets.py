"""Where the messages of a live stream go: pushed to the server's connection, or pulled by any ASGI server.

A stream that is pulled has a task of the application, one that receives for it, its request and their queues, more
than half of all the memory an open page takes; and each message wakes a task. Our server therefore offers to
write by itself, under `CONNECTION` in the state of the ASGI scope: the request ends, and the connection stays open.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Protocol

CONNECTION = "rowcast.connection"  # in `scope["state"]`: a `LastingConnection`

OnEnd = Callable[[int, bool], None]  # bytes that were written, and whether all was said


class Outlet(Protocol):
    """What a stream writes to. It never waits."""

    def write(self, data: bytes) -> bool:
        """Whether there is room for more; if not, `PushedStream.room` is called once there is."""

    def end(self) -> None:
        """Everything has been said."""

    def fail(self, error: BaseException) -> None:
        """There is more to say, but it cannot be made: log why, and let the client see that it was cut."""


class PushedStream(Protocol):
    """It writes to its outlet between `begin` and `close`, or until it has ended the outlet itself."""

    async def join(self) -> None:
        """Get ready to begin; `close` has to be called, also if this fails."""

    def begin(self, outlet: Outlet) -> None:
        """Write what there is, and from now on what comes."""

    def room(self) -> None:
        """The outlet has room again."""

    def close(self) -> None:
        """The client has gone. Does nothing the second time."""


class LastingConnection(Protocol):
    def take_over(self, stream: PushedStream, on_end: OnEnd) -> Outlet:
        """Write the rest of the response whose head was sent, without the application. Calls `on_end` at its end, and
        `stream.close` if the client goes before.
        """


class _Waiting:
    """The outlet of a stream that is pulled: room for one message, which is taken before there is another."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.has_ended = False
        self.error: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None

    def write(self, data: bytes) -> bool:
        self.messages.append(data)
        self._wake()
        return False

    def end(self) -> None:
        self.has_ended = True
        self._wake()

    def fail(self, error: BaseException) -> None:
        self.error = error
        self.end()

    async def wait(self) -> None:
        if not self.messages and not self.has_ended:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def pull(stream: PushedStream) -> AsyncIterator[bytes]:
    """The messages of a stream, for a server that asks for them. Raises what the stream failed with."""
    waiting = _Waiting()
    try:
        await stream.join()
        stream.begin(waiting)
        while True:
            await waiting.wait()
            while waiting.messages:
                yield waiting.messages.pop(0)
            if waiting.error is not None:
                raise waiting.error
            if waiting.has_ended:
                return
            stream.room()
    finally:
        stream.close()
