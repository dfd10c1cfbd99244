"""Two servers with a database of their own each, and one Redis server for their counts."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.helpers import ADA, PASSWORD
from tests.http.web.redis import RedisServer
from tests.servers import Server, wait_for

TRIES = 10  # at one account from one address
WRONG, LIMITED = 422, 429
AWAY = "requests are counted in this process only"

Start = Callable[[str], Server]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as running:
        yield running


@pytest.fixture
def start(redis: RedisServer, tmp_path: Path) -> Iterator[Start]:
    """`start("a" * 40)` starts one with that key, an empty database, and somebody who has signed up."""
    with ExitStack() as servers:

        def start(secret_key: str) -> Server:
            data_dir = tmp_path / f"server-{len(list(tmp_path.iterdir()))}" / "data"
            data_dir.mkdir(parents=True)
            settings = {"secret_key": secret_key, "rate_limit_url": redis.url}
            server = servers.enter_context(Server("tests.server.apps:patient_counts", data_dir, **settings))
            form = {"email": ADA.email, "password": PASSWORD, "confirmation": PASSWORD}
            assert post(server, "/register", form) == 303
            return server

        yield start


def post(server: Server, path: str, form: dict[str, str]) -> int:
    body, kind = urlencode(form).encode(), "application/x-www-form-urlencoded"
    return server.ask("POST", path, body, Sec_Fetch_Site="same-origin", Content_Type=kind).status


def guess(server: Server, times: int) -> list[int]:
    return [post(server, "/login", {"email": ADA.email, "password": f"guess {number}"}) for number in range(times)]


def test_servers_with_the_same_key_count_together(start: Start) -> None:
    one, other = start("a" * 40), start("a" * 40)

    assert guess(one, 6) == [WRONG] * 6
    assert guess(other, 6) == [WRONG] * 4 + [LIMITED] * 2
    assert guess(one, 1) == [LIMITED]


def test_servers_with_different_keys_count_apart(start: Start) -> None:
    one, other = start("a" * 40), start("b" * 40)

    assert guess(one, TRIES + 1) == [WRONG] * TRIES + [LIMITED]
    assert guess(other, TRIES + 1) == [WRONG] * TRIES + [LIMITED]


def test_while_the_counts_are_away_and_after_that_each_server_grants_a_limit_once_at_most(
    start: Start, redis: RedisServer
) -> None:
    one, other = start("a" * 40), start("a" * 40)
    assert guess(one, 6) == [WRONG] * 6

    redis.stop()
    assert guess(one, 6) == [WRONG] * 4 + [LIMITED] * 2
    assert guess(other, 4) == [WRONG] * 4
    redis.start()  # empty

    def counts_in_redis() -> bool:
        """A refusal leaves no key, an allowed request of another kind does."""
        other.get("/login")
        return redis.ask(b"DBSIZE") != b":0"

    wait_for(counts_in_redis)
    assert guess(one, 1) == [LIMITED]
    assert guess(other, 8) == [WRONG] * 6 + [LIMITED] * 2
    assert AWAY in one.log.read_text()
    assert "Traceback" not in one.log.read_text() + other.log.read_text()


def test_after_the_counts_were_wiped_each_server_grants_a_limit_once_at_most(start: Start, redis: RedisServer) -> None:
    one, other = start("a" * 40), start("a" * 40)
    assert guess(one, 6) == [WRONG] * 6

    assert redis.ask(b"FLUSHALL") == b"+OK"

    assert guess(one, 6) == [WRONG] * 4 + [LIMITED] * 2
    assert guess(other, 8) == [WRONG] * 6 + [LIMITED] * 2
    assert guess(one, 1) == [LIMITED]
