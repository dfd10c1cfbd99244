"""The store in which several processes count together: Valkey or Redis, by `ROWCAST_RATE_LIMIT_URL`; without it, none.

If it is unavailable, nobody is refused because of it: each process goes on with what it has counted itself.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

import structlog
from quart import Quart

from settings import Settings
from webapp.db.keys import secret_key
from webapp.extensions import Extension, config

if TYPE_CHECKING:
    from redis.asyncio import Redis

TIMEOUT = 0.25  # seconds to wait for an answer
RETRY_AFTER = 5.0  # seconds without asking, after a failure

log = structlog.get_logger("rowcast.limits")


class SharedStore:
    def __init__(self, settings: Settings) -> None:
        self._secret = secret_key(settings).encode()
        url = settings.rate_limit_url.get_secret_value()
        self._redis = _client(url) if url else None
        self._unavailable_until = 0.0

    async def close(self) -> None:
        if self._redis is not None:
            await self._redis.aclose()

    async def ask(self, query: "Callable[[Redis], Any]") -> Any:
        """Await `query(redis)`; None if there is no store, or it is unavailable."""
        if self._redis is None or monotonic() < self._unavailable_until:
            return None
        try:
            return await query(self._redis)
        except Exception as error:  # whatever it is, nobody is refused because of it
            self._unavailable_until = monotonic() + RETRY_AFTER
            log.warning("requests are counted in this process only", reason=type(error).__name__)
            return None

    def key(self, limit: str, key: str) -> str:
        """Its key in the store: an HMAC, so neither reading the store nor guessing reveals who it is."""
        mac = hmac.digest(self._secret, f"rowcast {limit} {key}".encode(), hashlib.sha256)
        return f"rowcast:limit:{mac.hex()}"


shared_store = Extension("shared_store", lambda app: SharedStore(config.of(app)))


def init_app(app: Quart, settings: Settings) -> None:
    app.after_serving(shared_store.of(app).close)


def _client(url: str) -> "Redis":
    """Imported here: seven megabytes that only a server with such a store needs."""
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    return Redis.from_url(
        re.sub("^valkey", "redis", url),  # the client knows the schemes redis and rediss only
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )
