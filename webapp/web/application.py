"""The Quart application, with what every request needs: bounded bodies, a time limit, no session cookie."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from quart import Quart, current_app
from quart.sessions import SessionInterface
from quart.wrappers.base import BaseRequestWebsocket
from werkzeug.routing import IntegerConverter

from settings import Settings
from webapp.extensions import db
from webapp.models.base import MAX_ID
from webapp.web.body import BoundedRequest
from webapp.web.connection import Connection
from webapp.web.request_context import RequestState, current_state
from webapp.web.turns import Turns

# Seconds that a request waits for its write beyond its own time limit. A write waits up to 30 s for others and 5 s for
# the lock of another process; this is only reached if the database hangs.
WRITE_TIMEOUT = 60.0
ENDING_TIMEOUT = 1.0  # seconds from a write to its response while the server stops


class NoSession(SessionInterface):
    """Disables Quart's client-side session; sign-ins are kept in the database. Anybody who has such a cookie can read
    it, nobody can revoke it, and one version of Quart always announces it in `Vary`, the other never.
    """

    async def open_session(self, app: Quart, request: BaseRequestWebsocket) -> None:
        return None

    async def save_session(self, app: Quart, session: Any, response: Any) -> None:
        raise RuntimeError("There is no session to save to")


def parse_id(text: str) -> int:
    """No row has the largest id, so any number beyond stands for it and is not found. Raises ValueError."""
    return max(0, min(int(text), MAX_ID))


class IdConverter(IntegerConverter):
    """`<id:table_id>` in a route."""

    def to_python(self, value: str) -> int:
        return parse_id(value)


def init_app(app: Quart, settings: Settings) -> None:
    """The time limit of requests, and that one which waits for its write has more."""
    app.config["HANDLER_TIMEOUT"] = settings.handler_timeout
    db.of(app).waiting = while_writing


class Application(Quart):
    request_class = BoundedRequest
    asgi_http_class = Connection
    session_interface = NoSession()  # type: ignore[assignment]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.url_map.converters["id"] = IdConverter
        self.config.update(
            RESPONSE_TIMEOUT=None, HANDLER_TIMEOUT=None, WRITE_TIMEOUT=WRITE_TIMEOUT, BODY_RATE=None, TRUSTED_PROXIES=0
        )
        # The tasks serving a request, each with its state once it has one; the server cancels them when its grace
        # period ends.
        self.in_flight: dict[asyncio.Task[None], RequestState | None] = {}
        self.turns: dict[str, Turns] = {}  # of the paths whose requests take turns

    async def asgi_app(self, scope: Any, receive: Any, send: Any) -> None:
        """Track requests in flight. The lifespan task, which closes everything, is never cancelled."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        if scope["type"] == "http" and not scope["path"]:
            scope = {**scope, "path": "/"}
        task = cast("asyncio.Task[None]", asyncio.current_task())
        if scope["type"] == "http":
            self.in_flight[task] = None
        try:
            if (turns := self.turns.get(scope.get("path", ""))) is None:
                await super().asgi_app(scope, receive, send)
            else:
                async with turns.taken(send) as sending:
                    await super().asgi_app(scope, receive, sending)
        finally:
            self.in_flight.pop(task, None)

    def note_state(self, state: RequestState) -> None:
        """Called by the connection: the state of the request that the current task serves."""
        task = cast("asyncio.Task[None]", asyncio.current_task())
        if task in self.in_flight:
            self.in_flight[task] = state

    async def dispatch_request(self, *context: Any) -> Any:
        """The time limit covers the handler only, not sending: a download takes as long as it takes."""
        async with asyncio.timeout(self.config["HANDLER_TIMEOUT"]) as deadline:
            state = current_state()
            if state:
                state.deadline = deadline
            try:
                return await super().dispatch_request(*context)
            finally:
                if state:
                    state.deadline = None

    def cancel_requests(self) -> None:
        """Cancel every request in flight; their connections close. One that is writing gets its response first."""
        for task, state in self.in_flight.items():
            if state is not None:
                state.is_ending = True
            if state is None or not state.writes_in_progress:
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


@asynccontextmanager
async def while_writing() -> AsyncIterator[None]:
    """Wait for a write beyond the time limit, so that the response says what has become of it.

    A write cannot be stopped once it has begun; a response that came before it could only guess. Afterwards the limit
    starts again in full, or with a second while the server stops.
    """
    state = current_state()
    if state is None:
        yield
        return
    if state.is_ending:  # what has not begun to be written by now is not begun
        raise asyncio.CancelledError
    is_limited = _extend_deadline(state)
    state.has_begun_write = True
    state.writes_in_progress += 1
    try:
        yield
        state.has_committed = True
    finally:
        state.writes_in_progress -= 1
        if is_limited and state.deadline is not None and not state.deadline.expired():
            seconds = ENDING_TIMEOUT if state.is_ending else current_app.config["HANDLER_TIMEOUT"]
            state.deadline.reschedule(asyncio.get_running_loop().time() + seconds)


def _extend_deadline(state: RequestState) -> bool:
    """Give the request `WRITE_TIMEOUT` more; return False if it has no limit, or has reached it."""
    deadline = state.deadline
    when = deadline.when() if deadline else None
    if deadline is None or when is None or deadline.expired():
        return False
    deadline.reschedule(when + current_app.config["WRITE_TIMEOUT"])
    return True


def refuse_patched_process() -> None:
    """Under threads patched by gevent, a password hash blocks the loop for seconds, so refuse to start."""
    if "gevent" in sys.modules:
        from gevent import monkey

        if monkey.is_module_patched("threading"):
            raise RuntimeError(
                "gevent has patched this process. Rowcast runs on asyncio: start it with `rowcast serve` or another "
                "ASGI server, without gevent workers."
            )
