"""Who comes by a link to a table: the token in the path of each request says who it is, and what they may see.

No cookie is needed, so that a page can be part of another site's, and nobody is signed in: somebody who is counts as a
visitor, too. All addresses that such a page leads to begin with the link's (`Mount`).
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from quart import Quart, current_app, g, request

from settings import Settings
from webapp.extensions import Extension, db
from webapp.models import Event
from webapp.models.errors import NotFound
from webapp.models.tables.linking import Visit, find_visit
from webapp.web.audit import record_refusal
from webapp.web.headers import POLICY, SECURITY_HEADERS, written
from webapp.web.paths import Mount, mount
from webapp.web.rate_limit.limits import RateLimit
from webapp.web.rate_limit.requests import client_address
from webapp.web.request_context import add_log_fields, current_state

View = TypeVar("View", bound=Callable[..., Any])

# Of links that do not work, for each address. Nobody guesses a token; this bounds how often they try.
MISSES, TEN_MINUTES = 60, 600  # seconds
# The address is the key: no other site is told it, and no search engine lists it.
HEADERS = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}

misses = Extension("links.misses", lambda app: RateLimit("links.misses", MISSES, TEN_MINUTES))
# The endpoints below a link, by those of members; what it is about is named there by any of `SUBJECT`.
mounted: Extension[dict[str, str]] = Extension("links.mounted", lambda app: {})
SUBJECT = ("table_id", "table")


def init_app(app: Quart, settings: Settings) -> None:
    app.before_request(_open_visit)


def by_link(view: View) -> View:
    """Whoever knows the token in the path of this view may call it, as a visitor."""
    view.is_by_link = True  # type: ignore[attr-defined]
    return view


def current_visit() -> Visit | None:
    """None for people who did not come by a link."""
    visit: Visit | None = g.get("visit")
    return visit


async def _open_visit() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    if not getattr(view, "is_by_link", False):
        return
    _send_headers()
    g.actor = None  # a cookie counts for nothing here, not on the page of an error either
    token = (request.view_args or {})["token"]
    visit = g.visit = await _find(token)
    if visit.origins:
        _send_headers(visit.origins)
    g.actor = visit.actor
    mount.set(Mount(mounted(), dict.fromkeys(SUBJECT, visit.table_id), {"token": token}))
    add_log_fields(link=visit.actor.link_id)


async def _find(token: str) -> Visit:
    """Raises `NotFound`, and TooManyRequests after too many of these."""
    try:
        return await find_visit(db(), token)
    except NotFound:
        record_refusal(Event.LINK_REFUSED, None, place=request.endpoint)
        await misses().hit(client_address())
        raise


def is_embedded() -> bool:
    """Whether the page is a part of another one, which has a header of its own. Browsers say so by themselves."""
    return "embed" in request.args or request.headers.get("Sec-Fetch-Dest") in ("iframe", "frame")


def _send_headers(origins: Sequence[str] = ()) -> None:
    """`origins` of sites that may have this page in a frame."""
    if (state := current_state()) is None:
        return
    headers = SECURITY_HEADERS | HEADERS
    if origins:
        headers["Content-Security-Policy"] = written(POLICY | {"frame-ancestors": " ".join(origins)})
        del headers["X-Frame-Options"]  # knows no origins but one's own
    state.security_headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
