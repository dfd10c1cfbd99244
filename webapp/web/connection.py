"""One request on the ASGI connection: it gets an id, is timed, slows its client down, and is logged when it ends."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import structlog
from quart.asgi import ASGIHTTPConnection
from structlog.contextvars import bound_contextvars

from webapp.web.body import BoundedBody
from webapp.web.headers import RAW_SECURITY_HEADERS, missing_headers
from webapp.web.least_rate import Pace
from webapp.web.request_context import RequestState, choose_request_id, new_request_state

Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]

log = structlog.get_logger("rowcast.access")
MAX_LINGER = 5.0  # seconds
CUT = (
    b"The server is stopping, and this request was not finished. What it asked for may be done all the same: "
    b"look before you send it again."
)
DEBUG_PATHS = {"/up", "/ready", "/favicon.ico"}  # requested by machines, constantly


class Connection(ASGIHTTPConnection):
    _handler: asyncio.Task[Any] | None = None
    _body: BoundedBody | None = None

    async def __call__(self, receive: Receive, send: Send) -> None:
        request_id = choose_request_id(self._proxy_request_id())
        with new_request_state(request_id) as state, bound_contextvars(request_id=request_id):
            cast(Any, self.app).note_state(state)  # `Application`, which imports this module
            observed = self._observed(send, state)
            try:
                await super().__call__(receive, observed)
            except asyncio.CancelledError:
                await self._cancel_handler()
                if state.status is None:
                    await self._answer_cut(observed, send)
                raise
            finally:
                if not state.is_taken_over:
                    log_request(self.scope["method"], self.scope["path"], state)

    async def handle_messages(self, request: Any, receive: Receive, *more: Any) -> None:
        async def receive_with_backpressure() -> Any:
            await request.body.wait_for_room()
            return await receive()

        await super().handle_messages(request, receive_with_backpressure, *more)

    async def handle_request(self, request: Any, send: Send) -> None:
        self._handler, self._body = asyncio.current_task(), request.body
        if least_rate := self.app.config["BODY_RATE"]:
            request.body.pace = Pace(least_rate)
        await super().handle_request(request, send)

    async def _cancel_handler(self) -> None:
        """When the server cancels the connection, Quart 0.22 leaves the handler running; 0.23 has already ended it."""
        if self._handler is not None and not self._handler.done():
            self._handler.cancel()
            await asyncio.wait([self._handler])

    async def _answer_cut(self, observed: Send, send: Send) -> None:
        """Hypercorn would answer with an empty 500, after which no client tries again. The body that may still be
        arriving is not waited for.
        """
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(CUT))]
        again = [(b"retry-after", b"2"), (b"connection", b"close")]
        await observed({"type": "http.response.start", "status": 503, "headers": [*headers, *again]})
        await send({"type": "http.response.body", "body": CUT})

    def _observed(self, send: Send, state: RequestState) -> Send:
        async def observed(message: Any) -> None:
            if message["type"] == "http.response.start":
                state.status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    *([(b"connection", b"close")] if self._has_two_lengths() else ()),
                    *missing_headers(message["headers"], state.security_headers or RAW_SECURITY_HEADERS),
                    (b"x-request-id", state.request_id.encode()),
                    (b"server-timing", state.server_timing().encode()),
                ]
            elif state.is_taken_over:
                return
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


def log_request(method: str, path: str, state: RequestState) -> None:
    """Leave out the query string: what people search for is private."""
    write = log.debug if path in DEBUG_PATHS or path.startswith("/static/") else log.info
    write(
        "request",
        request_id=state.request_id,
        method=method,
        path=path,
        status=state.status,
        sent=state.bytes_sent,
        ms=round(state.elapsed * 1000, 1),
        **{f"{name}_ms": round(seconds * 1000, 1) for name, seconds in state.durations.items()},
        **({} if state.is_complete else {"cut": True}),
        **state.log_fields,
    )
