"""Limits on tries, counted over all processes that share a store.

Each process also counts for itself, and a try needs room in both counts. So if the store is unavailable, or has lost
its data, nobody is locked out, and each process grants the limit once at most.
"""

from dataclasses import dataclass
from math import ceil
from time import time
from typing import Any

from werkzeug.exceptions import TooManyRequests

from webapp.web.rate_limit.shared import shared
from webapp.web.rate_limit.throttle import Throttle, too_many

# Each key holds its latest tries, newest first, at most as many as its limit. Checking and counting is one step, so
# that concurrent tries all count. Keys expire with their window.
TAKE = """
local now = tonumber(ARGV[1])
for n, key in ipairs(KEYS) do
  local limit, window = tonumber(ARGV[2 * n]), tonumber(ARGV[2 * n + 1])
  local oldest = redis.call('LINDEX', key, limit - 1)
  if oldest and tonumber(oldest) + window > now then
    return {n - 1, string.format('%.6f', tonumber(oldest) + window - now)}
  end
end
for n, key in ipairs(KEYS) do
  redis.call('LPUSH', key, ARGV[1])
  redis.call('LTRIM', key, 0, tonumber(ARGV[2 * n]) - 1)
  redis.call('PEXPIRE', key, math.ceil(tonumber(ARGV[2 * n + 1]) * 1000))
end
return 0
"""


class RateLimit:
    """At most `limit` tries per key in any `window` seconds. Each allowance has a unique `name`."""

    def __init__(self, name: str, limit: int, window: float) -> None:
        self.name = name
        self.limit = limit
        self.window = window
        self.here = Throttle(limit, window)

    async def begin(self, key: str) -> None:
        """Count a try. Raises TooManyRequests, with `Retry-After`, if none is left."""
        if (refusal := await hit_all((self, key))) is not None:
            raise TooManyRequests(too_many(refusal.wait), retry_after=ceil(refusal.wait))

    async def is_free(self, key: str) -> bool:
        """Count a try, if there is one left: where there is nobody to tell how long to wait."""
        return await hit_all((self, key)) is None

    async def forget(self, key: str) -> None:
        """Reset the key after a success."""
        self.here.forget(key)
        await shared().ask(lambda redis: redis.delete(shared().key(self.name, key)))


Try = tuple[RateLimit, str]


@dataclass(frozen=True, slots=True)
class Exceeded:
    allowance: RateLimit
    key: str
    wait: float  # seconds


async def hit_all(*tries: Try) -> Exceeded | None:
    """Count a try for each key, before it is made: many at once count as well. Or for none, when one has none left."""
    for allowance, key in tries:
        if (wait := allowance.here.wait_for(key)) > 0:
            return Exceeded(allowance, key, wait)
    for allowance, key in tries:
        allowance.here.count(key)
    refusal = await _take_from_store(*tries)
    if refusal is not None:
        for allowance, key in tries:
            allowance.here.uncount(key)
    return refusal


async def _take_from_store(*tries: Try) -> Exceeded | None:
    def question(redis: Any) -> Any:
        keys = [shared().key(allowance.name, key) for allowance, key in tries]
        limits = [part for allowance, _ in tries for part in (allowance.limit, allowance.window)]
        return redis.eval(TAKE, len(keys), *keys, f"{time():.6f}", *limits)

    answer = await shared().ask(question)
    return Exceeded(*tries[answer[0]], float(answer[1])) if isinstance(answer, list) else None
