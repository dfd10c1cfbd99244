"""Rate limits: programs are counted by token, people by account, strangers by address.

quart-rate-limiter implements GCRA: a burst of the whole allowance, then one more request each time a share of the
minute has passed. By default it would count each view separately, keep keys forever, and fail with its store.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar, cast

from quart import Quart, Response, g, request
from quart_rate_limiter import RateLimit, RateLimiter, rate_exempt, rate_limit

from settings import Settings
from webapp.web.rate_limit.counters import MARK, Counters
from webapp.web.rate_limit.shared import shared
from webapp.web.rate_limit.throttle import client
from webapp.web.session import current_user_or_none, load_current_user

A_MINUTE = timedelta(minutes=1)
READS, WRITES, PAGES = 300, 60, 1200  # requests per minute
PREFIX = "RateLimit-"
LIMITED = "/api/v1/"
STRANGER = "address:"

View = TypeVar("View", bound=Callable[..., Any])


def init_app(app: Quart, settings: Settings) -> None:
    """Strangers have a generous limit on all pages; signed-in people have none, nor have `@unlimited` views."""
    app.before_request(_begin)
    app.after_request(_tidy)  # registered before the limiter's, so that it runs after it
    pages = RateLimit(PAGES, A_MINUTE, _strangers)
    RateLimiter(app, store=Counters(shared.of(app)), default_limits=[pages])


def reads(view: View) -> View:
    """This view of the API reads: all such views share one allowance."""
    return _limit(view, RateLimit(READS, A_MINUTE, _counted_as("reads")))


def writes(view: View) -> View:
    return _limit(view, RateLimit(WRITES, A_MINUTE, _counted_as("writes")))


def unlimited(view: View) -> View:
    """For requests that machines send constantly and that cost nothing: health, static files, open streams."""
    return cast(View, rate_exempt(cast(Any, view)))


def _limit(view: View, limit: RateLimit) -> View:
    return cast(View, rate_limit(limits=[limit])(cast(Any, view)))


def _counted_as(kind: str) -> Callable[[], Awaitable[str]]:
    async def key() -> str:
        return f"{MARK}{kind}:{await _who()}"

    return key


async def _begin() -> None:
    g.counted_for = ""  # looked up when first needed


async def _who() -> str:
    """Whoever was signed in when the request began. Looked up once: a failing lookup would fail again in the error
    page.
    """
    known: str | None = g.get("counted_for")
    if known:
        return known
    who = f"{STRANGER}{client()}"
    if known is None:  # refused before counting
        return who
    g.counted_for = who
    if (actor := await load_current_user()) is not None:
        who = f"token:{actor.token_id}" if actor.token_id else f"person:{actor.id}"
    g.counted_for = who
    return who


async def _strangers() -> str:
    """Return a key that is not counted for everybody else."""
    is_stranger = (await _who()).startswith(STRANGER)
    return await _counted_as("pages")() if is_stranger and not request.path.startswith(LIMITED) else ""


async def _tidy(response: Response) -> Response:
    """Remove headers about a limit that does not apply, and negative remainders."""
    if not request.path.startswith(LIMITED) and current_user_or_none() is not None:
        for name in ("Limit", "Remaining", "Reset"):
            response.headers.pop(PREFIX + name, None)
    elif response.headers.get(f"{PREFIX}Remaining", "").startswith("-"):
        response.headers[f"{PREFIX}Remaining"] = "0"
    return response
