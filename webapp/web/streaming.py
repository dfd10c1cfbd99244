"""Responses that are generated while they are sent: exports, files, live streams.

A stream is a plain async generator that owns its resources: it opens its own short database sessions and holds none
while it waits for the client. Its request has ended when it starts (teardown has run), so it receives what it needs as
arguments; `stream_with_context` would run teardown a second time after the body.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import structlog
from quart import Response, request

from webapp.drain import Drain
from webapp.extensions import drain

Source = Callable[[], AsyncIterator[bytes]]

BLOCK = 256 * 1024
log = structlog.get_logger("rowcast.stream")


class StreamFailed(Exception):
    """The source failed after the response had started. The connection is cut, so that the client sees a failed
    download and never an error message at the end of its data. The cause has already been logged.
    """


def streamed(source: Source, mimetype: str, filename: str | None = None) -> Response:
    """Send what `source()` yields, for as long as it takes. With a filename it is a download.

    HEAD is answered at once, without calling `source`.
    """
    if request.method == "HEAD":
        response = Response(mimetype=mimetype)
        del response.headers["Content-Length"]
    else:
        response = Response(_guarded(source), mimetype=mimetype)
    response.timeout = None
    if filename is not None:
        response.headers["Content-Disposition"] = attachment(filename)
    return response


def events(source: Source) -> Response:
    """A live stream (SSE) of what `source()` yields; it ends when the server drains, and the client reconnects."""
    draining = drain()
    response = streamed(lambda: until_drain(draining, source()), "text/event-stream")
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


async def _guarded(source: Source) -> AsyncIterator[bytes]:
    items = source()
    try:
        async for item in items:
            yield item
            # A source that never waits would monopolise the loop and not notice that its client has gone.
            await asyncio.sleep(0)
    except Exception as error:
        log.exception("stream failed")
        raise StreamFailed from error
    finally:
        await _close(items)


async def _close(items: AsyncIterator[Any]) -> None:
    """Close a generator here and now, in this task, rather than when it is garbage-collected."""
    if (close := getattr(items, "aclose", None)) is not None:
        await close()
