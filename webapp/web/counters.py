"""Where requests are counted: in this process, and in Valkey or Redis when several processes serve the same people.

A counter that is away refuses nobody: this process goes on by itself, and says so in the log.
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

MARK = "|"  # what stands before it in a key, the view's name, does not count; a key without it is not counted
MAX_KEYS = 10_000  # whoever was not seen for longest is forgotten first
PATIENCE = 0.25  # seconds for one question
ASK_AGAIN = 5.0  # seconds after it did not answer
SCHEMES = {"valkey": "redis", "valkeys": "rediss"}
# Reading and writing in one step: of many requests at the same time each one counts. Forgotten when it is paid for.
ADVANCE = """
local now, step = tonumber(ARGV[1]), tonumber(ARGV[2])
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + step
redis.call('SET', KEYS[1], string.format('%.6f', due), 'PX', math.ceil((due - now) * 1000) + 1000)
return string.format('%.6f', due)
"""

T = TypeVar("T")
log = structlog.get_logger("rowcast.limits")


class Counters(RateLimiterStoreABC):
    """For each key the time at which its allowance is whole again, as the limiter asks for it and sets it."""

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
        """The limiter asks three times in a request; the answer of the first is good for all."""
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
        """Also when another counts: it may be away for the next request."""
        self._due[name] = due
        self._due.move_to_end(name)
        while len(self._due) > MAX_KEYS:
            self._due.popitem(last=False)

    async def _ask(self, question: "Callable[[Redis], Any]") -> Any:
        """None when nobody else counts, or who does is away."""
        if self._redis is None or monotonic() < self._away_until:
            return None
        try:
            return await question(self._redis)
        except Exception as error:  # whatever is wrong over there: nobody is refused for it
            self._away_until = monotonic() + ASK_AGAIN
            log.warning("requests are counted in this process only", reason=type(error).__name__)
            return None


def _client(url: str) -> "Redis":
    """Loaded here: seven megabytes that only a server with a counter elsewhere needs."""
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
