"""One request on the ASGI connection: given an id, timed, back-pressured, and logged when it ends."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from quart.asgi import ASGIHTTPConnection
from structlog.contextvars import bound_contextvars

from webapp.web.body import BoundedBody
from webapp.web.headers import ALWAYS
from webapp.web.request_context import RequestState, new_id, request_state

Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]

log = structlog.get_logger("rowcast.access")
LINGER = 5.0  # seconds
QUIET = {"/up", "/ready", "/favicon.ico"}
LAST = ((b"connection", b"close"),)


class Connection(ASGIHTTPConnection):
    _handler: asyncio.Task[Any] | None = None
    _body: BoundedBody | None = None

    async def __call__(self, receive: Receive, send: Send) -> None:
        name = new_id(self._given_id())
        with request_state(name) as made, bound_contextvars(request_id=name):
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
        """When the server cancels the connection, Quart 0.22 leaves the handler running; 0.23 has already ended it."""
        if self._handler is not None and not self._handler.done():
            self._handler.cancel()
            await asyncio.wait([self._handler])

    def _watched(self, send: Send, made: RequestState) -> Send:
        async def watched(message: Any) -> None:
            if message["type"] == "http.response.start":
                made.status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    *(LAST if self._has_two_lengths() else ()),
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
        """A client that is still sending reads the response only afterwards, and loses it if we hang up first.

        The response itself has been sent; only its end, which closes the connection, waits briefly.
        """
        if self._body is not None and not self._body.is_complete:
            await self._body.wait_until_complete(LINGER)

    def _has_two_lengths(self) -> bool:
        """What follows on this connection may be a part of the body to a proxy in front, and a request to us."""
        names = {name for name, _ in self.scope["headers"]}
        return b"transfer-encoding" in names and b"content-length" in names

    def _given_id(self) -> str | None:
        """Accept the id only from a trusted proxy, so that its log and ours agree."""
        if not self.app.config["TRUSTED_PROXIES"]:
            return None
        return next((value.decode("latin1") for name, value in self.scope["headers"] if name == b"x-request-id"), None)

    def _log(self, made: RequestState) -> None:
        """Leave out the query string: what people search for is private."""
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
