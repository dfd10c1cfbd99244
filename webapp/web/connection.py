"""One request on the ASGI connection: it gets an id, is timed, slows its client down, and is logged when it ends."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from quart.asgi import ASGIHTTPConnection
from structlog.contextvars import bound_contextvars

from webapp.web.body import BoundedBody
from webapp.web.headers import RAW_SECURITY_HEADERS
from webapp.web.request_context import RequestState, choose_request_id, new_request_state

Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]

log = structlog.get_logger("rowcast.access")
MAX_LINGER = 5.0  # seconds
DEBUG_PATHS = {"/up", "/ready", "/favicon.ico"}  # requested by machines, constantly


class Connection(ASGIHTTPConnection):
    _handler: asyncio.Task[Any] | None = None
    _body: BoundedBody | None = None

    async def __call__(self, receive: Receive, send: Send) -> None:
        request_id = choose_request_id(self._proxy_request_id())
        with new_request_state(request_id) as state, bound_contextvars(request_id=request_id):
            try:
                await super().__call__(receive, self._observed(send, state))
            except asyncio.CancelledError:
                await self._cancel_handler()
                raise
            finally:
                self._log(state)

    async def handle_messages(self, request: Any, receive: Receive, *more: Any) -> None:
        async def receive_with_backpressure() -> Any:
            await request.body.wait_for_room()
            return await receive()

        await super().handle_messages(request, receive_with_backpressure, *more)

    async def handle_request(self, request: Any, send: Send) -> None:
        self._handler, self._body = asyncio.current_task(), request.body
        await super().handle_request(request, send)

    async def _cancel_handler(self) -> None:
        """When the server cancels the connection, Quart 0.22 leaves the handler running; 0.23 has already ended it."""
        if self._handler is not None and not self._handler.done():
            self._handler.cancel()
            await asyncio.wait([self._handler])

    def _observed(self, send: Send, state: RequestState) -> Send:
        async def observed(message: Any) -> None:
            if message["type"] == "http.response.start":
                state.status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    *([(b"connection", b"close")] if self._has_two_lengths() else ()),
                    *RAW_SECURITY_HEADERS,
                    (b"x-request-id", state.request_id.encode()),
                    (b"server-timing", state.server_timing().encode()),
                ]
            elif message["type"] == "http.response.body":
                state.bytes_sent += len(message.get("body", b""))
                state.is_complete = not message.get("more_body", False)
                if state.is_complete:
                    await self._wait_for_body()
            await send(message)

        return observed

    async def _wait_for_body(self) -> None:
        """A client that is still sending reads the response only afterwards, and loses it if we hang up first.

        The response itself has been sent; only its end, which closes the connection, waits briefly.
        """
        if self._body is not None and not self._body.is_complete:
            await self._body.wait_until_complete(MAX_LINGER)

    def _has_two_lengths(self) -> bool:
        """What follows on this connection may be a part of the body to a proxy in front, and a request to us."""
        names = {name for name, _ in self.scope["headers"]}
        return b"transfer-encoding" in names and b"content-length" in names

    def _proxy_request_id(self) -> str | None:
        """Accept the id only from a trusted proxy, so that its log and ours agree."""
        if not self.app.config["TRUSTED_PROXIES"]:
            return None
        return next((value.decode("latin1") for name, value in self.scope["headers"] if name == b"x-request-id"), None)

    def _log(self, state: RequestState) -> None:
        """Leave out the query string: what people search for is private."""
        path = self.scope["path"]
        write = log.debug if path in DEBUG_PATHS or path.startswith("/static/") else log.info
        write(
            "request",
            method=self.scope["method"],
            path=path,
            status=state.status,
            sent=state.bytes_sent,
            ms=round(state.elapsed * 1000, 1),
            **{f"{name}_ms": round(seconds * 1000, 1) for name, seconds in state.durations.items()},
            **({} if state.is_complete else {"cut": True}),
            **state.log_fields,
        )
