"""Counting tries."""

import pytest
from werkzeug.exceptions import TooManyRequests

from settings import Settings
from webapp import create_app
from webapp.web.access import public
from webapp.web.rate_limit import throttle
from webapp.web.rate_limit.throttle import Throttle


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_so_many_tries_in_a_window_and_no_more(clock: Clock) -> None:
    tries = Throttle(3, 60, clock)
    for _ in range(3):
        tries.check("ada")
        tries.count("ada")

    with pytest.raises(TooManyRequests) as refused:
        tries.check("ada")
    tries.check("grace")

    assert refused.value.get_headers()[-1] == ("Retry-After", "60")
    assert "60 seconds" in str(refused.value.description)


def test_the_window_slides(clock: Clock) -> None:
    tries = Throttle(2, 60, clock)
    tries.count("ada")
    clock.now += 40
    tries.count("ada")
    clock.now += 10
    assert tries.wait_for("ada") == 10

    clock.now += 10
    tries.check("ada")
    tries.count("ada")

    assert tries.wait_for("ada") == 40


def test_success_forgets(clock: Clock) -> None:
    tries = Throttle(1, 60, clock)
    tries.count("ada")
    tries.forget("ada")

    tries.check("ada")


def test_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "MAX_KEYS", 10)
    tries = Throttle(1, 60, clock)
    for number in range(100):
        tries.count(str(number))

    assert tries.wait_for("89") == 0
    assert tries.wait_for("90") == 60


def test_looking_remembers_nothing(clock: Clock) -> None:
    tries = Throttle(1, 60, clock)
    tries.check("ada")
    tries.count("ada")
    clock.now += 61
    tries.check("ada")

    assert not tries._tries


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),  # as a socket of both versions writes it
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
async def test_a_client_is_an_address_or_the_network_of_a_household(
    settings: Settings, address: str, counted_as: str
) -> None:
    app = create_app(settings)

    @app.get("/who")
    @public
    async def who() -> str:
        return throttle.client()

    async with app.test_app():
        answer = await app.test_client().get("/who", scope_base={"client": (address, 1)})
        assert await answer.get_data(as_text=True) == counted_as
