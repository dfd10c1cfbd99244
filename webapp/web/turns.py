"""Requests that come by the hundred take turns, so that others do not wait behind all of them.

When a server starts again, each page that was open connects at once. A page that somebody asks for then would be
answered after all that came before it, and the memory of so many requests in progress stays with the process.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

Send = Callable[[Any], Awaitable[None]]


class Turns:
    """Those of one path, in the order in which they came, `at_once` at a time. One's turn ends with its head's sending:
    a stream goes on for as long as it likes.
    """

    def __init__(self, at_once: int) -> None:
        self._free = asyncio.Semaphore(at_once)

    @asynccontextmanager
    async def taken(self, send: Send) -> AsyncIterator[Send]:
        """Wait for a turn; what is sent inside the block goes through the result."""
        await self._free.acquire()
        has_turn = True

        def end() -> None:
            nonlocal has_turn
            if has_turn:
                has_turn = False
                self._free.release()

        async def sending(message: Any) -> None:
            await send(message)
            end()

        try:
            yield sending
        finally:
            end()
