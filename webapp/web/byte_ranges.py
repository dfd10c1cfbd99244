"""Responses of known length: validators, and byte ranges, including suffix ranges, for which Quart answers 500."""

from collections.abc import AsyncIterator, Callable

from quart import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from webapp.web.streaming import streamed

ReadRange = Callable[[int, int], AsyncIterator[bytes]]


def send_bytes(body: bytes, mimetype: str, tag: str) -> Response:
    """Send a body from memory, the requested range of it, or a 304."""
    return _send(lambda begin, end: Response(body[begin:end], mimetype=mimetype), len(body), mimetype, tag)


def send_ranges(read: ReadRange, size: int, mimetype: str, tag: str) -> Response:
    """The same for a body that `read(begin, end)` streams."""

    def stream(begin: int, end: int) -> Response:
        response = streamed(lambda: read(begin, end), mimetype)
        response.content_length = end - begin
        return response

    return _send(stream, size, mimetype, tag)


def _send(send: Callable[[int, int], Response], size: int, mimetype: str, tag: str) -> Response:
    is_read = request.method in ("GET", "HEAD")
    if is_read and request.if_none_match.contains_weak(tag):
        response = Response(status=304, mimetype=mimetype)
    else:
        byte_range = _requested_range(size, tag) if is_read else None
        begin, end = byte_range or (0, size)
        response = send(begin, end)
        response.headers["Accept-Ranges"] = "bytes"
        if byte_range is not None:
            response.status_code = 206
            response.headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    response.set_etag(tag)
    return response


def _requested_range(size: int, tag: str) -> tuple[int, int] | None:
    """Return the range `Range` asks for; None for the whole: no range, several, or one for another version.

    Raises RequestedRangeNotSatisfiable if it lies outside the body.
    """
    header = request.range
    if header is None or header.units != "bytes" or len(header.ranges) != 1:
        return None
    if (condition := request.headers.get("If-Range")) is not None and condition != f'"{tag}"':
        return None
    begin, end = header.ranges[0]
    if begin < 0:  # the last n bytes; if there are fewer, all of them
        begin, end = max(size + begin, 0), None
    end = size if end is None else min(end, size)
    if begin >= end:
        raise RequestedRangeNotSatisfiable(length=size)
    return begin, end
