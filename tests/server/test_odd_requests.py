"""Requests that no browser sends, on real connections: they get a proper response and break nothing."""

from collections.abc import Callable

import pytest

from tests.servers import Server

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec_WebSocket_Version": "13",
}


@pytest.fixture(scope="module")
def odd(shared_server: Callable[..., Server]) -> Server:
    return shared_server()


@pytest.mark.parametrize("path", ["/live", "/up", "/nowhere"])
def test_a_websocket_is_refused_without_an_error_in_the_log(odd: Server, path: str) -> None:
    assert odd.ask("GET", path, **UPGRADE).status == 403
    assert "Traceback" not in odd.log.read_text()
    assert '"level": "error"' not in odd.log.read_text()


def test_a_request_without_a_path_gets_the_start_page(odd: Server) -> None:
    assert odd.get("?q=x").status == odd.get("/?q=x").status == 200


def test_a_request_with_two_body_lengths_closes_the_connection(odd: Server) -> None:
    """A proxy that believes the other length would take our next response for somebody else's."""
    host = f"Host: localhost:{odd.port}\r\n".encode()
    with odd.connect() as wire:
        wire.send(
            b"POST /login HTTP/1.1\r\n" + host + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        )
        wire.send(b"GET /up HTTP/1.1\r\n" + host + b"\r\n")
        assert wire.read_all().count(b"HTTP/1.1 ") == 1
