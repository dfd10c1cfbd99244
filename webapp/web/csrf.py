"""Refuses requests that another site makes a visitor's browser send, before anything of the request is read.

Browsers say where a request comes from: `Sec-Fetch-Site` on secure origins and localhost, `Origin` everywhere. Pages
need no token, so a page that was cached for a day still submits.
"""

from quart import Quart, request
from werkzeug.exceptions import Forbidden

from settings import Settings
from webapp.extensions import db
from webapp.models import Event
from webapp.models.accounts.session import record_of_session
from webapp.web.audit import MAX_PATH, audit_source, count_refusal
from webapp.web.hosts import own_origin
from webapp.web.session import session_parameters

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class CrossSiteRequest(Forbidden):
    description = "This request came from another site, so nothing was done. Open the page here and try again."


def init_app(app: Quart, settings: Settings) -> None:
    app.before_request(refuse_cross_site)


async def refuse_cross_site() -> None:
    if request.method in SAFE_METHODS or _is_same_origin():
        return
    _record()
    raise CrossSiteRequest


def _record() -> None:
    """Whose browser it was is found later, if it sent a cookie, as it does for a site next to ours: refusing needs no
    database.
    """
    if (note := count_refusal(Event.CROSS_SITE)) is None:
        return
    details = {
        "method": request.method,
        "path": request.path[:MAX_PATH],
        "origin": request.headers.get("Origin", "")[:MAX_PATH],
        **note,
    }
    db().write_soon(record_of_session, Event.CROSS_SITE, audit_source(), session_parameters(), **details)


def _is_same_origin() -> bool:
    # Browsers never add a bearer token by themselves, and without a cookie there is nothing to abuse.
    if request.headers.get("Authorization", "").lower().startswith("bearer ") and "Cookie" not in request.headers:
        return True
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        return site in ("same-origin", "none")
    if origin is not None:
        return origin == own_origin()
    # No browser of the last ten years omits both. Programs may; but one that sends cookies could be a browser.
    return "Cookie" not in request.headers
