"""The Quart application, with what every request needs: bounded bodies, a time limit, no session cookie."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from quart import Quart
from quart.sessions import SessionInterface
from quart.wrappers.base import BaseRequestWebsocket
from werkzeug.routing import IntegerConverter

from webapp.models.base import MAX_ID
from webapp.web.body import BoundedRequest
from webapp.web.connection import Connection
from webapp.web.request_context import current_state


class NoSession(SessionInterface):
    """Disables Quart's client-side session; sign-ins are kept in the database. Anybody who has such a cookie can read
    it, nobody can revoke it, and one version of Quart always announces it in `Vary`, the other never.
    """

    async def open_session(self, app: Quart, request: BaseRequestWebsocket) -> None:
        return None

    async def save_session(self, app: Quart, session: Any, response: Any) -> None:
        raise RuntimeError("There is no session to save to")


class IdConverter(IntegerConverter):
    """`<id:table_id>` in a route. No row has the largest id, so any number beyond stands for it and is not found."""

    def to_python(self, value: str) -> int:
        return min(int(value), MAX_ID)


class Application(Quart):
    request_class = BoundedRequest
    asgi_http_class = Connection
    session_interface = NoSession()  # type: ignore[assignment]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.url_map.converters["id"] = IdConverter
        self.config.update(RESPONSE_TIMEOUT=None, HANDLER_TIMEOUT=None, TRUSTED_PROXIES=0)
        # The tasks serving a request; the server cancels them when its grace period ends.
        self.in_flight: set[asyncio.Task[None]] = set()

    async def asgi_app(self, scope: Any, receive: Any, send: Any) -> None:
        """Track requests in flight. The lifespan task, which closes everything, is never cancelled."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        if scope["type"] == "http" and not scope["path"]:
            scope = {**scope, "path": "/"}
        task = cast("asyncio.Task[None]", asyncio.current_task())
        if scope["type"] == "http":
            self.in_flight.add(task)
        try:
            await super().asgi_app(scope, receive, send)
        finally:
            self.in_flight.discard(task)

    async def dispatch_request(self, *context: Any) -> Any:
        """The time limit covers the handler only, not sending: a download takes as long as it takes."""
        async with asyncio.timeout(self.config["HANDLER_TIMEOUT"]) as deadline:
            if state := current_state():
                state.deadline = deadline
            return await super().dispatch_request(*context)

    def cancel_requests(self) -> None:
        """Cancel every request in flight; their connections close."""
        for task in self.in_flight:
            task.cancel()


@asynccontextmanager
async def untimed() -> AsyncIterator[None]:
    """Suspend the handler's time limit inside this block; it starts again in full afterwards."""
    state = current_state()
    deadline = state.deadline if state else None
    when = deadline.when() if deadline else None
    if deadline is None or when is None:
        yield
        return
    loop = asyncio.get_running_loop()
    limit = when - loop.time()
    deadline.reschedule(None)
    try:
        yield
    finally:
        if not deadline.expired():
            deadline.reschedule(loop.time() + limit)


def refuse_patched_process() -> None:
    """Under threads patched by gevent, a password hash blocks the loop for seconds, so refuse to start."""
    if "gevent" in sys.modules:
        from gevent import monkey

        if monkey.is_module_patched("threading"):
            raise RuntimeError(
                "gevent has patched this process. Rowcast runs on asyncio: start it with `rowcast serve` or another "
                "ASGI server, without gevent workers."
            )
