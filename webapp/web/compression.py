"""Pages of more than a kilobyte are compressed for clients that ask for it, at a level that costs less than sending.

A page that has a secret beside what a stranger can put there gives the secret away by its size (BREACH). So only pages
of `PARTS` are compressed, which have none, and of those only answers to GET; and none that another site has asked for.
What a program has asked for with a token is compressed too.
Streams and downloads are sent as they are made, static files have been compressed before.
"""

import asyncio
import sys
import zlib
from collections.abc import Callable
from functools import lru_cache

import brotli
from quart import Quart, Response, request
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

from settings import Settings
from webapp.web.bearer import has_token
from webapp.web.headers import vary_by
from webapp.web.hosts import own_origin

PARTS = frozenset({"main", "tables"})  # blueprints
PROGRAMS = "api"  # the same for those who show a token, which no browser sends by itself
TYPES = frozenset({"text/html", "text/css", "text/plain", "application/json"})
MIN_BYTES = 1024
IN_THREAD = 256 * 1024  # bytes; from here on the event loop would notice


def _zstd(body: bytes) -> bytes:
    # Loaded with the first use: 1.4 MB.
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.compress(body, 3)


def _brotli(body: bytes) -> bytes:
    compressed: bytes = brotli.compress(body, quality=1)
    return compressed


def _gzip(body: bytes) -> bytes:
    compressor = zlib.compressobj(1, zlib.DEFLATED, wbits=31)  # with the header of gzip
    return compressor.compress(body) + compressor.flush()


# The cheapest first: of those that a client likes equally it gets the first. 60 kB take 0.09, 0.25 and 0.37 ms.
ENCODERS: dict[str, Callable[[bytes], bytes]] = {"zstd": _zstd, "br": _brotli, "gzip": _gzip}


def init_app(app: Quart, settings: Settings) -> None:
    app.after_request(compress)


async def compress(response: Response) -> Response:
    """HEAD gets the headers of GET. A response with a strong validator or a range is sent as it is."""
    if not _is_compressed_part() or request.method not in ("GET", "HEAD") or not _may_be_compressed(response):
        return response
    vary_by(response, "Accept-Encoding")
    encoding = best_encoding(request.headers.get("Accept-Encoding", ""))
    if encoding is None or _may_be_asked_by_others():
        return response
    body = await response.get_data(as_text=False)
    if len(body) >= MIN_BYTES:
        encode = ENCODERS[encoding]
        response.set_data(encode(body) if len(body) < IN_THREAD else await asyncio.to_thread(encode, body))
        response.headers["Content-Encoding"] = encoding
    return response


@lru_cache(maxsize=64)
def best_encoding(header: str) -> str | None:
    """The one that this `Accept-Encoding` likes best; None if it likes none, or likes the page as it is better.

    Browsers send the same few values with every request.
    """
    accepted = parse_accept_header(header, Accept)
    found = max(ENCODERS, key=accepted.quality)  # the first of those that it likes equally
    plain = accepted.quality("identity") if "identity" in accepted.values() else 0
    return found if accepted.quality(found) > 0 and accepted.quality(found) >= plain else None


def _is_compressed_part() -> bool:
    return request.blueprint in PARTS or (request.blueprint == PROGRAMS and has_token())


def _may_be_compressed(response: Response) -> bool:
    headers = response.headers
    is_in_memory = isinstance(response.response, response.data_body_class)
    is_whole = response.status_code != 206 and "Content-Encoding" not in headers
    is_whole = is_whole and headers.get("ETag", "W/").startswith("W/")
    return is_in_memory and is_whole and response.mimetype in TYPES


def _may_be_asked_by_others() -> bool:
    """Whether another site may have made the visitor's browser ask. Without TLS whoever could measure the size of the
    page could read it, so browsers that do not say who asks there lose nothing.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is None:
        return "Cookie" in request.headers and own_origin().startswith("https:")
    return site not in ("same-origin", "none")
