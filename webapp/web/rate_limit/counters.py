"""Where requests are counted: in this process, and in the shared store when several processes serve the same people.

If the store is unavailable, this process counts on its own; nobody is refused because of it.
"""

from collections import OrderedDict
from datetime import UTC, datetime

from quart import g
from quart_rate_limiter.store import RateLimiterStoreABC

from webapp.web.rate_limit.shared import SharedStore

MARK = "|"  # the part of a key before it, the view's name, is ignored; keys without it are not counted
MAX_KEYS = 10_000  # the least recently used is dropped first
# Read and write in one step, so that concurrent requests all count. Keys expire once the allowance is restored.
ADVANCE = """
local now, step = tonumber(ARGV[1]), tonumber(ARGV[2])
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + step
redis.call('SET', KEYS[1], string.format('%.6f', due), 'PX', math.ceil((due - now) * 1000) + 1000)
return string.format('%.6f', due)
"""


class Counters(RateLimiterStoreABC):
    """For each key, the time at which its full allowance is restored; the limiter reads and writes it."""

    def __init__(self, store: SharedStore) -> None:
        self._store = store
        self._due: OrderedDict[str, datetime] = OrderedDict()

    async def before_serving(self) -> None:
        """The store opens and closes by itself."""

    async def after_serving(self) -> None:
        """The same."""

    async def get(self, key: str, default: datetime) -> datetime:
        """The limiter asks three times per request; the first answer serves all three."""
        name, asked = _name(key), _asked()
        if not name:
            return default
        if name not in asked:
            kept = await self._store.ask(lambda redis: redis.get(name))
            due = self._due.get(name, default) if kept is None else datetime.fromtimestamp(float(kept), UTC)
            asked[name] = max(due, default)
        return asked[name]

    async def set(self, key: str, tat: datetime) -> None:
        name, asked = _name(key), _asked()
        if not name:
            return
        now = datetime.now(UTC)
        step = (tat - max(asked.get(name, now), now)).total_seconds()
        kept = await self._store.ask(lambda redis: redis.eval(ADVANCE, 1, name, str(now.timestamp()), str(step)))
        asked[name] = tat if kept is None else datetime.fromtimestamp(float(kept), UTC)
        self._keep(name, asked[name])

    def _keep(self, name: str, due: datetime) -> None:
        """Kept even if Redis counts: Redis may be gone by the next request."""
        self._due[name] = due
        self._due.move_to_end(name)
        while len(self._due) > MAX_KEYS:
            self._due.popitem(last=False)


def _name(key: str) -> str:
    _, mark, who = key.partition(MARK)
    return f"rowcast:requests:{who}" if mark else ""


def _asked() -> dict[str, datetime]:
    asked: dict[str, datetime] = g.setdefault("counters", {})
    return asked
