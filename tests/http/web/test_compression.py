"""Which pages are compressed, for whom, and how."""

import gzip
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import brotli
import pytest
from quart import Response
from quart.testing import QuartClient

from settings import Settings
from tests.conftest import make_settings
from webapp import create_app
from webapp.web import compression
from webapp.web.access import public
from webapp.web.application import Application

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Serve = Callable[..., QuartClient]
UNPACK: dict[str | None, Callable[[bytes], bytes]] = {
    "br": brotli.decompress,
    "gzip": gzip.decompress,
    "zstd": zstd.decompress,
    None: bytes,
}
PAGE = "<p>ö</p>" * 300
ALL = {"Accept-Encoding": "gzip, deflate, br, zstd"}


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Views of tests, which belong to no part, may be compressed."""
    monkeypatch.setattr(compression, "PARTS", {None})


async def page() -> str:
    return PAGE


@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "br"),
        ("gzip, deflate", "gzip"),
        ("GZIP", "gzip"),
        ("zstd;q=0.1, gzip;q=0.9, br;q=0.5", "gzip"),
        ("zstd;q=0, br;q=0.5", "br"),
        ("br;q=0, *;q=0.1", "zstd"),
        ("gzip;q=0", None),
        ("*;q=0", None),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("deflate, compress", None),
        ("", None),
    ],
)
async def test_the_client_decides_on_the_encoding(serve: Serve, accepted: str, encoding: str | None) -> None:
    answer = await serve(page).get("/try", headers={"Accept-Encoding": accepted})

    body = await answer.get_data(as_text=False)
    assert answer.headers.get("Content-Encoding") == encoding
    assert UNPACK[encoding](body).decode() == PAGE
    assert (len(body) < len(PAGE)) is (encoding is not None)
    assert answer.content_length == len(body)
    assert set(answer.vary) == {"Accept-Encoding", "HX-Request-Type", "Cookie"}


@pytest.mark.usefixtures("pages")
async def test_head_has_the_headers_of_get(serve: Serve) -> None:
    client = serve(page, methods=("GET",))
    get, head = [await send("/try", headers=ALL) for send in (client.get, client.head)]

    for name in ("Content-Encoding", "Content-Length", "Content-Type", "Vary"):
        assert head.headers[name] == get.headers[name]


@pytest.mark.usefixtures("pages")
async def test_a_large_page_is_compressed_as_well(serve: Serve) -> None:
    async def large() -> str:
        return PAGE * 200

    answer = await serve(large).get("/try", headers=ALL)

    assert zstd.decompress(await answer.get_data(as_text=False)).decode() == PAGE * 200


@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize(
    ("response", "method"),
    [
        (lambda: Response("x" * 1000), "GET"),  # small
        (lambda: Response("x" * 5000), "POST"),  # it may show a secret once
        (lambda: Response(b"x" * 5000, mimetype="application/octet-stream"), "GET"),
        (lambda: Response("x" * 5000, headers={"ETag": '"a"'}), "GET"),
        (lambda: Response("x" * 5000, headers={"Content-Encoding": "br"}), "GET"),
        (lambda: Response("x" * 5000, status=206), "GET"),
        (lambda: Response("", status=204), "GET"),
    ],
)
async def test_everything_else_is_sent_as_it_is(serve: Serve, response: Callable[[], Response], method: str) -> None:
    async def view() -> Response:
        return response()

    answer = await serve(view).open("/try", method=method, headers=ALL | {"Sec-Fetch-Site": "same-origin"})

    plain = response()
    assert await answer.get_data(as_text=False) == await plain.get_data(as_text=False)
    assert answer.headers.get("Content-Encoding") == plain.headers.get("Content-Encoding")
    assert answer.content_length == plain.content_length


@pytest.mark.usefixtures("pages")
async def test_a_stream_is_sent_as_it_is_made(serve: Serve) -> None:
    async def made() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * 100

    async def view() -> Response:
        return Response(made(), mimetype="text/plain")

    answer = await serve(view).get("/try", headers=ALL)

    assert "Content-Encoding" not in answer.headers
    assert await answer.get_data(as_text=False) == b"x" * 5000


@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize(
    ("headers", "is_compressed"),
    [
        ({"Sec-Fetch-Site": "same-origin", "Cookie": "a=b"}, True),
        ({"Sec-Fetch-Site": "none", "Cookie": "a=b"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Cookie": "a=b"}, False),
        ({"Sec-Fetch-Site": "same-site", "Cookie": "a=b"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "x"}, False),
        ({"Cookie": "a=b"}, True),  # without TLS
        ({}, True),
    ],
)
async def test_a_page_that_another_site_asks_for_is_not_compressed(
    bare: Application, serve: Serve, headers: dict[str, str], is_compressed: bool
) -> None:
    serve(page)

    answer = await QuartClient(bare).get("/try", headers=ALL | headers)

    assert ("Content-Encoding" in answer.headers) is is_compressed
    assert "Accept-Encoding" in answer.vary


@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize(("headers", "is_compressed"), [({"Cookie": "a=b"}, False), ({}, True)])
async def test_behind_tls_a_browser_that_does_not_say_who_asks_gets_the_page_as_it_is(
    settings: Settings, headers: dict[str, str], is_compressed: bool
) -> None:
    app = create_app(make_settings(settings.data_dir, public_origin="https://rows.example.org"))
    app.add_url_rule("/try", "page", public(page))

    answer = await QuartClient(app).get("/try", headers=ALL | {"Host": "rows.example.org"} | headers)

    assert ("Content-Encoding" in answer.headers) is is_compressed


async def test_only_the_parts_without_secrets_are_compressed(bare: Application) -> None:
    async with bare.test_app():
        client = bare.test_client()
        found: dict[str, Any] = {
            path: (await client.get(path, headers=ALL)).headers.get("Content-Encoding")
            for path in ("/", "/login", "/register", "/reset", "/api/docs", "/account")
        }

    assert found == dict.fromkeys(found) | {"/": "zstd"}
