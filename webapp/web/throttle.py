"""How often something may be tried: counted in memory over a sliding window, with the time to wait in the refusal."""

from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from math import ceil
from time import monotonic

from quart import request
from werkzeug.exceptions import TooManyRequests

MAX_KEYS = 10_000  # whoever was not seen for longest is forgotten first


class Throttle:
    """At most `limit` tries for one key in any `window` seconds. One process counts for itself."""

    def __init__(self, limit: int, window: float, clock: Callable[[], float] = monotonic) -> None:
        self.limit = limit
        self.window = window
        self._clock = clock
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, key: str) -> None:
        """Raises TooManyRequests, with `Retry-After`, when the key has no try left."""
        if (wait := self.wait_for(key)) > 0:
            raise TooManyRequests(f"Too many tries. Please wait {_words(wait)} and try again.", retry_after=ceil(wait))

    def count(self, key: str) -> None:
        """One more try. Count failures only, or everything: before what may take long, so that many at once count."""
        self._recent(key).append(self._clock())
        self._tries.move_to_end(key)
        while len(self._tries) > MAX_KEYS:
            self._tries.popitem(last=False)

    def forget(self, key: str) -> None:
        """It went well; what was tried before no longer counts."""
        self._tries.pop(key, None)

    def wait_for(self, key: str) -> float:
        """Seconds until the next try is free; 0 when it is."""
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
    """Who is trying: the address, or of version 6 the network a household is given, which has more than enough."""
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return request.remote_addr or ""
    if address.version == 4 or address.ipv4_mapped:  # a socket of both versions writes the old one so
        return str(address if address.version == 4 else address.ipv4_mapped)
    return str(ip_network((address, 64), strict=False))


def _words(seconds: float) -> str:
    minutes = ceil(seconds / 60)
    return f"{ceil(seconds)} seconds" if seconds <= 60 else f"{minutes} minutes"
