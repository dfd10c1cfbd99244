"""Counting in several processes: in the store they share, and each by itself while that is away."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from werkzeug.exceptions import TooManyRequests

from settings import Settings
from tests.conftest import Client, make_settings
from tests.helpers import ADA, PASSWORD, sign_out, sign_up
from tests.http.web.redis import RedisServer
from webapp import create_app
from webapp.auth.rate_limits import rate_limits
from webapp.web.application import Application
from webapp.web.rate_limit import limits, store
from webapp.web.rate_limit.limits import RateLimit, hit_all
from webapp.web.rate_limit.requests import request_limits


class Clock:
    """One for all processes; nobody waits."""

    now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake_clock = Clock()
    monkeypatch.setattr(limits, "time", fake_clock)
    return fake_clock


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as running:
        yield running


@pytest.fixture(params=["memory", "redis"])
async def counting(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[None]:
    """In a request of an application that counts here, or elsewhere."""
    url = request.getfixturevalue("redis").url if request.param == "redis" else ""
    app = create_app(make_settings(settings.data_dir, rate_limit_url=url))
    async with app.test_app(), app.app_context():
        yield


async def test_a_hit_given_back_leaves_room_for_another(counting: None) -> None:
    limit = RateLimit("test", 2, 600)
    for _ in range(5):
        await limit.hit("ada")
        await limit.give_back("ada")

    assert [await limit.try_hit("ada") for _ in range(3)] == [True, True, False]
    await limit.give_back("ada")
    assert [await limit.try_hit("ada") for _ in range(2)] == [True, False]
    await limit.give_back("nobody")
    assert [await limit.try_hit("nobody") for _ in range(3)] == [True, True, False]


@pytest.fixture
async def sharing(redis: RedisServer, settings: Settings) -> AsyncIterator[Application]:
    """In an application that counts with others: another `RateLimit` of the same name is another process."""
    app = create_app(make_settings(settings.data_dir, rate_limit_url=redis.url))
    async with app.test_app(), app.app_context():
        yield app


@pytest.mark.usefixtures("counting")
async def test_concurrent_hits_all_count() -> None:
    tries = RateLimit("guess", 3, 60)

    free = await asyncio.gather(*(tries.try_hit("ada") for _ in range(20)))

    assert sum(free) == 3
    assert await tries.try_hit("grace")
    with pytest.raises(TooManyRequests) as refused:
        await tries.hit("ada")
    assert dict(refused.value.get_headers())["Retry-After"] == "60"
    assert "60 seconds" in str(refused.value.description)
    await tries.reset("ada")
    assert await tries.try_hit("ada")


@pytest.mark.usefixtures("counting")
async def test_a_refusal_by_one_of_several_limits_counts_for_none_of_them() -> None:
    few, many = RateLimit("few", 1, 60), RateLimit("many", 2, 60)
    assert await hit_all((many, "ada"), (few, "ada")) is None

    refusals = [await hit_all((many, "ada"), (few, "ada")) for _ in range(3)]

    assert [refusal and refusal.limit for refusal in refusals] == [few] * 3
    assert await many.try_hit("ada")
    assert not await many.try_hit("ada")


@pytest.mark.usefixtures("sharing")
async def test_two_processes_count_together(clock: Clock) -> None:
    first, second = RateLimit("guess", 3, 60), RateLimit("guess", 3, 60)
    assert await first.try_hit("ada")
    assert await first.try_hit("ada")
    clock.now += 20
    assert await second.try_hit("ada")

    clock.now += 10
    refusal = await hit_all((second, "ada"))
    assert refusal is not None
    assert (refusal.limit, refusal.retry_after) == (second, 30)
    assert second.local.retry_after("ada") == 0  # a try that was not made is not counted here either

    clock.now += 31  # the window slides: two have left it
    assert [await second.try_hit("ada") for _ in range(3)] == [True, True, False]
    await second.reset("ada")
    assert await RateLimit("guess", 3, 60).try_hit("ada")


async def test_keys_in_the_store_reveal_nobody_and_expire(sharing: Application, redis: RedisServer) -> None:
    await RateLimit("guess", 3, 60).try_hit("ada@example.org 192.0.2.7")
    (key,) = await store.shared_store.of(sharing).ask(lambda redis: redis.keys("*"))

    assert key.startswith(b"rowcast:limit:")
    assert b"ada" not in key
    assert b"192" not in key
    assert 0 < int(redis.ask(b"PTTL", key)[1:]) <= 60_000


@pytest.mark.usefixtures("sharing")
async def test_each_process_counts_by_itself_while_the_store_is_unavailable(
    redis: RedisServer, clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(store, "RETRY_AFTER", 3600.0)
    first, second = RateLimit("guess", 3, 60), RateLimit("guess", 3, 60)
    assert await first.try_hit("ada")

    redis.stop()
    assert [await first.try_hit("ada") for _ in range(3)] == [True, True, False]
    assert sum(await asyncio.gather(*(second.try_hit("ada") for _ in range(9)))) == 3
    assert capsys.readouterr().out.count("requests are counted in this process only") == 1

    redis.start()  # with nothing in it
    monkeypatch.setattr(store, "monotonic", lambda: 1e12)
    assert not await first.try_hit("ada")
    assert await RateLimit("guess", 3, 60).try_hit("ada")


@pytest.mark.parametrize(
    "command",
    [
        (b"SET", b"KEY", b"not a list"),
        (b"HSET", b"KEY", b"field", b"value"),
        (b"RPUSH", b"KEY", b"not a number"),
        (b"RPUSH", b"KEY", b"nan"),
        (b"RPUSH", b"KEY", b"inf"),
        (b"RPUSH", b"KEY", b"99999999999"),
    ],
)
async def test_foreign_values_in_the_store_are_ignored(
    sharing: Application, redis: RedisServer, command: tuple[bytes, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    key = store.shared_store.of(sharing).key("guess", "ada").encode()
    redis.ask(*(key if word == b"KEY" else word for word in command))

    hits = [await RateLimit("guess", 1, 60).try_hit("ada") for _ in range(3)]

    assert hits == [True, False, False]
    assert "counted in this process only" not in capsys.readouterr().out


@pytest.mark.usefixtures("sharing")
async def test_concurrent_hits_count_even_if_the_store_fails_meanwhile(redis: RedisServer) -> None:
    limit = RateLimit("guess", 3, 60)
    redis.stop()

    assert sum(await asyncio.gather(*(limit.try_hit("ada") for _ in range(9)))) == 3


@pytest.mark.usefixtures("sharing")
async def test_a_hit_refused_by_this_process_is_not_counted_in_the_store(redis: RedisServer) -> None:
    few, many = RateLimit("few", 1, 60), RateLimit("many", 1, 60)
    assert await few.try_hit("ada")
    redis.ask(b"FLUSHALL")

    exceeded = await hit_all((many, "ada"), (few, "ada"))

    assert exceeded is not None
    assert exceeded.limit is few
    assert await RateLimit("many", 1, 60).try_hit("ada")


async def test_wrong_passwords_at_two_servers_count_together(settings: Settings, redis: RedisServer) -> None:
    """One after the other, as two of one folder; so a restart forgets nothing either."""
    statuses = []
    for server in range(2):
        app = create_app(make_settings(settings.data_dir, rate_limit_url=redis.url))
        app.test_client_class = Client
        async with app.test_app():
            client = app.test_client()
            if server == 0:
                await sign_up(client)
                await sign_out(client)
            for n in range(6):
                stranger = app.test_client()
                answer = await stranger.post("/login", form={"email": ADA.email, "password": f"guess {n}"})
                statuses.append(answer.status_code)
            if server == 1:
                assert int(answer.headers["Retry-After"]) > 0
                right = await app.test_client().post("/login", form={"email": ADA.email, "password": PASSWORD})
                assert right.status_code == 429

    assert statuses == [422] * 10 + [429] * 2


async def test_every_limit_has_a_name_of_its_own(app: Application) -> None:
    names = [limit.name for limit in (*vars(rate_limits.of(app)).values(), *request_limits.of(app).values())]

    assert len(names) == len(set(names)) > 1
