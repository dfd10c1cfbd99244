"""Connections on a real server with few descriptors: how many, from whom, and when they end."""

import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.servers import Server, Wire, wait_for
from webapp.server import KEEP_ALIVE_TIMEOUT

Start = Callable[..., Server]
STREAMS = "tests.server.apps:streams"
FEW = (128, 128)  # descriptors
VISITOR = "127.0.0.9"  # another address than that of whoever holds the connections
SOON = KEEP_ALIVE_TIMEOUT / 2  # seconds, before an idle connection ends by itself


def test_the_limit_of_descriptors_is_raised_at_the_start(server: Start) -> None:
    running = server(descriptors=(64, 512))

    assert resource.prlimit(running.pid, resource.RLIMIT_NOFILE) == (512, 512)


def test_a_stranger_with_200_connections_keeps_nobody_out(server: Start) -> None:
    running = server(descriptors=FEW)
    with _held(running, 200, "127.0.0.1"):
        for _ in range(5):
            assert _seconds_until_answered(running) < SOON
    assert len(running.log.read_text().splitlines()) < 100


def test_idle_connections_from_many_addresses_keep_nobody_out(server: Start) -> None:
    running = server(descriptors=FEW)
    with ExitStack() as held:
        for number in range(20, 40):
            held.enter_context(_held(running, 10, f"127.0.0.{number}"))
        for _ in range(5):
            assert _seconds_until_answered(running) < SOON
        assert running.descriptors() < FEW[1]
    assert len(running.log.read_text().splitlines()) < 100


def test_connections_opened_and_closed_at_once_keep_nobody_out(server: Start) -> None:
    running = server(descriptors=FEW)
    for _ in range(300):
        running.connect().close()

    assert _seconds_until_answered(running) < SOON
    assert len(running.log.read_text().splitlines()) < 100


def test_requests_of_a_client_that_has_gone_are_not_answered_one_by_one(server: Start) -> None:
    """A thousand of them fit into what is read at once."""
    running = server()
    running.process.send_signal(signal.SIGSTOP)
    with running.connect() as wire:
        port = wire.socket.getsockname()[1]
        wire.send(b"GET /login HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000)
    running.process.send_signal(signal.SIGCONT)

    wait_for(lambda: not running.is_connected_to(port))
    for _ in range(200):  # in which time many of them would have had their turn, too
        assert running.get("/up").status == 200
    assert len(running.log.read_text().splitlines()) < 100


def test_a_server_without_a_free_descriptor_goes_on(server: Start) -> None:
    """Its limit of connections is too high for it."""
    running = server(descriptors=FEW, max_connections="1000", connections_per_address="1000")
    with _held(running, 200, "127.0.0.1"):
        for _ in range(5):
            assert _seconds_until_answered(running) < SOON
    assert len(running.log.read_text().splitlines()) < 100
    assert "Traceback" not in running.log.read_text()


def test_requests_in_progress_are_not_cut_to_make_room(server: Start) -> None:
    running = server(STREAMS, max_connections="4", connections_per_address="4")
    with ExitStack() as held:
        streams = [held.enter_context(running.connect()) for _ in range(4)]
        for stream in streams:
            stream.send_head("GET", "/ticking")
            assert b"tick" in stream.read_until(b"tick")

        with running.connect(VISITOR) as late:
            assert late.read_all() == b""

        for stream in streams:
            assert b"tick" in stream.read_until(b"tick")
    wait_for(lambda: _status(running) == 200)


def test_an_address_has_its_number_of_connections_and_gets_them_back(server: Start) -> None:
    running = server(connections_per_address="3")
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(running.connect())
        with running.connect() as fourth:
            assert fourth.read_all() == b""
        assert _status(running, VISITOR) == 200

    wait_for(lambda: _status(running, "127.0.0.1") == 200)


def test_a_trusted_proxy_has_more_connections_than_a_client(server: Start) -> None:
    running = server(connections_per_address="3", trusted_proxies="1")
    with _held(running, 10, "127.0.0.1"):
        assert _status(running, "127.0.0.1") == 200


@pytest.mark.parametrize("request_line", [b"", b"GET /up HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /up HT"])
def test_a_connection_ends_when_its_client_closes_it(server: Start, request_line: bytes) -> None:
    running = server()
    before = running.sockets()
    with running.connect() as wire:
        wire.send(request_line)
        if request_line.endswith(b"\n"):
            wire.read_until(b"up\n")

    wait_for(lambda: running.sockets() <= before and not running.waits_to_close(), timeout=SOON)


@contextmanager
def _held(running: Server, count: int, source: str) -> Iterator[list[Wire]]:
    """That many open connections, whether or not the server has closed some of them."""
    with ExitStack() as held:
        yield [held.enter_context(running.connect(source)) for _ in range(count)]


def _seconds_until_answered(running: Server) -> float:
    began = time.monotonic()
    wait_for(lambda: _status(running) == 200)
    return time.monotonic() - began


def _status(running: Server, source: str = VISITOR) -> int:
    """Of an answer, or 0 if the connection was closed instead."""
    try:
        with running.connect(source) as wire:
            wire.send_head("GET", "/up")
            return wire.answer().status
    except ConnectionError:
        return 0
