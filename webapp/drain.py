"""The drain: tells things that would otherwise never end that the server is about to stop."""

import asyncio
from collections.abc import Callable


class Drain:
    """Starts once, before the server stops listening. Live streams end on it and clients reconnect to the next server.

    Quart's own `shutdown_event` is set only after every connection has closed, which an open stream never does.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._calls: list[Callable[[], None]] = []

    def on_begin(self, call: Callable[[], None]) -> None:
        """Run `call` on the event loop when draining starts; it must not raise or block."""
        self._calls.append(call)

    def begin(self) -> None:
        if self._event.is_set():
            return
        self._event.set()
        for call in self._calls:
            call()

    @property
    def has_begun(self) -> bool:
        return self._event.is_set()

    async def wait(self) -> None:
        await self._event.wait()
