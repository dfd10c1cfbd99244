"""On a real server: the answer to a change says what has become of it, also if the change took longer than allowed."""

import http.client
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.database import FILE, connect, lock_writes, rows
from tests.helpers import ADA, GRACE, PASSWORD
from tests.servers import Server, wait_for
from tests.tables import PLANET_ROWS, PLANETS, add_table

Start = Callable[..., Server]
FORM = "application/x-www-form-urlencoded"


class Browser:
    """Keeps cookies; sends what a browser sends from one of the server's own pages."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.cookies: dict[str, str] = {}

    def ask(self, method: str, path: str, body: str = "", kind: str = FORM) -> tuple[int, str, str]:
        """Status, Location, text."""
        headers = {"Sec-Fetch-Site": "same-origin", "Content-Type": kind}
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        with closing(http.client.HTTPConnection("localhost", self.server.port, timeout=20)) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            for line in answer.headers.get_all("Set-Cookie") or ():
                name, _, value = line.partition(";")[0].partition("=")
                self.cookies[name] = value
            return answer.status, answer.headers.get("Location", ""), answer.read().decode()

    def post(self, path: str, **form: str) -> tuple[int, str, str]:
        return self.ask("POST", path, urlencode(form))

    def register(self, email: str) -> tuple[int, str, str]:
        return self.post("/register", email=email, password=PASSWORD, confirmation=PASSWORD)


@pytest.fixture
def running(server: Start) -> Server:
    return server(handler_timeout="3", registration="open")


@pytest.fixture
def ada(running: Server) -> Browser:
    browser = Browser(running)
    assert browser.register(ADA.email)[0] == 303
    add_table(running.data_dir, PLANETS, PLANET_ROWS)
    return browser


def read(server: Server, statement: str) -> list[Any]:
    return rows(server.data_dir / FILE, statement)


def while_locked(server: Server, ask: Callable[[], Any], seconds: float = 4) -> Any:
    """What `ask` returns, while another process holds the write lock for longer than a request may take."""
    with closing(connect(server.data_dir / FILE)) as other, ThreadPoolExecutor(1) as thread:
        for statement in lock_writes(server.data_dir):
            other.execute(statement)
        answer = thread.submit(ask)
        with pytest.raises(TimeoutError):
            answer.result(seconds)  # nothing is answered before it is known
        other.execute("ROLLBACK")
        return answer.result(20)


def rename(browser: Browser) -> tuple[int, str, str]:
    return browser.post("/tables/1", title="Trains")


def make_token(browser: Browser) -> tuple[int, str, str]:
    return browser.post("/account/tokens/new", name="nightly", scope="read", lifetime="90")


def upload(browser: Browser) -> tuple[int, str, str]:
    return browser.ask("POST", "/tables?filename=planets.csv", "planet,moons\nMars,2\n", "text/csv")


def register(browser: Browser) -> tuple[int, str, str]:
    return Browser(browser.server).register(GRACE.email)


@pytest.mark.parametrize(
    ("change", "status", "count"),
    [
        (rename, 303, "SELECT count(*) FROM tables WHERE title = 'Trains'"),
        (make_token, 200, "SELECT count(*) FROM api_tokens"),
        (upload, 303, "SELECT count(*) FROM imports WHERE filename = 'planets.csv'"),
        (register, 303, f"SELECT count(*) FROM users WHERE email = '{GRACE.email}'"),
    ],
)
def test_a_change_that_takes_longer_than_allowed_is_waited_for_and_answered(
    running: Server, ada: Browser, change: Callable[[Browser], tuple[int, str, str]], status: int, count: str
) -> None:
    answer = while_locked(running, lambda: change(ada))

    assert answer[0] == status, answer[2]
    assert read(running, count) == [(1,)]
    assert change is not make_token or re.search(r"rowcast_[\w-]{30,}", answer[2])


def test_a_change_in_progress_at_the_end_of_the_grace_period_is_answered(server: Start, data_dir: Path) -> None:
    running = server("tests.db.apps:slow_write", graceful_timeout="0.3")
    with running.connect() as wire:
        wire.send_head("POST", "/write")
        wait_for((data_dir / "began").exists)
        running.terminate()
        wait_for(lambda: b"requests were cut" in running.log.read_bytes())

        (data_dir / "go-on").touch()

        answer = wire.answer()
    assert (answer.status, answer.body) == (200, b"written")
    assert not (data_dir / "left").exists()
    assert running.wait() == 0
