"""Clients that send or read too slowly, on real connections, measured over two seconds instead of a minute."""

import select
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress

import pytest

from tests.servers import Server, Wire, wait_for

Start = Callable[..., Server]
WINDOW = 2.0  # seconds


@pytest.fixture(scope="module")
def bodies(shared_server: Start) -> Server:
    return shared_server("tests.server.apps:bodies", rate_window=str(WINDOW), min_body_rate="1000")


@pytest.fixture(scope="module")
def streams(shared_server: Start) -> Server:
    return shared_server("tests.server.apps:streams", rate_window=str(WINDOW), min_download_rate="100000")


@pytest.mark.parametrize("path", ["/whole", "/pieces"])
def test_a_body_that_trickles_in_gets_a_408(bodies: Server, path: str) -> None:
    with bodies.connect() as wire:
        wire.send_head("POST", path, Content_Length="1000")

        assert b" 408 " in _answer_to_a_trickle(wire)


def test_an_upload_that_trickles_in_leaves_no_file(bodies: Server) -> None:
    with bodies.connect() as wire:
        wire.send_head("PUT", "/upload?filename=a.csv", Content_Type="text/csv", Content_Length="1000000")

        assert b" 408 " in _answer_to_a_trickle(wire)

    wait_for(lambda: not list((bodies.data_dir / "uploads").iterdir()))


def test_a_body_at_the_least_rate_is_accepted(bodies: Server) -> None:
    """It takes longer than the window, with pauses in it."""
    with bodies.connect() as wire:
        wire.send_head("PUT", "/upload?filename=a.csv", Content_Type="text/csv", Content_Length="20000")
        began, sent = time.monotonic(), 0
        wire.socket.settimeout(0.05)
        while sent < 20000:
            with pytest.raises(TimeoutError):  # no answer yet
                wire.socket.recv(1)
            due = min(20000, int((time.monotonic() - began) * 5000))
            wire.send(b"x" * (due - sent))
            sent = due
        wire.socket.settimeout(20)

        assert time.monotonic() - began > WINDOW
        assert wire.answer().status == 200


@pytest.mark.parametrize("path", ["/endless", "/static/vendor/htmx.min.js"])
def test_readers_that_stall_are_cut(streams: Server, path: str) -> None:
    """A download, and small answers to many requests sent ahead."""
    before = streams.sockets()
    with ExitStack() as held:
        for _ in range(20):
            wire = held.enter_context(_reader(streams))
            for _ in range(200 if path != "/endless" else 1):
                wire.send_head("GET", path, Connection="keep-alive")
        wait_for(lambda: streams.sockets() >= before + 20)

        wait_for(lambda: streams.sockets() <= before)
    wait_for(lambda: "reads too slowly" in streams.log.read_text())


def test_a_reader_below_the_least_rate_is_cut(streams: Server) -> None:
    (streams.data_dir / "endless-ended").unlink(missing_ok=True)
    with _reader(streams) as wire:
        wire.send_head("GET", "/endless")

        wait_for(lambda: not _read_for(wire, 0.1, 100) or (streams.data_dir / "endless-ended").exists())


def test_a_reader_at_the_least_rate_is_not_cut(streams: Server) -> None:
    with _reader(streams) as wire:
        wire.send_head("GET", "/endless")
        began = time.monotonic()
        while time.monotonic() < began + 3 * WINDOW:
            assert _read_for(wire, 0.05, 50_000)


def test_a_quiet_live_stream_is_not_cut(streams: Server) -> None:
    (streams.data_dir / "silent-ended").unlink(missing_ok=True)
    with streams.connect() as wire:
        wire.send_head("GET", "/silent")
        wire.read_until(b"hello")
        wire.socket.settimeout(3 * WINDOW)

        with pytest.raises(TimeoutError):
            wire.socket.recv(100)

    wait_for((streams.data_dir / "silent-ended").exists)


def _reader(server: Server) -> Wire:
    """A client with a small buffer, so that what it leaves unread waits in the server."""
    wire = server.connect()
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return wire


def _read_for(wire: Wire, seconds: float, size: int) -> bool:
    """Read at most `size` bytes in this time. Whether the connection is still open."""
    end, rest = time.monotonic() + seconds, size
    while rest and (left := end - time.monotonic()) > 0:
        wire.socket.settimeout(left)
        try:
            piece = wire.socket.recv(rest)
        except TimeoutError:
            return True
        except ConnectionResetError:
            return False
        if not piece:
            return False
        rest -= len(piece)
    select.select([], [], [], max(0.0, end - time.monotonic()))
    return True


def _answer_to_a_trickle(wire: Wire) -> bytes:
    """The first line of the answer that comes while single bytes are sent."""
    end = time.monotonic() + 20
    wire.socket.settimeout(0.1)
    while time.monotonic() < end:
        wire.send(b"x")
        with suppress(TimeoutError):
            return wire.read_until(b"\r\n")
    raise AssertionError("There was no answer")
