"""Who may do what: signed in by default, and the one way to a table.

A view is guarded unless it says `@public`: forgetting a decorator closes a door, it never opens one.
"""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from quart import Quart, Response, current_app, redirect, request, url_for
from quart.typing import ResponseReturnValue
from werkzeug.exceptions import Unauthorized

from settings import Settings
from webapp.extensions import db
from webapp.models import Actor, Import, Table
from webapp.models.problems import NotFound
from webapp.web.sessions import load_actor, loaded_actor

__all__ = ["Actor", "NotFound", "actor", "authorize", "find_import", "find_table", "load_actor", "public", "safe_next"]

View = TypeVar("View", bound=Callable[..., Any])

MAX_NEXT = 2000  # characters of an address that is worth going back to
MAX_ID = 2**63 - 1


def init_app(app: Quart, settings: Settings) -> None:
    app.before_request(_require_sign_in)


def public(view: View) -> View:
    """Anybody may call this view. Who is signed in is looked up only if the page asks for it."""
    view.is_public = True  # type: ignore[attr-defined]
    return view


def actor() -> Actor | None:
    """Who is signed in. In a public view `await load_actor()` first."""
    return loaded_actor()


def signed_in() -> Actor:
    """Who is signed in, in a view that is not public."""
    found = loaded_actor()
    if found is None:
        raise Unauthorized
    return found


async def find_table(actor: Actor, table_id: int, action: str = "read") -> Table:
    """The table with its columns, if this person may do `action` with it. Raises `NotFound`."""
    async with db().reading() as session:
        statement = Table.visible_to(actor.id).where(Table.id == min(table_id, MAX_ID))
        table = (await session.execute(statement)).scalar_one_or_none()
    if table is None or not authorize(actor, action, table):
        raise NotFound("table")
    return table


async def find_import(actor: Actor, import_id: str) -> Import:
    """The import, if it is this person's. Raises `NotFound`."""
    async with db().reading() as session:
        statement = Import.visible_to(actor.id).where(Import.id == import_id)
        found = (await session.execute(statement)).scalar_one_or_none()
    if found is None:
        raise NotFound("import")
    return found


def authorize(actor: Actor, action: str, table: Table) -> bool:
    """The one place that decides: so far a table is its owner's alone, whatever the action."""
    return table.owner_id == actor.id


def safe_next(target: str | None, default: str = "/") -> str:
    """`target` if it is a path of this server, else `default`.

    What a browser would read as another host or scheme is refused: `//evil`, `/\\evil` (backslashes count as
    slashes), control characters (browsers drop them: `/<tab>/evil`), anything that is not plain ASCII.
    """
    if not target or len(target) > MAX_NEXT or not target.startswith("/") or "\\" in target:
        return default
    if any(not "!" <= character <= "~" for character in target):
        return default
    return default if "//" in target.partition("?")[0] else target


def here() -> str:
    """The page this request is for or comes from, to go back to after signing in: only pages are gone back to."""
    is_part = _by_htmx() and request.headers.get("HX-Request-Type") != "full"
    if is_part or request.method not in ("GET", "HEAD"):
        return _own_path(request.headers.get("HX-Current-URL") or request.referrer)
    query = request.query_string.decode("ascii", "replace")
    return safe_next(quote(request.path, safe="/:@!$&'()*+,;=-._~") + (f"?{query}" if query else ""))


def _own_path(address: str | None) -> str:
    try:
        parts = urlsplit(address or "")
    except ValueError:
        return "/"
    if parts.netloc != request.host:
        return "/"
    return safe_next(parts.path + (f"?{parts.query}" if parts.query else ""))


def _by_htmx() -> bool:
    """Only the type tells of a restored history entry. A redirect would put the login page into a part of the page."""
    return "HX-Request" in request.headers or "HX-Request-Type" in request.headers


async def _require_sign_in() -> ResponseReturnValue | None:
    """An address that does not exist is guarded as well: strangers cannot tell what is there."""
    view = current_app.view_functions.get(request.endpoint or "")
    if getattr(view, "is_public", False) or await load_actor() is not None:
        return None
    target = here()
    login = url_for("auth.login", next=target) if target != "/" else url_for("auth.login")
    if _by_htmx():
        return Response("", 401, {"HX-Redirect": login})
    if request.path.startswith("/api/"):
        raise Unauthorized
    return redirect(login, 303)
