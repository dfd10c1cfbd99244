"""Password hashing: argon2 takes a third of a second and 64 MiB, so it runs in a separate pool of two threads.

On the event loop one sign-in would block everybody; in the default thread pool thirty of them would hold up file
operations and uploads for seconds.
"""

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from settings import Settings

T = TypeVar("T")
Args = TypeVarTuple("Args")

THREADS = 2


class Hasher:
    """Hashes and verifies passwords, at most two at a time."""

    def __init__(self, settings: Settings) -> None:
        # Tests check behaviour, not cost.
        self._argon2 = (
            PasswordHasher(time_cost=1, memory_cost=8, parallelism=1) if settings.is_testing else PasswordHasher()
        )
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        self._dummy_hash = ""

    async def hash(self, password: str) -> str:
        return await self._run(self._argon2.hash, _normalise(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Return whether the password matches. Without a hash it takes as long and returns False.

        So the response time does not reveal whether an address has an account. The hash is empty for people who were
        added and have not chosen a password yet.
        """
        if not self._dummy_hash:
            self._dummy_hash = await self.hash(secrets.token_urlsafe(32))
        matches = await self._run(self._matches, password_hash or self._dummy_hash, _normalise(password))
        return matches and bool(password_hash)

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other cost parameters than today's."""
        return self._argon2.check_needs_rehash(password_hash)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._argon2.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, function: Callable[[*Args], T], *args: *Args) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)


def _normalise(password: str) -> str:
    """Keyboards compose letters differently (e plus an accent, or one character); both are the same password."""
    return unicodedata.normalize("NFC", password)
