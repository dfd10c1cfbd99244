"""Passwords are hashed off the event loop, two at a time."""

import asyncio
import threading
import time
from pathlib import Path

import pytest

from settings import Settings
from webapp.hashing import THREADS, Hasher


@pytest.fixture
def hasher(settings: Settings) -> Hasher:
    return Hasher(settings)


async def test_a_password_is_known_again_and_no_other(hasher: Hasher) -> None:
    hashed = await hasher.hash("correct horse battery")

    assert hashed.startswith("$argon2id$")
    assert await hasher.verify(hashed, "correct horse battery")
    assert not await hasher.verify(hashed, "correct horse batterz")
    assert not await hasher.verify("no hash at all", "correct horse battery")


async def test_without_a_hash_the_answer_is_no_also_to_the_dummys_own_password(hasher: Hasher) -> None:
    hasher._dummy_hash = await hasher.hash("nobody's password")
    for none in (None, ""):
        assert not await hasher.verify(none, "nobody's password")
        assert not await hasher.verify(none, "anything")


async def test_the_loop_goes_on_and_the_shared_threads_stay_free(
    hasher: Hasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, inside, most = threading.Event(), 0, 0
    lock = threading.Lock()

    def slow(*_: object) -> bool:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        release.wait(10)
        with lock:
            inside -= 1
        return True

    monkeypatch.setattr(hasher, "_matches", slow)
    checks = [asyncio.create_task(hasher.verify("x", "y")) for _ in range(12)]
    async with asyncio.timeout(5):
        while inside < THREADS:
            await asyncio.to_thread(time.sleep, 0.001)  # would wait for a thread if the checks had taken them all
    release.set()

    assert all(await asyncio.gather(*checks))
    assert most == THREADS == 2


def test_a_hash_of_another_cost_is_outdated(settings: Settings, tmp_path: Path) -> None:
    strong = Hasher(Settings(_env_file=None, data_dir=tmp_path))
    cheap = Hasher(settings)
    hashed = cheap._argon2.hash("x")

    assert strong.is_outdated(hashed)
    assert not cheap.is_outdated(hashed)
    assert (strong._argon2.memory_cost, strong._argon2.time_cost) == (65536, 3)
