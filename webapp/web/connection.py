"""One request on its way through the ASGI connection: named, timed, back-pressured, logged when it has ended."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from quart.asgi import ASGIHTTPConnection
from structlog.contextvars import bound_contextvars

from webapp.web.body import BoundedBody
from webapp.web.exchange import Exchange, exchange, new_id
from webapp.web.headers import ALWAYS

Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]

log = structlog.get_logger("rowcast.access")
LINGER = 5.0  # seconds
QUIET = {"/up", "/ready", "/favicon.ico"}


class Connection(ASGIHTTPConnection):
    _handler: asyncio.Task[Any] | None = None
    _body: BoundedBody | None = None

    async def __call__(self, receive: Receive, send: Send) -> None:
        name = new_id(self._given_id())
        with exchange(name) as made, bound_contextvars(request_id=name):
            try:
                await super().__call__(receive, self._watched(send, made))
            except asyncio.CancelledError:
                await self._end_handler()
                raise
            finally:
                self._log(made)

    async def handle_messages(self, request: Any, receive: Receive, *more: Any) -> None:
        async def receive_when_there_is_room() -> Any:
            await request.body.wait_for_room()
            return await receive()

        await super().handle_messages(request, receive_when_there_is_room, *more)

    async def handle_request(self, request: Any, send: Send) -> None:
        self._handler, self._body = asyncio.current_task(), request.body
        await super().handle_request(request, send)

    async def _end_handler(self) -> None:
        """Quart 0.22 leaves the handler running when the server cancels the connection; 0.23 has ended it already."""
        if self._handler is not None and not self._handler.done():
            self._handler.cancel()
            await asyncio.wait([self._handler])

    def _watched(self, send: Send, made: Exchange) -> Send:
        async def watched(message: Any) -> None:
            if message["type"] == "http.response.start":
                made.status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    *ALWAYS,
                    (b"x-request-id", made.request_id.encode()),
                    (b"server-timing", made.server_timing().encode()),
                ]
            elif message["type"] == "http.response.body":
                made.sent += len(message.get("body", b""))
                made.is_complete = not message.get("more_body", False)
                if made.is_complete:
                    await self._hear_out()
            await send(message)

        return watched

    async def _hear_out(self) -> None:
        """A client that is still sending reads the answer only afterwards, and loses it when we hang up before that.

        The answer itself has been sent; only its end, which closes the connection, waits a little.
        """
        if self._body is not None and not self._body.is_complete:
            await self._body.wait_until_complete(LINGER)

    def _given_id(self) -> str | None:
        """A proxy's own id, so that its log and ours tell the same story; a stranger's would only confuse."""
        if not self.app.config["TRUSTED_PROXIES"]:
            return None
        return next((value.decode("latin1") for name, value in self.scope["headers"] if name == b"x-request-id"), None)

    def _log(self, made: Exchange) -> None:
        """Never the query string: what people search for is theirs."""
        path = self.scope["path"]
        line = log.debug if path in QUIET or path.startswith("/static/") else log.info
        line(
            "request",
            method=self.scope["method"],
            path=path,
            status=made.status,
            sent=made.sent,
            ms=round(made.elapsed * 1000, 1),
            **{f"{name}_ms": round(took * 1000, 1) for name, took in made.spent.items()},
            **({} if made.is_complete else {"cut": True}),
            **made.notes,
        )
