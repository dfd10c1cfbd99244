"""Counting in the memory of one process."""

import pytest

from webapp.web import local_limit
from webapp.web.local_limit import LocalLimit
from webapp.web.rate_limit.limits import too_many


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake_clock = Clock()
    monkeypatch.setattr(local_limit, "monotonic", fake_clock)
    return fake_clock


def hit(limit: LocalLimit, key: str) -> bool:
    if limit.retry_after(key):
        return False
    limit.count(key)
    return True


def test_a_window_has_room_for_as_many_hits_as_the_limit_per_key(clock: Clock) -> None:
    limit = LocalLimit(3, 60)

    assert [hit(limit, "ada") for _ in range(4)] == [True, True, True, False]
    assert limit.retry_after("ada") == 60
    assert limit.retry_after("grace") == 0


def test_the_window_slides(clock: Clock) -> None:
    limit = LocalLimit(2, 60)
    limit.count("ada")
    clock.now += 40
    limit.count("ada")
    clock.now += 10
    assert limit.retry_after("ada") == 10

    clock.now += 10
    assert hit(limit, "ada")

    assert limit.retry_after("ada") == 40


def test_a_gradual_limit_allows_one_more_hit_per_share_of_the_window(clock: Clock) -> None:
    limit = LocalLimit(300, 60, gradual=True)

    assert [hit(limit, "ada") for _ in range(301)] == [True] * 300 + [False]
    assert limit.retry_after("ada") == pytest.approx(0.2, abs=0.001)

    clock.now += 0.4
    assert [hit(limit, "ada") for _ in range(3)] == [True, True, False]


def test_a_reset_key_has_its_full_limit_again(clock: Clock) -> None:
    limit = LocalLimit(1, 60)
    limit.count("ada")
    limit.reset("ada")

    assert limit.retry_after("ada") == 0


def test_a_full_limit_drops_the_least_recently_hit_keys(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_limit, "MAX_KEYS", 10)
    limit = LocalLimit(1, 60)
    for number in range(100):
        limit.count(str(number))
    limit.count("90")
    limit.count("100")

    assert [limit.retry_after(key) for key in ("89", "90", "91", "92")] == [0, 120, 0, 60]


def test_retry_after_stores_no_key(clock: Clock) -> None:
    limit = LocalLimit(1, 60)
    assert limit.retry_after("ada") == 0
    limit.count("ada")
    clock.now += 61
    assert limit.retry_after("ada") == 0

    assert not limit._due


@pytest.mark.parametrize(
    ("seconds", "wait"),
    [
        (0.2, "1 second"),
        (1, "1 second"),
        (1.1, "2 seconds"),
        (60, "60 seconds"),
        (61, "2 minutes"),
        (600, "10 minutes"),
    ],
)
def test_a_refusal_says_how_long_to_wait(seconds: float, wait: str) -> None:
    assert too_many(seconds) == f"Too many tries. Please wait {wait} and try again."
