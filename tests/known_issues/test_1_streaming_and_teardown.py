"""1. Streaming and teardown: with `stream_with_context` teardown functions run twice, the second time with an empty
`g`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import chain

import pytest
from quart import Quart, g, stream_with_context
from quart.typing import ResponseReturnValue

from tests.known_issues.plain import IS_023, serving
from tests.servers import Server, Wire
from webapp.web.application import Application


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def plain(log: list[str]) -> Quart:
    """The pattern from Flask's documentation: a connection on `g`, closed by a teardown function."""
    app = Quart("plain")

    @app.before_request
    async def connect() -> None:
        g.connection = "open"

    @app.teardown_request
    async def close(error: BaseException | None) -> None:
        log.append(f"teardown: {g.get('connection', 'nothing')}")
        g.pop("connection")

    @app.get("/rows")
    async def rows() -> ResponseReturnValue:
        @stream_with_context
        async def lines() -> AsyncIterator[bytes]:
            log.append(f"first line: {g.get('connection', 'nothing')}")
            yield b"first\n"
            log.append("last line")
            yield b"last\n"

        return lines()

    return app


async def test_plain_quart_runs_teardown_before_and_after_a_stream(plain: Quart, log: list[str]) -> None:
    """Fails if Quart tears a streamed request down only once, or keeps `g` for the stream (pallets/quart#361)."""
    async with serving(plain) as server:
        answer = await server.ask("GET", "/rows")

    assert log == ["teardown: open", "first line: nothing", "last line", "teardown: nothing"]
    assert answer.status == 200
    assert not answer.is_whole  # the KeyError: 'connection' of the second teardown truncated it


async def test_plain_quart_cuts_a_slow_download_without_an_error() -> None:
    """Fails if `RESPONSE_TIMEOUT`, 60 s by default, no longer includes the time spent sending."""
    app = Quart("plain")
    app.config["RESPONSE_TIMEOUT"] = 0.1

    @app.get("/slow")
    async def slow() -> ResponseReturnValue:
        async def lines() -> AsyncIterator[bytes]:
            yield b"first\n"
            await asyncio.Event().wait()

        return lines()

    def is_closed(port: int) -> bool:
        with Wire(port) as wire:
            wire.send_head("GET", "/slow")
            wire.read_until(b"first\n")
            wire.socket.settimeout(1)
            try:
                return not wire.read_until(b"0\r\n\r\n").endswith(b"0\r\n\r\n")
            except TimeoutError:
                return False

    async with serving(app) as server:
        closed = await asyncio.to_thread(is_closed, server.port)

    assert closed is not IS_023  # 0.23 does not even close the connection: the client waits forever


def test_our_teardown_runs_once_and_a_waiting_stream_holds_no_connection(server: Callable[..., Server]) -> None:
    """The same teardown function, which would fail if it ran twice; and only one read connection for everybody."""
    running = server("tests.known_issues.apps:streaming", database_readers="1")
    log = running.data_dir / "log"

    with running.connect() as wire:
        wire.send_head("GET", "/rows")
        wire.read_until(b"\r\n1\n\r\n")
        assert running.get("/ready").status == 200  # queries the database
        (running.data_dir / "go-on").touch()
        rest = wire.read_all()

    assert rest.split() == [b"2", b"2", b"2", b"3", b"0"]  # each row after its length, then the final chunk
    assert log.read_text().splitlines()[0] == "released leased"
    assert log.read_text().count("streamed") == 1
    assert "KeyError" not in running.log.read_text()


def test_our_time_limit_does_not_cover_sending(app: Application) -> None:
    assert app.config["RESPONSE_TIMEOUT"] is None  # handlers have a limit that ends when the response starts


def test_our_application_registers_no_teardown_function(app: Application) -> None:
    """Neither do the libraries it uses: what a request holds is released where it was taken."""
    assert [*app.teardown_appcontext_funcs, *chain.from_iterable(app.teardown_request_funcs.values())] == []
