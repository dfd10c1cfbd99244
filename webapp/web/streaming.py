"""Answers that are sent while they are made: exports, files, live streams.

A stream is a plain async generator that owns what it uses: it opens its own short database sessions and holds none
while the client is waited for. Its request is over when it begins (teardown has run), so it is given what it needs
beforehand; `stream_with_context` would run teardown a second time after the body.
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
    """The answer had begun when its source failed. The connection is cut: a client must see a failed download, never
    an error's text at the end of its data. The cause is in the log already.
    """


def streamed(source: Source, mimetype: str, filename: str | None = None) -> Response:
    """Send what `source()` yields, for as long as it takes. With a filename it is a download.

    To HEAD it answers at once: `source` is not even called.
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
    """A live stream (SSE) of what `source()` yields; it ends when the server drains, and the client comes back."""
    draining = drain()
    response = streamed(lambda: until_drain(draining, source()), "text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def attachment(filename: str) -> str:
    """Any name a person gave, for `Content-Disposition`: RFC 6266, with an ASCII stand-in for old clients."""
    safe = "".join(" " if ord(letter) < 32 or letter in '/\\"\x7f' else letter for letter in filename)
    plain = safe.encode("ascii", "replace").decode().replace("?", "_")
    header = f'attachment; filename="{plain}"'
    return header if plain == safe else f"{header}; filename*=UTF-8''{quote(safe, safe='')}"


async def file_part(path: Path, begin: int, end: int) -> AsyncIterator[bytes]:
    """Bytes `begin` to `end` of a file in large blocks: each costs a trip to a thread."""
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
    """What `source` yields until the server drains; then it is closed, whatever it waits for."""
    drained = asyncio.ensure_future(draining.wait())
    try:
        while not draining.has_begun:
            step = asyncio.ensure_future(anext(source))
            try:
                await asyncio.wait({step, drained}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not step.done():
                    await _cancel(step)
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
            # A source that never waits would otherwise have the loop to itself, and not hear that its client has gone.
            await asyncio.sleep(0)
    except Exception as error:
        log.exception("stream failed")
        raise StreamFailed from error
    finally:
        await _close(items)


async def _cancel(task: asyncio.Future[Any]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, StopAsyncIteration):
        await task


async def _close(items: AsyncIterator[Any]) -> None:
    """Ends a generator here and now, in this task, rather than whenever it is collected."""
    if (close := getattr(items, "aclose", None)) is not None:
        await close()
