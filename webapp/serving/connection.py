"""A connection of Hypercorn that ends when its client has gone, speaks HTTP/1 only, and is known to be open.

Hypercorn 0.18 has no setting for any of these and no way to pass a class of connections, so `install` replaces one name
in it, and one method of `TCPServer` is extended (docs/known-issues.md, 10). `tests/known_issues/test_10_http2.py`
and `tests/server/test_connections.py` show what happens with the installed version.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import h11
import hypercorn.asyncio.run
import structlog
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.config import Config, Sockets
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import EndBody, StreamClosed
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.typing import LifespanState

from webapp.serving.listener import ACCEPTED_AT_ONCE, Listener
from webapp.serving.open_connections import OpenConnections
from webapp.web.outlets import CONNECTION, OnEnd, Outlet, PushedStream

HTTP_VERSIONS = {b"1.0", b"1.1"}

log = structlog.get_logger("rowcast.server")


class ServerConfig(Config):
    """Hands our listener, and what knows the open connections, through Hypercorn."""

    backlog = ACCEPTED_AT_ONCE  # what asyncio takes it for

    def __init__(self, listener: Listener, connections: OpenConnections) -> None:
        super().__init__()
        self.listener = listener
        self.connections = connections

    def create_sockets(self) -> Sockets:
        return Sockets([], [self.listener], [])


class Http1(h11.Connection):
    """Never becomes HTTP/2. In clear text Hypercorn has no bound on what it buffers for an HTTP/2 client, nor a limit
    on its idle time; behind TLS, HTTP/2 is the proxy's.
    """

    client_has_gone = False  # then what it sent before is not looked at

    def __init__(self, max_head_size: int) -> None:
        """The size is in bytes."""
        super().__init__(h11.SERVER, max_incomplete_event_size=max_head_size)
        self.max_head_size = max_head_size

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Raises h11.RemoteProtocolError, which is answered by a 505 for the preface of HTTP/2, and by a 431 for a head
        that is too long: h11 itself refuses one only if it has to wait for its end.
        """
        if self.client_has_gone:
            return h11.NEED_DATA
        event = super().next_event()
        if not isinstance(event, h11.Request):
            return event
        if event.http_version not in HTTP_VERSIONS:
            raise h11.RemoteProtocolError("Only HTTP/1 is supported", error_status_hint=505)
        if _size_of_head(event) > self.max_head_size:
            raise h11.RemoteProtocolError("The head of the request is too long", error_status_hint=431)
        return _without_upgrade_to_http2(event)


@dataclass(slots=True)
class _Lasting:
    """A response that is written without the application."""

    stream: PushedStream
    on_end: OnEnd
    written_before: int
    is_chunked: bool  # else it ends with the connection


