"""Responses that are generated while they are sent: exports, files, live streams.

A stream is a plain async generator that owns its resources: it opens its own short database sessions and holds none
while it waits for the client. Its request has ended when it starts (teardown has run), so it receives what it needs as
arguments; `stream_with_context` would run teardown a second time after the body.
"""

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import structlog
from quart import Response, request

from webapp.drain import Drain
from webapp.extensions import Extension, config, drain
from webapp.web.connection import log_request
from webapp.web.open_streams import OpenStreams, Release
from webapp.web.outlets import CONNECTION, LastingConnection, PushedStream, pull
from webapp.web.request_context import RequestState, current_state
from webapp.web.session import current_user_or_none

Source = Callable[[], AsyncIterator[bytes]]

BLOCK = 256 * 1024
EVENTS = "text/event-stream"
downloads = Extension("downloads", lambda app: OpenStreams(config.of(app).downloads_per_person, "download"))
live_streams = Extension("live_streams", lambda app: OpenStreams(config.of(app).streams_per_person, "live page"))
log = structlog.get_logger("rowcast.stream")


class StreamFailed(Exception):
    """The source failed after the response had started. The connection is cut, so that the client sees a failed
    download and never an error message at the end of its data. The cause has already been logged.
    """


def streamed(
    source: Source,
    mimetype: str,
    filename: str | None = None,
    *,
    open_streams: Extension[OpenStreams] = downloads,
    gives_way: bool = False,
) -> Response:
    """Send what `source()` yields, for as long as it takes. With a filename it is a download.

    HEAD is answered at once, without calling `source`. A source that itself `gives_way` waits for something between two
    items. Raises `TooManyOpen`.
    """

    def body(release: Release) -> AsyncIterator[bytes]:
        items = _guarded(source, release, gives_way=gives_way)
        weakref.finalize(items, release)  # the client may have gone before the first of them
        return items

    response = _response(body, mimetype, open_streams)
    if filename is not None:
        response.headers["Content-Disposition"] = attachment(filename)
    return response


def _response(
    body: Callable[[Release], AsyncIterator[bytes]], mimetype: str, open_streams: Extension[OpenStreams]
) -> Response:
    if request.method == "HEAD":
        response = Response(mimetype=mimetype)
        del response.headers["Content-Length"]
    else:
        reader = current_user_or_none()
        response = Response(body(open_streams().take(reader.id) if reader else _nothing), mimetype=mimetype)
    response.timeout = None
    return response


def events(source: Source, *, ends_at_drain: bool = False) -> Response:
    """A live stream (SSE) of what `source()` yields; it ends when the server drains, and the client reconnects.

    A source that itself `ends_at_drain` is spared the tasks that watch for it, two for each stream. It waits for news
    between two messages, so that it need not be made to give way: each of thousands would take another turn.
    """
    draining = drain()
    bounded = source if ends_at_drain else lambda: until_drain(draining, source())
    return _uncached(streamed(bounded, EVENTS, open_streams=live_streams, gives_way=ends_at_drain))


def pushed(make: Callable[[], PushedStream]) -> Response:
    """A live stream of what `make()` writes, which ends itself when the server drains: by the connection itself where
    our server serves, else as any other.
    """
    connection: LastingConnection | None = request.scope.get("state", {}).get(CONNECTION)
    state = current_state()
    if connection is None or state is None:
        return events(lambda: pull(make()), ends_at_drain=True)
    made = partial(_TakenOver, make, connection, state, request.method, request.path)
    return _uncached(_response(made, EVENTS, live_streams))


class _TakenOver:
    """The body of a response that the connection writes by itself: it has no item, and ends at once."""

    def __init__(
        self,
        make: Callable[[], PushedStream],
        connection: LastingConnection,
        state: RequestState,
        method: str,
        path: str,
        release: Release,
    ) -> None:
        self._make, self._connection, self._state = make, connection, state
        self._on_end = partial(_end_taken, state, method, path, release)
        self._unless_taken = weakref.finalize(self, release)  # the client may have gone before

    def __aiter__(self) -> "_TakenOver":
        return self

    async def __anext__(self) -> bytes:
        stream = self._make()
        try:
            await stream.join()
        except BaseException:
            stream.close()
            raise
        self._unless_taken.detach()
        self._state.is_taken_over = True
        outlet = self._connection.take_over(stream, self._on_end)
        try:
            stream.begin(outlet)
        except Exception as error:
            stream.close()
            outlet.fail(error)
        raise StopAsyncIteration


def _end_taken(state: RequestState, method: str, path: str, release: Release, sent: int, is_complete: bool) -> None:
    release()
    state.bytes_sent, state.is_complete = sent, is_complete
    log_request(method, path, state)


def _uncached(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def attachment(filename: str) -> str:
    """`Content-Disposition` for any user-chosen name: RFC 6266, with an ASCII fallback for old clients."""
    safe = "".join(" " if ord(letter) < 32 or letter in '/\\"\x7f' else letter for letter in filename)
    ascii_name = safe.encode("ascii", "replace").decode().replace("?", "_")
    header = f'attachment; filename="{ascii_name}"'
    return header if ascii_name == safe else f"{header}; filename*=UTF-8''{quote(safe, safe='')}"


async def file_part(path: Path, begin: int, end: int) -> AsyncIterator[bytes]:
    """Bytes `begin` to `end` of a file, in large blocks because each block costs a switch to a thread."""
    file = await asyncio.to_thread(path.open, "rb", 0)
    try:
        await asyncio.to_thread(file.seek, begin)
        while begin < end:
            block = await asyncio.to_thread(file.read, min(BLOCK, end - begin))
            if not block:
                raise EOFError(f"{path.name} became shorter while it was read")
            begin += len(block)
            yield block
    finally:
        file.close()


async def until_drain(draining: Drain, source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield what `source` yields until the server drains; then close it, whatever it is waiting for."""
    drained = asyncio.ensure_future(draining.wait())
    try:
        while not draining.has_begun:
            step = asyncio.ensure_future(anext(source))
            try:
                await asyncio.wait({step, drained}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not step.done():
                    step.cancel()
                    with suppress(asyncio.CancelledError, StopAsyncIteration):
                        await step
                elif not step.cancelled():
                    step.exception()  # retrieved, also if the client has gone at this very moment
            if step.cancelled():
                return
            try:
                item = step.result()
            except StopAsyncIteration:
                return
            yield item
    finally:
        drained.cancel()
        await _close(source)


def _nothing() -> None:
    """A stream for somebody who is not signed in is bounded by connections alone."""


async def _guarded(source: Source, release: Release, *, gives_way: bool) -> AsyncIterator[bytes]:
    items = source()
    try:
        async for item in items:
            yield item
            # A source that never waits would monopolise the loop and not notice that its client has gone.
            if not gives_way:
                await asyncio.sleep(0)
    except Exception as error:
        log.exception("stream failed")
        raise StreamFailed from error
    finally:
        try:
            await _close(items)
        finally:
            release()


async def _close(items: AsyncIterator[Any]) -> None:
    """Close a generator here and now, in this task, rather than when it is garbage-collected."""
    if (close := getattr(items, "aclose", None)) is not None:
        await close()
