"""Quart with what every request of ours needs below the blueprints: bounded bodies, a time limit, no session cookie."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from quart import Quart
from quart.sessions import SessionInterface
from quart.wrappers.base import BaseRequestWebsocket

from webapp.web.body import BoundedRequest
from webapp.web.connection import Connection
from webapp.web.exchange import current


class NoSession(SessionInterface):
    """Who somebody is, is kept in the database. A second, client-side session would be read by everybody who has it,
    revoked by nobody, and is announced in `Vary` always by one version of Quart and never by the other.
    """

    async def open_session(self, app: Quart, request: BaseRequestWebsocket) -> None:
        return None

    async def save_session(self, app: Quart, session: Any, response: Any) -> None:
        raise RuntimeError("There is no session to save to")


class Application(Quart):
    request_class = BoundedRequest
    asgi_http_class = Connection
    session_interface = NoSession()  # type: ignore[assignment]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.config.update(RESPONSE_TIMEOUT=None, HANDLER_TIMEOUT=None, TRUSTED_PROXIES=0)
        # The tasks that serve a request now; a server whose patience has ended cancels them.
        self.in_flight: set[asyncio.Task[None]] = set()

    async def asgi_app(self, scope: Any, receive: Any, send: Any) -> None:
        """All of Quart, with requests noted while they are under way; the lifespan, which closes all, is never cut."""
        task = cast("asyncio.Task[None]", asyncio.current_task())
        if scope["type"] == "http":
            self.in_flight.add(task)
        try:
            await super().asgi_app(scope, receive, send)
        finally:
            self.in_flight.discard(task)

    async def dispatch_request(self, *context: Any) -> Any:
        """The time limit is for the handler. Sending is not limited: a download takes as long as it takes."""
        async with asyncio.timeout(self.config["HANDLER_TIMEOUT"]) as deadline:
            if made := current():
                made.deadline = deadline
            return await super().dispatch_request(*context)

    def cut_all(self) -> None:
        """End every request in flight; their connections close."""
        for task in self.in_flight:
            task.cancel()


@asynccontextmanager
async def untimed() -> AsyncIterator[None]:
    """What happens inside does not count against the handler's time limit, which begins anew afterwards."""
    made = current()
    deadline = made.deadline if made else None
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
    """Under gevent's patched threads a password hash blocks the loop for seconds; nothing here is made for it."""
    if "gevent" in sys.modules:
        from gevent import monkey

        if monkey.is_module_patched("threading"):
            raise RuntimeError(
                "gevent has patched this process. Rowcast runs on asyncio: start it with `rowcast serve` or another "
                "ASGI server, without gevent workers."
            )