class HttpConnection(TCPServer):
    config: ServerConfig
    _has_ended = False
    _written = 0
    _http: Http1
    _lasting: "_Lasting | None" = None

    async def run(self) -> None:
        self.config.connections.add(self)
        self.state = LifespanState({**self.state, CONNECTION: self})
        try:
            await super().run()
        finally:
            self.config.connections.remove(self)
            self._lose()
            self._forget()

    def __deepcopy__(self, memo: object) -> "HttpConnection":
        """The middleware for proxies copies all of a scope."""
        return self

    async def protocol_send(self, event: Event) -> None:
        if isinstance(event, RawData):
            if self.writer.transport.is_closing():
                return await self._end()
            self._written += len(event.data)
        elif isinstance(event, Updated):
            if self._has_ended:
                return  # or the timer of idle connections would keep it open
            self.config.connections.mark(self, is_idle=event.idle)
        await super().protocol_send(event)

    @property
    def bytes_waiting(self) -> int:
        return self.writer.transport.get_write_buffer_size()

    @property
    def bytes_taken(self) -> int:
        return self._written - self.bytes_waiting

    def abort(self) -> None:
        self.writer.transport.abort()

    # A response that is written without the application: see `webapp/web/outlets.py`.

    def take_over(self, stream: PushedStream, on_end: OnEnd) -> Outlet:
        """Whatever the application still says of this response goes nowhere: to Hypercorn its stream is closed. Once
        its request is done the application hears that the client is gone, which Quart 0.23 waits for.
        """
        if (request := cast(HTTPStream | None, self._http_protocol.stream)) is not None:
            request.closed = True
            self._http_protocol.stream = None
            if (task := asyncio.current_task()) is not None:
                task.add_done_callback(
                    lambda _: self._task_group.spawn(cast(Any, request.app_put), {"type": "http.disconnect"})
                )
        is_chunked = (self._http.their_http_version or b"") >= b"1.1"
        self._lasting = _Lasting(stream, on_end, self._written, is_chunked)
        return self

    def write(self, data: bytes) -> bool:
        lasting, transport = self._lasting, self.writer.transport
        if lasting is None:
            return False
        if transport.is_closing():
            self.loop.call_soon(self._lose)
            return False
        piece = _chunk(data) if lasting.is_chunked else data
        transport.write(piece)
        self._written += len(piece)
        if transport.get_write_buffer_size() <= transport.get_write_buffer_limits()[1]:
            return True
        self._task_group.spawn(self._wait_for_room)
        return False

    def end(self) -> None:
        if self._lasting is not None and not self.writer.transport.is_closing():
            self._leave(is_complete=True)
            self._task_group.spawn(self._end_response)
        self._lose()

    def fail(self, error: BaseException) -> None:
        log.error("stream failed", exc_info=error)
        self._lose()
        self.abort()

    async def _wait_for_room(self) -> None:
        with suppress(ConnectionError):
            await self.writer.drain()
            if self._lasting is not None:
                self._lasting.stream.room()

    async def _end_response(self) -> None:
        await self._http_protocol.stream_send(EndBody(STREAM_ID))
        await self._http_protocol.stream_send(StreamClosed(STREAM_ID))

    def _lose(self) -> None:
        """The client has gone."""
        if self._lasting is not None:
            self._lasting.stream.close()
            self._leave(is_complete=False)

    def _leave(self, *, is_complete: bool) -> None:
        lasting, self._lasting = self._lasting, None
        if lasting is not None:
            lasting.on_end(self._written - lasting.written_before, is_complete)

    def _forget(self) -> None:
        """What Hypercorn keeps of a connection refers back to it: all would stay until the garbage collector came."""
        vars(self).pop("protocol", None)
        self.state = LifespanState({})

    @property
    def _http_protocol(self) -> H11Protocol:
        return cast(H11Protocol, self.protocol.protocol)

    async def _end(self) -> None:
        """Thousands of requests may have been read already. Each answer would cost its work, and a line of the log that
        asyncio writes for each piece that nobody receives.
        """
        self._http.client_has_gone = True
        await self.protocol.handle(Closed())

    async def _read_data(self) -> None:
        """Called once, before anything is read; returns when the client has closed its side."""
        self._http_protocol.connection = self._http = Http1(self.config.h11_max_incomplete_size)
        await super()._read_data()
        self._has_ended = True
        self._lose()
        await self.idle_task.stop()


def install() -> None:
    """Have Hypercorn serve connections of this class."""
    vars(hypercorn.asyncio.run)["TCPServer"] = HttpConnection


@lru_cache(maxsize=8)
def _chunk(data: bytes) -> bytes:
    """Many connections send the same one."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _size_of_head(request: h11.Request) -> int:
    """In bytes, as most clients write it."""
    first_line = len(request.method) + len(request.target) + len(b"  HTTP/1.1\r\n")
    return first_line + sum(len(name) + len(value) + len(b": \r\n") for name, value in request.headers) + len(b"\r\n")


def _without_upgrade_to_http2(request: h11.Request) -> h11.Request:
    headers = [(name, value) for name, value in request.headers if not (name == b"upgrade" and _is_h2c(value))]
    if len(headers) == len(request.headers):
        return request
    return h11.Request(method=request.method, target=request.target, headers=headers, http_version=request.http_version)


def _is_h2c(upgrade: bytes) -> bool:
    return upgrade.strip().lower() == b"h2c"
