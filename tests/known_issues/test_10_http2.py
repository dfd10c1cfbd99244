"""10. HTTP/2 in clear text: Hypercorn always speaks it, and buffers without a bound what its client does not take."""

import asyncio

import pytest
from quart import Quart

from tests.known_issues.plain import serving
from tests.servers import Server, Wire

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"  # with empty SETTINGS
UPGRADE = {
    "Connection": "Upgrade, HTTP2-Settings, close",
    "Upgrade": "h2c",
    "HTTP2_Settings": "AAMAAABkAARAAAAAAAIAAAAA",
}


@pytest.fixture
def plain() -> Quart:
    app = Quart("plain")

    @app.get("/up")
    async def up() -> str:
        return "up\n"

    return app


async def test_plain_hypercorn_speaks_http2_in_clear_text(plain: Quart) -> None:
    """Fails if it can be switched off, or is off by default: the switch then replaces our subclass."""
    async with serving(plain) as server:
        known = await asyncio.to_thread(_first_bytes, server.port, PREFACE)
        upgraded = await asyncio.to_thread(_first_line, server.port)

    assert known[3:4] == b"\x04"  # a SETTINGS frame
    assert upgraded.startswith(b"HTTP/1.1 101 ")


def test_rowcast_refuses_the_preface_of_http2(server) -> None:  # type: ignore[no-untyped-def]
    running: Server = server()
    with running.connect() as wire:
        wire.send(PREFACE)
        answer = wire.answer()

    assert answer.status == 505
    assert answer.headers["connection"] == "close"


def test_rowcast_answers_an_upgrade_to_http2_as_if_it_had_not_been_asked(server) -> None:  # type: ignore[no-untyped-def]
    running: Server = server()

    answer = running.get("/up", **UPGRADE)

    assert (answer.status, answer.body) == (200, b"up\n")


def _first_bytes(port: int, request: bytes) -> bytes:
    with Wire(port) as wire:
        wire.send(request)
        return wire.socket.recv(9)


def _first_line(port: int) -> bytes:
    with Wire(port) as wire:
        wire.send_head("GET", "/up", **UPGRADE)
        return wire.read_until(b"\r\n")
