"""Responses of known length: validators, and byte ranges, including suffix ranges, for which Quart answers 500."""

from collections.abc import AsyncIterator, Callable

from quart import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from webapp.web.streaming import streamed

ReadRange = Callable[[int, int], AsyncIterator[bytes]]


def send_bytes(body: bytes, mimetype: str, tag: str) -> Response:
    """Send a body from memory, the requested range of it, or a 304."""
    if _is_unchanged(tag):
        return _with_etag(Response(status=304, mimetype=mimetype), tag)
    part = requested_range(len(body), tag)
    response = Response(body if part is None else body[slice(*part)], mimetype=mimetype)
    return _with_etag(_partial(response, part, len(body)), tag)


def send_ranges(read: ReadRange, size: int, mimetype: str, tag: str) -> Response:
    """The same for a body that `read(begin, end)` streams."""
    if _is_unchanged(tag):
        return _with_etag(Response(status=304, mimetype=mimetype), tag)
    part = requested_range(size, tag)
    begin, end = part or (0, size)
    response = streamed(lambda: read(begin, end), mimetype)
    response.content_length = end - begin
    return _with_etag(_partial(response, part, size), tag)


def requested_range(size: int, tag: str) -> tuple[int, int] | None:
    """Return the range `Range` asks for; None for the whole: no range, several, or one for another version.

    Raises RequestedRangeNotSatisfiable if it lies outside the body.
    """
    wanted = request.range
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1 or request.method not in ("GET", "HEAD"):
        return None
    if (condition := request.headers.get("If-Range")) is not None and condition != f'"{tag}"':
        return None
    begin, end = wanted.ranges[0]
    if begin < 0:  # the last n bytes; if there are fewer, all of them
        begin, end = max(size + begin, 0), None
    end = size if end is None else min(end, size)
    if begin >= end:
        raise RequestedRangeNotSatisfiable(length=size)
    return begin, end


def _is_unchanged(tag: str) -> bool:
    return request.method in ("GET", "HEAD") and request.if_none_match.contains_weak(tag)


def _partial(response: Response, part: tuple[int, int] | None, size: int) -> Response:
    response.headers["Accept-Ranges"] = "bytes"
    if part is not None:
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {part[0]}-{part[1] - 1}/{size}"
    return response


def _with_etag(response: Response, tag: str) -> Response:
    response.set_etag(tag)
    return response
