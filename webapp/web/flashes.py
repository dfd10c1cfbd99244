"""Flash messages: text shown after a redirect, carried by a short-lived signed cookie.

They belong to a browser rather than to a session: "You are signed out" has no session to be stored in.
"""

from collections.abc import Iterator

from itsdangerous import BadSignature, URLSafeTimedSerializer
from quart import Quart, Response, g, request

from settings import Settings
from webapp.db import keys
from webapp.extensions import Extension

MAX_AGE = 120  # seconds: enough for the page after a redirect, not for later pages
MAX_LENGTH = 3000  # characters in all messages together: a cookie holds 4096
COOKIE = "rowcast-flash"

Message = tuple[str, str]


signer: Extension[URLSafeTimedSerializer] = Extension("flash_signer", lambda settings: keys.signer(settings, "flash"))


def init_app(app: Quart, settings: Settings) -> None:
    app.after_request(carry)


def flash(text: str, kind: str = "done") -> None:
    """Show `text` on the next page this browser receives. Kinds: done, alert, failed."""
    g.setdefault("flashes", []).append((kind, text))


class Flashes:
    """The messages for this page, as (kind, text). They are consumed when a template reads them, not before."""

    def __iter__(self) -> Iterator[Message]:
        g.flashes_shown = True
        messages: list[Message] = [*_carried(), *g.get("flashes", [])]
        g.flashes = []
        return iter(messages)


async def carry(response: Response) -> Response:
    """Pass messages that no page has shown yet on to the next response."""
    left: list[Message] = g.get("flashes", [])
    if left:
        kept = left if g.get("flashes_shown") else [*_carried(), *left]
        while sum(len(text) for _, text in kept) > MAX_LENGTH:
            kept = kept[1:]
        _set(response, signer().dumps(kept), MAX_AGE)
    elif g.get("flashes_shown") and COOKIE in request.cookies:
        _set(response, "", 0)
    return response


def _carried() -> list[Message]:
    if (cookie := request.cookies.get(COOKIE)) is None:
        return []
    try:
        return [(str(kind), str(text)) for kind, text in signer().loads(cookie, max_age=MAX_AGE)]
    except (BadSignature, ValueError, TypeError):
        return []


def _set(response: Response, value: str, age: int) -> None:
    response.set_cookie(COOKIE, value, max_age=age, httponly=True, samesite="Lax", secure=request.scheme == "https")
