"""Plain Quart on a real Hypercorn, on the event loop of the test: where the faults are reproduced."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart

from tests.servers import Answer, Wire

# The newest Quart for Python 3.11 and 3.12 is 0.22; for 3.13 it is 0.23. The tests show where they differ.
IS_023 = version("quart").startswith("0.23.")


class Plain:
    """A running server; `ask` talks to it over a separate connection, reading raw bytes."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        return await asyncio.to_thread(self._ask, method, path, body, headers)

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        with Wire(self.port) as wire:
            wire.send_head(method, path, **({"Content_Length": str(len(body))} if body else {}), **headers)
            wire.send(body)
            return wire.answer()


@asynccontextmanager
async def serving(app: Quart) -> AsyncIterator[Plain]:
    """An unmodified Hypercorn, while the `async with` block runs."""
    listener = socket.create_server(("127.0.0.1", 0))
    plain = Plain(listener.getsockname()[1])
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.errorlog = None  # the failures are intentional
    listening: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()

    async def wait_for_stop() -> None:
        listening.set_result(None)
        await stop.wait()

    server = asyncio.ensure_future(serve(app, config, shutdown_trigger=wait_for_stop))
    await asyncio.wait({server, listening}, return_when=asyncio.FIRST_COMPLETED)
    try:
        if not server.done():
            yield plain
    finally:
        stop.set()
        await server
