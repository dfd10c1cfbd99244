"""Static files."""

import asyncio
import gzip
from pathlib import Path

import brotli
import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.conftest import Client
from webapp import create_app
from webapp.web import static
from webapp.web.static import IMMUTABLE, StaticFiles, static_files

CSS = b"@import 'more.css';\n" + b"body { color: teal }\n" * 200


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "static"
    (folder / "css").mkdir(parents=True)
    (folder / "css" / "app.css").write_bytes(CSS)
    (folder / "css" / "more.css").write_bytes(b"p {}")
    (folder / ".hidden").write_bytes(b"secret")
    (tmp_path / "outside.css").write_bytes(b"secret")
    monkeypatch.setattr(static, "FOLDER", folder)
    return folder


@pytest.fixture
def client(folder: Path, settings: Settings) -> QuartClient:
    return Client(create_app(settings))


def url(path: str) -> str:
    return StaticFiles(static.FOLDER).url(path)


async def test_a_fingerprinted_file_is_cached_as_immutable(client: QuartClient) -> None:
    response = await client.get(url("css/app.css"))

    assert response.headers["Cache-Control"] == IMMUTABLE
    assert response.headers["Content-Type"] == "text/css; charset=utf-8"
    assert await response.get_data() == CSS


async def test_relative_urls_inside_a_file_have_the_fingerprint_too(client: QuartClient) -> None:
    neighbour = url("css/app.css").replace("app.css", "more.css")

    assert (await client.get(neighbour)).headers["Cache-Control"] == IMMUTABLE


@pytest.mark.parametrize("path", ["/static/css/app.css", "/static/0123456789ab/css/app.css"])
async def test_a_file_without_the_current_fingerprint_is_revalidated(client: QuartClient, path: str) -> None:
    response = await client.get(path)

    assert response.headers["Cache-Control"] == "public, no-cache"
    assert await response.get_data() == CSS


async def test_a_changed_file_has_another_url(folder: Path) -> None:
    before = url("css/app.css")
    (folder / "css" / "more.css").write_bytes(b"p { color: red }")

    assert url("css/app.css") != before


async def test_a_file_changed_while_the_server_runs_is_sent_as_it_is_now(client: QuartClient, folder: Path) -> None:
    await client.get("/static/css/more.css")
    (folder / "css" / "more.css").write_bytes(b"p { color: red }")

    assert await (await client.get("/static/css/more.css")).get_data() == b"p { color: red }"


async def test_a_file_is_compressed_and_kept_once_however_its_path_is_spelt(
    client: QuartClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = static_files.of(client.app)
    read = []
    monkeypatch.setattr(static, "_read", lambda path, original=static._read: read.append(path) or original(path))
    spellings = ["css/app.css", "./css/app.css", "css/././app.css", "css//app.css"]

    answers = await asyncio.gather(*(client.get(f"/static/{path}") for path in spellings * 2))
    again = [await client.get(url(path)) for path in spellings]
    loaded = {id(await files.load(path)) for path in spellings}

    assert {answer.status_code for answer in [*answers, *again]} <= {200, 308}
    assert read == [folder / "css" / "app.css"]
    assert len(loaded) == len(files._files) == 1


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [("br, gzip", "br"), ("gzip", "gzip"), ("gzip;q=0", None), ("", None), ("identity", None), ("*", "br")],
)
async def test_text_is_compressed_with_an_encoding_the_client_accepts(
    client: QuartClient, accepted: str, encoding: str | None
) -> None:
    response = await client.get("/static/css/app.css", headers={"Accept-Encoding": accepted})

    body = await response.get_data()
    unpacked = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[encoding](body)
    assert response.headers.get("Content-Encoding") == encoding
    assert unpacked == CSS
    assert response.content_length == len(body)


async def test_each_encoding_has_its_own_etag_and_a_match_is_a_304(client: QuartClient) -> None:
    plain = await client.get("/static/css/app.css")
    packed = await client.get("/static/css/app.css", headers={"Accept-Encoding": "br"})
    again = await client.get("/static/css/app.css", headers={"If-None-Match": plain.headers["ETag"]})

    assert plain.headers["ETag"] != packed.headers["ETag"]
    assert (again.status_code, await again.get_data()) == (304, b"")


@pytest.mark.parametrize(
    ("range_header", "begin", "end"),
    [
        ("bytes=0-4", 0, 5),
        ("bytes=5-", 5, len(CSS)),
        ("bytes=-5", len(CSS) - 5, len(CSS)),
        ("bytes=-999999", 0, len(CSS)),
        ("bytes=10-999999", 10, len(CSS)),
    ],
)
async def test_a_range_of_a_file_is_sent_as_206(client: QuartClient, range_header: str, begin: int, end: int) -> None:
    response = await client.get("/static/css/app.css", headers={"Range": range_header, "Accept-Encoding": "br"})

    assert response.status_code == 206
    assert await response.get_data() == CSS[begin:end]
    assert response.headers["Content-Range"] == f"bytes {begin}-{end - 1}/{len(CSS)}"


@pytest.mark.parametrize("range_header", ["bytes=999999-", f"bytes={len(CSS)}-"])
async def test_a_range_beyond_the_file_is_refused(client: QuartClient, range_header: str) -> None:
    response = await client.get("/static/css/app.css", headers={"Range": range_header})

    assert response.status_code == 416
    assert response.headers["Content-Range"] == f"bytes */{len(CSS)}"


@pytest.mark.parametrize("range_header", ["bytes=0-1,4-5", "lines=1-2", "bytes=nonsense"])
async def test_unknown_ranges_get_the_whole_file(client: QuartClient, range_header: str) -> None:
    response = await client.get("/static/css/app.css", headers={"Range": range_header})

    assert (response.status_code, await response.get_data()) == (200, CSS)


async def test_a_range_of_an_older_version_gets_the_whole_file(client: QuartClient) -> None:
    headers = {"Range": "bytes=0-4", "If-Range": '"another"'}

    assert (await client.get("/static/css/app.css", headers=headers)).status_code == 200


async def test_head_has_the_length_of_the_file(client: QuartClient) -> None:
    response = await client.head("/static/css/app.css")

    assert (response.status_code, response.content_length) == (200, len(CSS))


@pytest.mark.parametrize(
    "path",
    [
        "../outside.css",
        "%2e%2e/outside.css",
        "css/../../outside.css",
        ".hidden",
        "css",
        "",
        "none.css",
        "\0",
        "a" * 300,
    ],
)
async def test_only_visible_files_of_the_folder_are_served(client: QuartClient, path: str) -> None:
    for prefix in ("/static/", url("")):
        response = await client.get(prefix + path)
        assert response.status_code in (404, 308, 303)
        assert b"secret" not in await response.get_data()


async def test_what_a_style_sheet_imports_into_a_layer_is_sent_in_its_place(client: QuartClient, folder: Path) -> None:
    sheet = folder / "css" / "layers.css"
    sheet.write_bytes(b'@layer base;\n@import url("more.css") layer(base);\n@import url("app.css") layer(base);\n')

    assert await (await client.get("/static/css/layers.css")).get_data() == (
        b"@layer base;\n@layer base {\np {}}\n@layer base {\n" + CSS + b"}\n"
    )

    (folder / "css" / "more.css").write_bytes(b"p { color: red }")
    assert b"p { color: red }" in await (await client.get("/static/css/layers.css")).get_data()
