"""Throttles: tries are counted in memory over a sliding window, and a refusal says how long to wait.

One process counts for itself; `webapp/web/rate_limit/allowance.py` adds what several processes count together.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from math import ceil
from time import monotonic

from quart import request
from werkzeug.exceptions import TooManyRequests

MAX_KEYS = 10_000  # the least recently used is dropped first


class Throttle:
    """At most `limit` tries per key in any `window` seconds. Each process counts separately."""

    def __init__(self, limit: int, window: float, clock: Callable[[], float] = monotonic) -> None:
        self.limit = limit
        self.window = window
        self._clock = clock
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, key: str) -> None:
        """Raises TooManyRequests, with `Retry-After`, if the key has no tries left."""
        if (wait := self.wait_for(key)) > 0:
            raise TooManyRequests(too_many(wait), retry_after=ceil(wait))

    def count(self, key: str) -> None:
        """Count one try: only failures, or everything. Count before slow work, so that concurrent tries are
        included.
        """
        self._recent(key).append(self._clock())
        self._tries.move_to_end(key)
        while len(self._tries) > MAX_KEYS:
            self._tries.popitem(last=False)

    def uncount(self, key: str) -> None:
        """Take the last try back: it was not made after all."""
        if recent := self._tries.get(key):
            recent.pop()

    def forget(self, key: str) -> None:
        """Reset the key after a success."""
        self._tries.pop(key, None)

    def wait_for(self, key: str) -> float:
        """Seconds until the next try is allowed; 0 if it is now."""
        if key not in self._tries:
            return 0.0
        recent = self._recent(key)
        if not recent:
            del self._tries[key]
        if len(recent) < self.limit:
            return 0.0
        return recent[-self.limit] + self.window - self._clock()

    def _recent(self, key: str) -> deque[float]:
        tries = self._tries.setdefault(key, deque(maxlen=self.limit))
        while tries and tries[0] <= self._clock() - self.window:
            tries.popleft()
        return tries


def client() -> str:
    """The client's address; for IPv6 its /64 network, since a household has that many addresses to choose from."""
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return request.remote_addr or ""
    if address.version == 4 or address.ipv4_mapped:  # a dual-stack socket reports IPv4 addresses this way
        return str(address if address.version == 4 else address.ipv4_mapped)
    return str(ip_network((address, 64), strict=False))


def too_many(seconds: float) -> str:
    """The words of a refusal."""
    wait = f"{ceil(seconds)} seconds" if seconds <= 60 else f"{ceil(seconds / 60)} minutes"
    return f"Too many tries. Please wait {wait} and try again."
