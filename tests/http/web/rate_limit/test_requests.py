"""The rate limits of strangers, people and programs, and the response beyond them."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from quart.testing import QuartClient
from redis.exceptions import RedisError

from settings import Settings
from tests.conftest import Client, make_settings
from tests.helpers import ADA, sign_in, sign_up
from tests.http.web.redis import RedisServer
from webapp import create_app
from webapp.db.errors import DatabaseBusy
from webapp.extensions import db
from webapp.models import ApiToken, Scope
from webapp.web import local_limit, session
from webapp.web.access import public
from webapp.web.application import Application
from webapp.web.rate_limit import limits, requests, store
from webapp.web.rate_limit.limits import RateLimit

ME = "/api/v1/me"
FEW = 5


@pytest.fixture(params=["memory", "redis"])
def counted_in(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer | None]:
    if request.param == "memory":
        yield None
        return
    with RedisServer(tmp_path) as redis:
        yield redis


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Goes on by 50 microseconds a look: on a slow machine a request would take as long as it takes to earn another."""
    looks = itertools.count()
    for module, name in ((limits, "time"), (local_limit, "monotonic")):
        monkeypatch.setattr(module, name, lambda: 1_790_000_000 + next(looks) * 5e-5)


@pytest.fixture
async def limited(
    settings: Settings, counted_in: RedisServer | None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Application]:
    """An application that allows a stranger a few pages."""
    monkeypatch.setitem(requests.LIMITS, "pages", FEW)
    app = create_app(make_settings(settings.data_dir, rate_limit_url=counted_in.url if counted_in else ""))
    app.test_client_class = Client
    async with app.test_app():
        yield app


async def token_of(app: Application) -> dict[str, str]:
    _, token = await db.of(app).write(ApiToken.issue, 1, name="a program", scope=Scope.ADMIN, expires_at=None)
    return {"Authorization": f"Bearer {token}"}


def left(answer: Any) -> int:
    return int(answer.headers["RateLimit-Remaining"])


async def test_api_responses_have_rate_limit_headers(limited: Application) -> None:
    await sign_up(limited.test_client())
    client, shown = QuartClient(limited, use_cookies=False), await token_of(limited)

    answers = [await client.get(ME, headers=shown) for _ in range(3)]
    other = await client.get("/api/v1/users", headers=shown)
    written = await client.patch("/api/v1/users/1", json={"name": "Ada"}, headers=shown)
    somebody_else = await client.get(ME, headers=await token_of(limited))

    assert [answer.headers["RateLimit-Limit"] for answer in answers] == [str(requests.READS)] * 3
    assert [left(answer) for answer in answers] == [requests.READS - n for n in (1, 2, 3)]
    assert 1 <= int(answers[0].headers["RateLimit-Reset"]) <= 2
    assert left(other) == requests.READS - 4
    assert (written.status_code, written.headers["RateLimit-Limit"]) == (200, str(requests.WRITES))
    assert left(written) == requests.WRITES - 1
    assert left(somebody_else) == requests.READS - 1


async def test_a_write_beyond_the_limit_changes_nothing_and_gets_a_429_with_retry_after(limited: Application) -> None:
    await sign_up(limited.test_client())
    client, shown = QuartClient(limited, use_cookies=False), await token_of(limited)

    async def write(n: int) -> Any:
        return await client.patch("/api/v1/users/1", json={"name": f"Ada {n}"}, headers=shown)

    allowed = [await write(n) for n in range(requests.WRITES)]
    refused = await write(999)
    read = await client.get(ME, headers=shown)

    assert {answer.status_code for answer in allowed} == {200}
    assert (refused.status_code, refused.mimetype) == (429, "application/problem+json")
    assert (await refused.get_json(force=True))["type"] == "/api/docs#problem-429"
    assert 1 <= int(refused.headers["Retry-After"]) <= 2
    assert left(refused) == 0
    assert read.status_code == 200
    assert (await read.get_json())["person"]["name"] == f"Ada {requests.WRITES - 1}"


