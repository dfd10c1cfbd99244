"""Flash messages: text shown after a redirect, carried by a short-lived signed cookie.

They belong to a browser rather than to a session: "You are signed out" has no session to be stored in.
"""

from collections.abc import Iterator

from quart import Quart, Response, g

from settings import Settings
from webapp.web.cookies import SignedCookie

MAX_LENGTH = 3900  # characters of the cookie's value: browsers refuse a cookie of more than 4096
MAX_AGE = 120  # seconds: enough for the page after a redirect, not for later pages
COOKIE = SignedCookie("rowcast-flash", "flash", MAX_AGE, has_prefix=False)

Message = tuple[str, str, str]


def init_app(app: Quart, settings: Settings) -> None:
    app.after_request(save)


def flash(text: str, kind: str = "done", undo_url: str | None = None) -> None:
    """Show `text` on the next page this browser receives, with a button that undoes it by a POST to `undo_url`. Kinds:
    done, alert, failed.
    """
    g.setdefault("flashes", []).append((kind, text, undo_url or ""))


def take_flashes() -> Iterator[Message]:
    """The messages for this page, as (kind, text, URL that undoes it or ""). They are consumed when a template reads
    them, not before.
    """
    g.flashes_shown = True
    messages: list[Message] = [*_load(), *g.get("flashes", [])]
    g.flashes = []
    yield from messages


async def save(response: Response) -> Response:
    """Pass messages that no page has shown yet on to the next response; the oldest go first if they are too long."""
    messages: list[Message] = g.get("flashes", [])
    if messages:
        pending = messages if g.get("flashes_shown") else [*_load(), *messages]
        while len(value := COOKIE.dump(pending)) > MAX_LENGTH:
            pending = pending[1:]
        COOKIE.set(response, value)
    elif g.get("flashes_shown") and COOKIE.get():
        COOKIE.delete(response)
    return response


def _load() -> list[Message]:
    try:
        return [(str(kind), str(text), str(undo_url)) for kind, text, undo_url in COOKIE.load() or ()]
    except (ValueError, TypeError):
        return []
