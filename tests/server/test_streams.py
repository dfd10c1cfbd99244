"""Streams on real connections."""

from collections.abc import Callable

import pytest

from tests.servers import Server, wait_for

Start = Callable[..., Server]


@pytest.fixture(scope="module")
def running(shared_server: Start) -> Server:
    return shared_server("tests.server.apps:streams", handler_timeout="1")


@pytest.fixture
def streams(running: Server) -> Server:
    """The same server, without the files of the previous test."""
    for mark in [*running.data_dir.glob("*-ended"), running.data_dir / "teardowns"]:
        mark.unlink(missing_ok=True)
    return running


def test_a_stream_outlives_the_time_limit_of_handlers(streams: Server) -> None:
    with streams.connect() as wire:
        wire.send_head("GET", "/ticking")
        for _ in range(40):  # two seconds at least
            assert b"tick" in wire.read_until(b"tick")


@pytest.mark.parametrize(("path", "begins"), [("/ticking", b"tick"), ("/silent", b"hello"), ("/endless", b"xxx")])
def test_a_stream_is_closed_when_its_client_disconnects(streams: Server, path: str, begins: bytes) -> None:
    with streams.connect() as wire:
        wire.send_head("GET", path)
        wire.read_until(begins)

    wait_for((streams.data_dir / f"{path[1:]}-ended").exists)


@pytest.mark.parametrize("path", ["/ticking", "/endless", "/failing"])
def test_head_is_answered_at_once(streams: Server, path: str) -> None:
    answer = streams.ask("HEAD", path)

    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"].startswith(("text/event-stream", "text/csv"))
    assert not (streams.data_dir / f"{path[1:]}-ended").exists()


def test_head_of_a_static_file_has_its_length_and_no_body(streams: Server) -> None:
    whole, head = streams.get("/static/icons.svg"), streams.ask("HEAD", "/static/icons.svg")

    assert head.body == b""
    assert int(head.headers["content-length"]) == len(whole.body)


def test_an_error_in_the_middle_of_a_stream_cuts_the_connection(streams: Server) -> None:
    answer = streams.get("/failing")

    assert answer.status == 200
    assert not answer.is_whole
    assert b"disk is gone" not in answer.body
    wait_for(lambda: "the disk is gone" in streams.log.read_text())
    assert streams.log.read_text().count("Traceback") <= 1


def test_teardown_runs_once_for_a_stream(streams: Server) -> None:
    streams.get("/failing")

    assert (streams.data_dir / "teardowns").read_text() == "x"


def test_a_handler_that_exceeds_the_time_limit_gets_a_503_page(streams: Server) -> None:
    answer = streams.get("/stubborn")

    assert answer.status == 503
    assert b"took too long" in answer.body


def test_an_internal_error_shows_its_request_number_and_nothing_else(streams: Server) -> None:
    answer = streams.get("/broken")

    assert answer.status == 500
    assert answer.headers["x-request-id"].encode() in answer.body
    assert b"secret" not in answer.body
    assert answer.headers["cache-control"] == "no-store"
    wait_for(lambda: "a secret of ours" in streams.log.read_text())
    assert answer.headers["x-request-id"] in streams.log.read_text()
