"""Where requests are counted: in this process, or in Valkey or Redis when several processes serve the same people.

An unavailable counter refuses nobody: this process counts on its own and logs that it does.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import structlog
from quart import g
from quart_rate_limiter.store import RateLimiterStoreABC

if TYPE_CHECKING:
    from redis.asyncio import Redis

MARK = "|"  # the part of a key before it, the view's name, is ignored; keys without it are not counted
MAX_KEYS = 10_000  # the least recently used is dropped first
PATIENCE = 0.25  # seconds to wait for an answer
ASK_AGAIN = 5.0  # seconds to wait after a failure
SCHEMES = {"valkey": "redis", "valkeys": "rediss"}
# Read and write in one step, so that concurrent requests all count. Keys expire once the allowance is restored.
ADVANCE = """
local now, step = tonumber(ARGV[1]), tonumber(ARGV[2])
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + step
redis.call('SET', KEYS[1], string.format('%.6f', due), 'PX', math.ceil((due - now) * 1000) + 1000)
return string.format('%.6f', due)
"""

T = TypeVar("T")
log = structlog.get_logger("rowcast.limits")


class Counters(RateLimiterStoreABC):
    """For each key, the time at which its full allowance is restored; the limiter reads and writes it."""

    def __init__(self, url: str = "") -> None:
        self._url = url
        self._due: OrderedDict[str, datetime] = OrderedDict()
        self._redis: Redis | None = None
        self._away_until = 0.0

    async def before_serving(self) -> None:
        if self._url:
            self._redis = _client(self._url)

    async def after_serving(self) -> None:
        if self._redis is not None:
            await self._redis.aclose()
            self._redis = None

    async def get(self, key: str, default: datetime) -> datetime:
        """The limiter asks three times per request; the first answer serves all three."""
        name, asked = _name(key), _asked()
        if not name:
            return default
        if name not in asked:
            kept = await self._ask(lambda redis: redis.get(name))
            due = self._due.get(name, default) if kept is None else datetime.fromtimestamp(float(kept), UTC)
            asked[name] = max(due, default)
        return asked[name]

    async def set(self, key: str, tat: datetime) -> None:
        name, asked = _name(key), _asked()
        if not name:
            return
        now = datetime.now(UTC)
        step = (tat - max(asked.get(name, now), now)).total_seconds()
        kept = await self._ask(lambda redis: redis.eval(ADVANCE, 1, name, str(now.timestamp()), str(step)))
        asked[name] = tat if kept is None else datetime.fromtimestamp(float(kept), UTC)
        self._keep(name, asked[name])

    def _keep(self, name: str, due: datetime) -> None:
        """Kept even if Redis counts: Redis may be gone by the next request."""
        self._due[name] = due
        self._due.move_to_end(name)
        while len(self._due) > MAX_KEYS:
            self._due.popitem(last=False)

    async def _ask(self, question: "Callable[[Redis], Any]") -> Any:
        """Return None if there is no Redis, or it is unavailable."""
        if self._redis is None or monotonic() < self._away_until:
            return None
        try:
            return await question(self._redis)
        except Exception as error:  # whatever the failure, nobody is refused for it
            self._away_until = monotonic() + ASK_AGAIN
            log.warning("requests are counted in this process only", reason=type(error).__name__)
            return None


def _client(url: str) -> "Redis":
    """Imported here, because it takes seven megabytes that only a server with Redis needs."""
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    return Redis.from_url(
        _with_known_scheme(url),
        socket_timeout=PATIENCE,
        socket_connect_timeout=PATIENCE,
        retry=Retry(NoBackoff(), 0),
    )


def _name(key: str) -> str:
    _, mark, who = key.partition(MARK)
    return f"rowcast:requests:{who}" if mark else ""


def _asked() -> dict[str, datetime]:
    asked: dict[str, datetime] = g.setdefault("counters", {})
    return asked


def _with_known_scheme(url: str) -> str:
    scheme = urlsplit(url).scheme
    return SCHEMES.get(scheme, scheme) + url[len(scheme) :]
