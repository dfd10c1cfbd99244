"""Beginning and end of a server, as a real process."""

from collections.abc import Callable
from pathlib import Path

from tests.servers import Server

Start = Callable[..., Server]


def test_it_says_where_it_listens_and_answers_there(server: Start) -> None:
    answer = server().get("/up")

    assert (answer.status, answer.body) == (200, b"up\n")
    assert "server" not in answer.headers


def test_sigterm_ends_it_with_zero(server: Start) -> None:
    running = server()

    running.terminate()

    assert running.wait() == 0