async def test_concurrent_requests_all_count(limited: Application) -> None:
    await sign_up(limited.test_client())
    client, shown = QuartClient(limited, use_cookies=False), await token_of(limited)

    await asyncio.gather(*(client.get(ME, headers=shown) for _ in range(10)))
    after = await client.get(ME, headers=shown)

    assert left(after) == requests.READS - 11


async def test_a_stranger_beyond_the_limit_gets_a_429_page_with_retry_after(limited: Application) -> None:
    client = limited.test_client()

    answers = [await client.get("/login") for _ in range(FEW)]
    page = await client.get("/register")
    elsewhere = await client.get("/register", scope_base={"client": ("192.0.2.7", 1)})

    assert {answer.status_code for answer in answers} <= {200, 303}
    assert left(answers[-1]) == 0
    assert (page.status_code, page.mimetype) == (429, "text/html")
    assert "Please wait" in await page.get_data(as_text=True)
    assert int(page.headers["Retry-After"]) <= 60 / FEW + 1
    assert elsewhere.status_code == 200


async def test_strangers_of_one_ipv6_network_share_a_limit(limited: Application) -> None:
    client = limited.test_client()

    async def ask(address: str) -> int:
        answer = await client.get("/login", scope_base={"client": (address, 1)})
        return int(answer.status_code)

    for n in range(FEW):
        await ask(f"2001:db8:1:1::{n}")

    assert await ask("2001:db8:1:1:ffff::1") == 429
    assert await ask("2001:db8:1:2::1") != 429


@pytest.mark.parametrize("address", ["192.0.2.7:{}", "[2001:db8::7]:{}"])
async def test_a_port_in_the_forwarded_address_makes_no_other_client(limited: Application, address: str) -> None:
    client = limited.test_client()

    async def ask(port: int) -> int:
        answer = await client.get("/login", scope_base={"client": (address.format(port), 1)})
        return int(answer.status_code)

    for n in range(FEW):
        await ask(1000 + n)

    assert await ask(2000) == 429


async def test_signed_in_people_have_no_limit_on_pages_and_no_headers_about_one(limited: Application) -> None:
    client = limited.test_client()
    await sign_up(client)

    answers = [await client.get("/dashboard") for _ in range(FEW * 2)]
    data = await client.get(ME)

    assert {answer.status_code for answer in answers} == {200}
    assert not [name for name, _ in answers[0].headers if name.lower().startswith("ratelimit")]
    assert left(data) == requests.READS - 1


async def test_a_sign_in_counts_against_the_address_it_came_from(limited: Application) -> None:
    await sign_up(limited.test_client())
    client = limited.test_client()
    await sign_in(client, ADA)

    assert (await client.get("/dashboard")).status_code == 200


@pytest.mark.parametrize("path", ["/up", "/ready", "/api/health", "/static/css/app.css", "/favicon.ico"])
async def test_health_and_static_files_have_no_limit(limited: Application, path: str) -> None:
    client = limited.test_client()

    answers = [await client.get(path) for _ in range(FEW * 2)]

    assert {answer.status_code for answer in answers} == {200}
    assert not [name for name, _ in answers[0].headers if name.lower().startswith("ratelimit")]


async def test_a_wrong_token_counts_against_the_address_it_came_from(limited: Application) -> None:
    client = QuartClient(limited, use_cookies=False)

    first = await client.get(ME, headers={"Authorization": "Bearer rowcast_" + "x" * 43})
    second = await client.get(ME, headers={"Authorization": "Bearer rowcast_" + "y" * 43})

    assert (first.status_code, second.status_code) == (401, 401)
    assert (left(first), left(second)) == (requests.READS - 1, requests.READS - 2)


