"""Limits on how often something happens, counted by each process and by all that share a store.

A hit needs room in both counts. So if the store is unavailable, or has lost its data, nobody is locked out and no limit
is lifted: at worst each process grants the limit once.
"""

from dataclasses import dataclass
from math import ceil
from time import time
from typing import Any

from werkzeug.exceptions import TooManyRequests

from webapp.web.formatting import plural
from webapp.web.local_limit import LocalLimit
from webapp.web.rate_limit.store import shared_store

# `LocalLimit` for several keys at once: all of them are hit, or none. Reading and writing is one step, so that
# concurrent hits all count. What cannot have been written here is deleted and counts as nothing; nor does what was
# written before the clock was set back, of which each process keeps its own count (60 s: clocks differ a little).
HIT_ALL = """
local now, due = tonumber(ARGV[1]), {}
for n, key in ipairs(KEYS) do
  local length, step, window = tonumber(ARGV[3 * n - 1]), tonumber(ARGV[3 * n]), tonumber(ARGV[3 * n + 1])
  local value = redis.pcall('LINDEX', key, length - 1)
  local last = type(value) == 'string' and tonumber(value) or now
  if value and not (type(value) == 'string' and tonumber(value) and last < now + window + 60) then
    redis.call('DEL', key)
    last = now
  end
  local wait = last + step - window - now
  if wait > 0.001 then
    return {n - 1, string.format('%.6f', wait)}
  end
  due[n] = math.max(now, last) + step
end
for n, key in ipairs(KEYS) do
  redis.call('LPUSH', key, string.format('%.6f', due[n]))
  redis.call('LTRIM', key, 0, tonumber(ARGV[3 * n - 1]) - 1)
  redis.call('EXPIRE', key, math.ceil(due[n] - now - 0.001))
end
return string.format('%.6f', due[#KEYS] - now)
"""


class RateLimit:
    """A limit that all processes count together. Each has a unique `name`; see `LocalLimit` for the rest."""

    def __init__(self, name: str, limit: int, window: float, *, gradual: bool = False) -> None:
        self.name = name
        self.limit = limit
        self.window = window
        self.local = LocalLimit(limit, window, gradual=gradual)

    async def hit(self, key: str) -> None:
        """Count a hit. Raises TooManyRequests, with `Retry-After`, if none is left."""
        await hit_each((self, key))

    async def try_hit(self, key: str) -> bool:
        """Count a hit, if there is one left: where there is nobody to tell how long to wait."""
        return await hit_all((self, key)) is None

    async def give_back(self, key: str) -> None:
        """Take the latest hit back: it stood for something that was allowed. The limit is not gradual."""
        self.local.give_back(key)
        await shared_store().ask(lambda redis: redis.lpop(shared_store().key(self.name, key)))

    async def reset(self, key: str) -> None:
        """Give the key its full limit again, after a success."""
        self.local.reset(key)
        await shared_store().ask(lambda redis: redis.delete(shared_store().key(self.name, key)))


Hit = tuple[RateLimit, str]


@dataclass(frozen=True, slots=True)
class Exceeded:
    limit: RateLimit
    key: str
    retry_after: float  # seconds


async def hit_all(*hits: Hit) -> Exceeded | None:
    """Count a hit for each key, before what it stands for is done, so that concurrent ones count; or for none of them
    if one has none left.
    """
    outcome = await count_all(*hits)
    return outcome if isinstance(outcome, Exceeded) else None


async def hit_each(*hits: Hit) -> None:
    """The same. Raises TooManyRequests, with `Retry-After`, if one has none left."""
    if (exceeded := await hit_all(*hits)) is not None:
        raise TooManyRequests(too_many(exceeded.retry_after), retry_after=ceil(exceeded.retry_after))


async def count_all(*hits: Hit) -> Exceeded | float:
    """The same; if they are allowed, return the seconds until the last of the hits no longer counts."""
    if (exceeded := _exceeded_here(hits)) is not None:
        return exceeded
    answer = await shared_store().ask(lambda redis: _count_in_store(redis, hits))
    if isinstance(answer, Exceeded):
        return answer
    if (exceeded := _exceeded_here(hits)) is not None:  # by others, while the store was asked
        return exceeded
    seconds = [limit.local.count(key) for limit, key in hits]
    return seconds[-1] if answer is None else float(answer)


def _exceeded_here(hits: tuple[Hit, ...]) -> Exceeded | None:
    waits = (Exceeded(limit, key, limit.local.retry_after(key)) for limit, key in hits)
    return next((wait for wait in waits if wait.retry_after > 0), None)


async def _count_in_store(redis: Any, hits: tuple[Hit, ...]) -> Exceeded | float:
    keys = [shared_store().key(limit.name, key) for limit, key in hits]
    numbers = [part for limit, _ in hits for part in (limit.local.length, limit.local.step, limit.window)]
    answer = await redis.eval(HIT_ALL, len(keys), *keys, f"{time():.6f}", *numbers)
    return Exceeded(*hits[answer[0]], float(answer[1])) if isinstance(answer, list) else float(answer)


def too_many(seconds: float) -> str:
    """The message of a refusal."""
    wait = plural(ceil(seconds), "second") if seconds <= 60 else plural(ceil(seconds / 60), "minute")
    return f"Too many tries. Please wait {wait} and try again."
