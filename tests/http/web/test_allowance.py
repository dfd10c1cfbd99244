"""Counting tries in several processes: in the store they share, and each by itself while that is away."""

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
from webapp.account.throttles import throttles as account_throttles
from webapp.auth.passkeys import tries
from webapp.auth.throttles import throttles as sign_in_throttles
from webapp.web.application import Application
from webapp.web.rate_limit import allowance, shared
from webapp.web.rate_limit.allowance import RateLimit, hit_all


class Clock:
    """One for all processes; nobody waits."""

    now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(allowance, "time", made)
    return made


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


@pytest.fixture
async def sharing(redis: RedisServer, settings: Settings) -> AsyncIterator[Application]:
    """In an application that counts with others: another `RateLimit` of the same name is another process."""
    app = create_app(make_settings(settings.data_dir, rate_limit_url=redis.url))
    async with app.test_app(), app.app_context():
        yield app


@pytest.mark.usefixtures("counting")
async def test_so_many_tries_and_no_more_also_at_once() -> None:
    tries = RateLimit("guess", 3, 60)

    free = await asyncio.gather(*(tries.is_free("ada") for _ in range(20)))

    assert sum(free) == 3
    assert await tries.is_free("grace")
    with pytest.raises(TooManyRequests) as refused:
        await tries.begin("ada")
    assert dict(refused.value.get_headers())["Retry-After"] == "60"
    await tries.forget("ada")
    assert await tries.is_free("ada")


@pytest.mark.usefixtures("counting")
async def test_who_has_to_wait_for_one_of_several_has_used_up_none_of_them() -> None:
    few, many = RateLimit("few", 1, 60), RateLimit("many", 2, 60)
    assert await hit_all((many, "ada"), (few, "ada")) is None

    refusals = [await hit_all((many, "ada"), (few, "ada")) for _ in range(3)]

    assert [refusal and refusal.allowance for refusal in refusals] == [few] * 3
    assert await many.is_free("ada")
    assert not await many.is_free("ada")


@pytest.mark.usefixtures("sharing")
async def test_two_processes_count_together(clock: Clock) -> None:
    one, other = RateLimit("guess", 3, 60), RateLimit("guess", 3, 60)
    assert await one.is_free("ada")
    assert await one.is_free("ada")
    clock.now += 20
    assert await other.is_free("ada")

    clock.now += 10
    refusal = await hit_all((other, "ada"))
    assert refusal is not None
    assert (refusal.allowance, refusal.wait) == (other, 30)
    assert other.here.wait_for("ada") == 0  # a try that was not made is not counted here either

    clock.now += 31  # the window slides: two have left it
    assert [await other.is_free("ada") for _ in range(3)] == [True, True, False]
    await other.forget("ada")
    assert await RateLimit("guess", 3, 60).is_free("ada")


async def test_what_is_kept_there_tells_nobodys_address_and_expires(sharing: Application, redis: RedisServer) -> None:
    await RateLimit("guess", 3, 60).is_free("ada@example.org 192.0.2.7")
    (key,) = await shared.shared.of(sharing).ask(lambda store: store.keys("*"))

    assert key.startswith(b"rowcast:tries:")
    assert b"ada" not in key
    assert b"192" not in key
    assert 0 < int(redis.ask(b"PTTL", key)[1:]) <= 60_000


@pytest.mark.usefixtures("sharing")
async def test_while_the_store_is_away_each_counts_by_itself_and_afterwards_nobody_begins_anew(
    redis: RedisServer, clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shared, "ASK_AGAIN", 3600.0)
    one, other = RateLimit("guess", 3, 60), RateLimit("guess", 3, 60)
    assert await one.is_free("ada")

    redis.stop()
    assert [await one.is_free("ada") for _ in range(3)] == [True, True, False]
    assert sum(await asyncio.gather(*(other.is_free("ada") for _ in range(9)))) == 3
    assert capsys.readouterr().out.count("requests are counted in this process only") == 1

    redis.start()  # with nothing in it
    monkeypatch.setattr(shared, "monotonic", lambda: 1e12)
    assert not await one.is_free("ada")
    assert await RateLimit("guess", 3, 60).is_free("ada")


async def test_wrong_passwords_at_two_servers_are_as_many_as_at_one(settings: Settings, redis: RedisServer) -> None:
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


async def test_no_two_allowances_share_a_name(app: Application) -> None:
    known = [sign_in_throttles.of(app), account_throttles.of(app), tries.of(app)]
    names = [one.name for group in known for one in vars(group).values()]

    assert len(names) == len(set(names)) == 16
