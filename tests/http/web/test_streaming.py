"""Streamed responses; tests that need a real connection are in tests/server."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from quart import Response
from quart.testing import QuartClient
from werkzeug.http import parse_options_header

from webapp.drain import Drain
from webapp.web.byte_ranges import send_ranges
from webapp.web.streaming import attachment, file_part, streamed, until_drain

Serve = Callable[..., QuartClient]


async def test_a_download_has_a_file_name_and_no_time_limit(serve: Serve) -> None:
    timeouts: list[object] = []

    async def two() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    async def view() -> Response:
        response = streamed(two, "text/csv", "Flüge 2013.csv")
        timeouts.append(response.timeout)
        return response

    response = await serve(view).get("/try")

    assert await response.get_data() == b"ab"
    assert response.headers["Content-Disposition"] == (
        "attachment; filename=\"Fl_ge 2013.csv\"; filename*=UTF-8''Fl%C3%BCge%202013.csv"
    )
    assert timeouts == [None]


@pytest.mark.parametrize("name", ['a"b.csv', "a\r\nX: y.csv", "../../a.csv", "a;b.csv", "%41.csv", ""])
def test_a_file_name_cannot_break_out_of_the_header(name: str) -> None:
    header = attachment(name)

    kind, options = parse_options_header(header)
    assert kind == "attachment"
    assert set(options) <= {"filename"}
    assert "\n" not in header
    assert "/" not in header


async def test_a_drain_closes_the_source_of_a_waiting_stream() -> None:
    draining, closed = Drain(), []

    async def source() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            draining.begin()
            await Drain().wait()
        finally:
            closed.append(True)

    assert [item async for item in until_drain(draining, source())] == [b"first"]
    assert closed == [True]


async def test_a_stream_ends_with_its_source() -> None:
    async def source() -> AsyncIterator[bytes]:
        yield b"only"

    assert [item async for item in until_drain(Drain(), source())] == [b"only"]


async def test_a_client_that_disconnects_as_its_stream_ends_causes_no_error() -> None:
    complaints: list[object] = []
    loop, end = asyncio.get_running_loop(), asyncio.Event()
    loop.set_exception_handler(lambda _, context: complaints.append(context))

    async def source() -> AsyncIterator[bytes]:
        await end.wait()
        for item in ():
            yield item

    client = asyncio.ensure_future(anext(until_drain(Drain(), source())))
    for _ in range(3):
        await asyncio.sleep(0)  # it waits in the source
    end.set()
    await asyncio.sleep(0)  # the source has ended, nobody knows yet
    client.cancel()
    await asyncio.wait([client])
    del client
    gc.collect()

    assert complaints == []


async def test_a_stream_after_the_drain_sends_nothing() -> None:
    draining = Drain()
    draining.begin()

    async def source() -> AsyncIterator[bytes]:
        yield b"never"

    assert [item async for item in until_drain(draining, source())] == []


@pytest.mark.parametrize(
    ("range_header", "status", "expected"),
    [(None, 200, b"0123456789"), ("bytes=2-4", 206, b"234"), ("bytes=-3", 206, b"789"), ("bytes=20-", 416, None)],
)
async def test_a_file_is_sent_whole_or_as_a_range(
    serve: Serve, tmp_path: Path, range_header: str | None, status: int, expected: bytes | None
) -> None:
    path = tmp_path / "original"
    path.write_bytes(b"0123456789")

    responses: list[Response] = []

    async def view() -> Response:
        responses.append(send_ranges(lambda begin, end: file_part(path, begin, end), 10, "text/csv", "tag"))
        return responses[-1]

    client = serve(view)
    response = await client.get("/try", headers={"Range": range_header} if range_header else {})
    await client.head("/try")

    assert response.status_code == status
    if expected is not None:
        assert await response.get_data() == expected
        assert response.content_length == len(expected)
    assert (responses[-1].content_length, await responses[-1].get_data()) == (10, b"")


async def test_a_file_that_shrinks_while_it_is_sent_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "original"
    path.write_bytes(b"0123456789")

    with pytest.raises(EOFError):
        [block async for block in file_part(path, 0, 20)]