async def test_the_user_is_looked_up_once_a_request_even_if_that_fails(
    limited: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookups = []

    async def busy() -> None:
        lookups.append(1)
        raise DatabaseBusy

    monkeypatch.setattr(session, "_load_session_owner", busy)
    client = limited.test_client()

    guarded = await client.get("/dashboard")
    refused = await client.post("/login", headers={"Sec-Fetch-Site": "cross-site"})
    file = await client.get("/static/css/app.css")

    assert (guarded.status_code, refused.status_code, file.status_code) == (503, 403, 200)
    assert lookups == [1]


async def test_two_servers_share_the_counts_until_they_expire(settings: Settings, tmp_path: Path) -> None:
    with RedisServer(tmp_path) as redis:
        apps = [create_app(make_settings(settings.data_dir, rate_limit_url=redis.url)) for _ in range(2)]
        async with apps[0].test_app():
            await sign_up(_client(apps[0]))
            shown = await token_of(apps[0])
            for _ in range(30):  # of which some are forgotten again until the other server has started
                first = await QuartClient(apps[0]).get(ME, headers=shown)
        async with apps[1].test_app():
            second = await QuartClient(apps[1]).get(ME, headers=shown)
            key = store.shared_store.of(apps[1]).key("requests.reads", "token:1").encode()
            expires_in = int(redis.ask(b"PTTL", key)[1:])

        assert left(first) < requests.READS - 1
        assert left(second) < requests.READS - 1
        assert 0 < expires_in < 60_000  # milliseconds


def _client(app: Application) -> QuartClient:
    app.test_client_class = Client
    return app.test_client()


async def test_an_unavailable_store_refuses_nobody(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(store, "RETRY_AFTER", 3600.0)
    with RedisServer(tmp_path) as redis:
        app = create_app(make_settings(settings.data_dir, rate_limit_url=redis.url))
        async with app.test_app():
            await sign_up(_client(app))
            shown, client = await token_of(app), QuartClient(app)
            there = await client.get(ME, headers=shown)
            redis.stop()
            away = [await client.get(ME, headers=shown) for _ in range(3)]
            redis.start()
            monkeypatch.setattr(store, "monotonic", lambda: 1e12)
            back = await client.get(ME, headers=shown)

    assert {answer.status_code for answer in [there, *away, back]} == {200}
    assert [left(answer) for answer in away] == [requests.READS - n for n in (2, 3, 4)]
    assert left(back) == requests.READS - 1
    assert capsys.readouterr().out.count("requests are counted in this process only") == 1


async def test_the_server_starts_without_its_store(settings: Settings) -> None:
    app = create_app(make_settings(settings.data_dir, rate_limit_url="redis://127.0.0.1:1/0"))

    async with app.test_app():
        assert (await app.test_client().get("/up")).status_code == 200
        assert (await app.test_client().get("/")).status_code == 200


async def test_a_malformed_response_of_the_store_is_ignored(
    app: Application, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Strange:
        answers: ClassVar[list[Any]] = [RedisError("WRONGTYPE"), None, "nonsense", [7, b""]]

        async def eval(self, *args: Any) -> Any:
            if isinstance(answer := self.answers.pop(), Exception):
                raise answer
            return answer

    monkeypatch.setattr(store, "RETRY_AFTER", 0.0)
    shared = store.shared_store.of(app)
    shared._redis = Strange()  # type: ignore[assignment]

    async with app.app_context():
        outcomes = [await RateLimit("strange", 1, 60).hit("ada") for _ in range(4)]
    shared._redis = None

    assert outcomes == [None] * 4
    assert not Strange.answers


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),  # as a dual-stack socket reports it
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
async def test_an_ipv6_address_stands_for_its_64_bit_network(settings: Settings, address: str, counted_as: str) -> None:
    app = create_app(settings)

    @app.get("/who")
    @public
    async def who() -> str:
        return requests.client_address()

    async with app.test_app():
        answer = await app.test_client().get("/who", scope_base={"client": (address, 1)})
        assert await answer.get_data(as_text=True) == counted_as
