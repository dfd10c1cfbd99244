"""A limit on how often something happens, in the memory of this process."""

from collections import OrderedDict, deque
from time import monotonic

MAX_KEYS = 10_000  # of each limit; the least recently hit is dropped first
ROUNDING = 0.001  # seconds by which sums of fractions may be wrong


class LocalLimit:
    """At most `limit` hits per key in any `window` seconds, in the memory of this process.

    A sliding window: each of the latest `limit` hits is due to leave it a window after it was made. A `gradual` limit
    (GCRA) also allows `limit` hits at once, and then one more each time a share of the window has passed; it keeps one
    time per key, that at which the full limit is restored, and each hit puts it off by that share.
    """

    def __init__(self, limit: int, window: float, *, gradual: bool = False) -> None:
        self.limit = limit
        self.window = window
        # How many times are kept for a key, and the seconds by which a hit puts them off.
        self.length, self.step = (1, window / limit) if gradual else (limit, window)
        self._due: OrderedDict[str, deque[float]] = OrderedDict()  # per key, oldest first

    def retry_after(self, key: str) -> float:
        """Seconds until the next hit is allowed; 0 if it is now."""
        if (due := self._due.get(key)) is None:
            return 0.0
        now = monotonic()
        if due[-1] <= now:
            del self._due[key]
        wait = due[0] + self.step - self.window - now if len(due) == self.length else 0.0
        return wait if wait > ROUNDING else 0.0

    def count(self, key: str) -> float:
        """Count a hit that `retry_after` allows; return the seconds until it no longer counts."""
        now = monotonic()
        due = self._due.setdefault(key, deque(maxlen=self.length))
        due.append((max(now, due[0]) if len(due) == self.length else now) + self.step)
        self._due.move_to_end(key)
        if len(self._due) > MAX_KEYS:
            self._due.popitem(last=False)
        return due[-1] - now

    def give_back(self, key: str) -> None:
        """Take the latest hit back, of a limit that is not gradual."""
        if (due := self._due.get(key)) is not None:
            due.pop()
            if not due:
                del self._due[key]

    def reset(self, key: str) -> None:
        self._due.pop(key, None)
