"""The limits on requests: programs are counted by token, people by account, strangers by address."""

from collections.abc import Callable
from math import ceil
from typing import Any, TypeVar

from quart import Quart, Response, current_app, g, request
from werkzeug.exceptions import TooManyRequests

from settings import Settings
from webapp.extensions import Extension
from webapp.web.local_limit import ROUNDING
from webapp.web.networks import network_of
from webapp.web.rate_limit.limits import Exceeded, RateLimit, count_all
from webapp.web.request_context import remote_address
from webapp.web.session import load_current_user

# Requests a minute; after a burst, one more whenever its share of the minute has passed.
READS, WRITES, PAGES = 300, 60, 1200
LIMITS = {"reads": READS, "writes": WRITES, "pages": PAGES}

View = TypeVar("View", bound=Callable[..., Any])

request_limits = Extension(
    "request_limits",
    lambda app: {kind: RateLimit(f"requests.{kind}", limit, 60, gradual=True) for kind, limit in LIMITS.items()},
)


def init_app(app: Quart, settings: Settings) -> None:
    """Strangers have a generous limit on all pages; signed-in people have none, nor have `@unlimited` views."""
    app.before_request(count_request)
    app.after_request(add_headers)


def reads(view: View) -> View:
    """This view of the API reads: all such views share one limit."""
    view.counted_as = "reads"  # type: ignore[attr-defined]
    return view


def writes(view: View) -> View:
    view.counted_as = "writes"  # type: ignore[attr-defined]
    return view


def unlimited(view: View) -> View:
    """For requests that machines send constantly and that cost nothing: health, static files, open streams."""
    view.counted_as = None  # type: ignore[attr-defined]
    return view


async def count_request() -> None:
    """Raises TooManyRequests, with `Retry-After`, beyond the limit of this view."""
    view = current_app.view_functions.get(request.endpoint or "")
    kind: str | None = getattr(view, "counted_as", "pages")
    if view is None or kind is None:
        return
    # Visitors count by address, and before their link is looked up.
    actor = None if getattr(view, "is_by_link", False) else await load_current_user()
    if kind == "pages" and actor is not None:
        return
    if actor is None:
        key = f"address:{client_address()}"
    else:
        key = f"token:{actor.token_id}" if actor.token_id else f"person:{actor.id}"
    limit = request_limits()[kind]
    outcome = await count_all((limit, key))
    g.rate_limit = limit, outcome
    if isinstance(outcome, Exceeded):
        raise TooManyRequests(retry_after=ceil(outcome.retry_after))


async def add_headers(response: Response) -> Response:
    """Tell programs what is left, as the IETF's drafts up to 6 have it."""
    if (counted := g.get("rate_limit")) is not None:
        limit, outcome = counted
        step = limit.local.step
        seconds = outcome.retry_after + limit.window - step if isinstance(outcome, Exceeded) else outcome
        response.headers["RateLimit-Limit"] = str(limit.limit)
        response.headers["RateLimit-Remaining"] = str(int((limit.window - seconds + ROUNDING) / step))
        response.headers["RateLimit-Reset"] = str(ceil(seconds))
    return response


def client_address() -> str:
    """The client's address, or for IPv6 its network."""
    return network_of(remote_address())
