"""The request body: bounded while it arrives, and read no faster than it is used. Its limits are small by default,
larger or smaller where a view says so.

Quart's own body has no working per-request limit, lets chunked bodies bypass the global limit, and buffers unread data
in memory. This one has the same interface on both versions of Quart.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from urllib.parse import parse_qsl

from quart import Quart, Request, request
from quart.formparser import FormDataParser
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, ClientDisconnected, RequestEntityTooLarge, RequestTimeout

from settings import Settings
from webapp.extensions import config
from webapp.web.least_rate import LeastRate, Pace

P = ParamSpec("P")
T = TypeVar("T")

MAX_FORM_FIELDS = 1000
MAX_FIELD_SIZE = 128 * 1024  # bytes per text field of a multipart form
HIGH_WATER = 256 * 1024  # bytes buffered before the client has to wait; also the largest single chunk
URLENCODED = "application/x-www-form-urlencoded"


def init_app(app: Quart, settings: Settings) -> None:
    app.config["MAX_CONTENT_LENGTH"] = settings.body_limit
    app.config["MAX_FORM_PARTS"] = MAX_FORM_FIELDS
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_FIELD_SIZE
    app.config["BODY_TIMEOUT"] = settings.body_idle_timeout
    app.config["BODY_RATE"] = LeastRate(settings.min_body_rate, settings.rate_window)


def body_limit(
    size: int | Callable[[Settings], int], *, fields: int | None = None
) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """Give the view its own limit of `size` bytes (and `fields` form fields), above or below the default.

    `size` is a number or a function of the settings. It applies once the view is reached: requests refused earlier,
    such as those of strangers, never get more than the default.
    """

    def decorate(view: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        @wraps(view)
        async def limited(*args: P.args, **kwargs: P.kwargs) -> T:
            request.max_content_length = limit = size(config()) if callable(size) else size
            if fields is not None:
                request.max_form_parts = fields
                request.max_form_memory_size = limit
            return await view(*args, **kwargs)

        return limited

    return decorate


class BoundedBody:
    """Iterate over it for chunks, or await it for the whole body.

    The limit applies to everything that has arrived and is checked on reading, so a view may raise or lower it.
    """

    def __init__(self, expected: int | None, limit: int | None) -> None:
        self.limit = limit
        self.idle_timeout: float | None = None  # seconds between two chunks
        self.pace: Pace | None = None
        self.received = self._judged = 0
        self._expected = expected or 0
        self._buffer = bytearray()
        self._is_disconnected = self._is_discarded = self._is_read_at_once = False
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._completed = asyncio.Event()

    # Called by the connection: `append` by Quart 0.22, `put` by 0.23.

    def append(self, data: bytes) -> None:
        self.received += len(data)
        if not data or self._is_discarded:
            return
        self._buffer += data
        if self._is_over_limit or (len(self._buffer) >= HIGH_WATER and not self._is_read_at_once):
            self._room.clear()
        self._changed.set()

    async def put(self, data: bytes) -> None:
        self.append(data)

    def set_complete(self) -> None:
        self._completed.set()
        self._changed.set()

    def disconnect(self) -> None:
        self._is_disconnected = True
        self._completed.set()
        self._changed.set()
        self._room.set()

    def set_result(self, data: bytes) -> None:
        self.append(data)
        self.set_complete()

    def clear(self) -> None:
        self._buffer.clear()

    async def wait_for_room(self) -> None:
        await self._room.wait()

    def discard(self) -> None:
        """Drop whatever still arrives, now that the response is decided; else the server would wait for room
        forever.
        """
        self._is_discarded = True
        self._buffer.clear()
        self._room.set()

    @property
    def is_complete(self) -> bool:
        return self._completed.is_set()

    async def wait_until_complete(self, timeout: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._completed.wait()

    # Called by the application.

    def __aiter__(self) -> "BoundedBody":
        return self

    async def __anext__(self) -> bytes:
        while True:
            self._check()
            if self._buffer:
                return self._take()
            if self._is_disconnected:
                raise ClientDisconnected
            if self.is_complete:
                raise StopAsyncIteration
            await self._wait()

    def __await__(self) -> Generator[Any, None, bytes]:
        return self._all().__await__()

    async def _all(self) -> bytes:
        self._is_read_at_once = True
        self._check()
        self._room.set()
        while not self.is_complete:
            await self._wait()
            self._check()
        if self._is_disconnected:
            raise ClientDisconnected
        return bytes(self._buffer)

    def _take(self) -> bytes:
        data = bytes(self._buffer[:HIGH_WATER])
        del self._buffer[:HIGH_WATER]
        if len(self._buffer) < HIGH_WATER:
            self._room.set()
        return data

    async def _wait(self) -> None:
        """For more of the body. Raises RequestTimeout if none comes for long, or too little."""
        self._changed.clear()
        began = time.monotonic()
        patience = self.pace.patience if self.pace else None
        limits = [limit for limit in (self.idle_timeout, patience) if limit is not None]
        with suppress(TimeoutError):
            async with asyncio.timeout(min(limits, default=None)):
                await self._changed.wait()
        waited = time.monotonic() - began
        is_silent = not self._changed.is_set() and waited >= (self.idle_timeout or math.inf)
        if not self.is_complete and (is_silent or not self._has_kept_pace(waited)):
            raise RequestTimeout

    def _has_kept_pace(self, waited: float) -> bool:
        moved, self._judged = self.received - self._judged, self.received
        return self.pace is None or self.pace.has_kept(waited, moved)

    @property
    def _is_over_limit(self) -> bool:
        return self.limit is not None and max(self.received, self._expected) > self.limit

    def _check(self) -> None:
        if self._is_over_limit:
            raise RequestEntityTooLarge


class FormParser(FormDataParser):
    """Limits the fields of a urlencoded form like the parts of a multipart one, and refuses malformed forms.

    Quart's parser accepts any number of fields (1.5 million blocked the loop for four seconds) and treats a malformed
    form as an empty one.
    """

    def __init__(self, **limits: Any) -> None:
        super().__init__(**limits)
        self.silent = False

    async def parse(
        self, body: Any, mimetype: str, content_length: int | None, options: dict[str, str] | None = None
    ) -> tuple[MultiDict[str, Any], MultiDict[str, Any]]:
        try:
            if mimetype == URLENCODED:
                return self._fields(await body), MultiDict()
            return await super().parse(body, mimetype, content_length, options)
        except ValueError as error:
            raise BadRequest("The form could not be read.") from error

    def _fields(self, data: bytes) -> MultiDict[str, Any]:
        if self.max_form_parts is not None and data.count(b"&") >= self.max_form_parts:
            raise RequestEntityTooLarge
        return MultiDict(parse_qsl(data.decode(), keep_blank_values=True, errors="strict"))


class BoundedRequest(Request):
    """A request with a bounded body."""

    body_class = BoundedBody  # type: ignore[assignment]
    form_data_parser_class = FormParser
    body: BoundedBody  # type: ignore[assignment]

    def __init__(self, *args: Any, body_timeout: float | None = None, **kwargs: Any) -> None:
        # Quart's timeout covers the whole body, which a long upload would exceed; ours limits silence.
        super().__init__(*args, body_timeout=None, **kwargs)
        self.body.idle_timeout = body_timeout

    @property
    def max_content_length(self) -> int | None:
        return self.body.limit

    @max_content_length.setter
    def max_content_length(self, value: int | None) -> None:
        self.body.limit = value

    async def close(self) -> None:
        await super().close()
        self.body.discard()
