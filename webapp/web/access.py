"""Who may do what: signed in by default, and the one way to a table.

A view is guarded unless it says `@public`: forgetting a decorator closes a door, it never opens one. `@may(action)`
says which right it takes, `@fresh` that who asks must have proved a short while ago who they are, `@resumable` that
it is then done without being asked for again, and `@before_second_factor` that it is part of setting one up where the
server demands it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from quart import Quart, Response, current_app, redirect, request, url_for
from quart.typing import ResponseReturnValue
from sqlalchemy import select
from werkzeug.exceptions import Forbidden, Unauthorized

from settings import SecondFactor, Settings
from webapp.extensions import config, db
from webapp.models import Action, Actor, Import, Passkey, Table, User, authorize
from webapp.models.permissions import RULES
from webapp.models.problems import NotFound
from webapp.web import bearer, resuming
from webapp.web.sessions import load_actor, loaded_actor

__all__ = [
    "Action",
    "Actor",
    "NotFound",
    "actor",
    "authorize",
    "before_second_factor",
    "demands_two_factors",
    "find_import",
    "find_table",
    "fresh",
    "load_actor",
    "may",
    "owes_factor",
    "public",
    "resumable",
    "safe_next",
]

View = TypeVar("View", bound=Callable[..., Any])

MAX_NEXT = 2000  # characters of an address that is worth going back to
MAX_ID = 2**63 - 1


def init_app(app: Quart, settings: Settings) -> None:
    app.before_request(_require_sign_in)
    app.before_request(_require_right)
    app.before_request(_require_second_factor)
    app.before_request(_require_fresh)


def public(view: View) -> View:
    """Anybody may call this view. Who is signed in is looked up only if the page asks for it."""
    view.is_public = True  # type: ignore[attr-defined]
    return view


def may(action: Action) -> Callable[[View], View]:
    """Only whom `authorize()` lets do `action` may call this view; the others are answered 403."""

    def mark(view: View) -> View:
        view.action = action  # type: ignore[attr-defined]
        return view

    return mark


def fresh(view: View) -> View:
    """Who calls this view has proved a short while ago who they are, or is asked to first."""
    view.needs_fresh = True  # type: ignore[attr-defined]
    return view


def resumable(view: View) -> View:
    """A `@fresh` view of a button, which takes nothing but its address: after the proof it is called by itself."""
    view.is_resumable = True  # type: ignore[attr-defined]
    return view


def before_second_factor(view: View) -> View:
    """Who still has to set up the second factor that the server demands may call this view."""
    view.is_before_second_factor = True  # type: ignore[attr-defined]
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


async def find_table(actor: Actor, table_id: int, action: Action = Action.READ_TABLE) -> Table:
    """The table with its columns, if this person may do `action` with it. Raises `NotFound`."""
    table = await db().read(lambda connection: Table.find(connection, actor.id, min(table_id, MAX_ID)))
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


async def _require_right() -> None:
    """The right a view takes, whatever it is done with; what it is done with is looked at where that is found."""
    view = current_app.view_functions.get(request.endpoint or "")
    person = loaded_actor()
    if view is None or person is None or getattr(view, "is_public", False):
        return
    action = getattr(view, "action", Action.USE)
    if not authorize(person, action):
        raise _not_allowed(person, action)


def _not_allowed(person: Actor, action: Action) -> Forbidden:
    """A program is told when another token of the same person would do."""
    scope = RULES[action].scope
    if scope is not None and authorize(replace(person, scopes=None), action):
        return bearer.ScopeTooSmall(scope)
    return Forbidden()


async def _require_second_factor() -> ResponseReturnValue | None:
    """Where the server demands one, a sign-in by password alone opens the pages to set it up and nothing else.

    A token was made in a sign-in that had what was demanded then.
    """
    view = current_app.view_functions.get(request.endpoint or "")
    person = loaded_actor()
    if person is None or person.is_strong or person.token_id or not demands_two_factors(person):
        return None
    if getattr(view, "is_public", False) or getattr(view, "is_before_second_factor", False):
        return None
    if request.path.startswith(bearer.API):
        raise Forbidden("This server asks for a second factor. Set one up on the page of your account.")
    if await owes_factor(person):
        return _send_to(url_for("auth.confirm", next=here()))
    return _send_to(url_for("account.second_factor"))


def demands_two_factors(person: Actor) -> bool:
    demand = config().second_factor
    if demand is SecondFactor.ADMINISTRATORS:
        return authorize(person, Action.RUN_SERVER)
    return demand is SecondFactor.EVERYBODY


async def owes_factor(person: Actor) -> bool:
    """Whether it has to be shown before another is added: who knows the password only would add one of their own."""
    if person.is_strong or not demands_two_factors(person):
        return False
    async with db().reading() as session:
        has_app = await session.scalar(select(User.totp_secret.is_not(None)).where(User.id == person.id))
        return bool(has_app) or await session.scalar(Passkey.anyone_of(person.id)) is not None


async def _require_fresh() -> ResponseReturnValue | None:
    """A form that was posted too late is lost: its page asks for the proof before it is filled in. A button is not."""
    view = current_app.view_functions.get(request.endpoint or "")
    person = loaded_actor()
    if person is None or not getattr(view, "needs_fresh", False):
        return None
    if person.is_fresh and not await owes_factor(person):
        return None
    is_button = request.method == "POST" and getattr(view, "is_resumable", False)
    return _send_to(url_for("auth.confirm", next=here(), then=resuming.promise(person) if is_button else None))


def _send_to(page: str) -> ResponseReturnValue:
    """On to `page`; with htmx the whole window, not the part of a page that was asked for."""
    return Response("", 401, {"HX-Redirect": page}) if _by_htmx() else redirect(page, 303)


async def _require_sign_in() -> ResponseReturnValue | None:
    """An address that does not exist is guarded as well: strangers cannot tell what is there."""
    view = current_app.view_functions.get(request.endpoint or "")
    if getattr(view, "is_public", False) or await load_actor() is not None:
        return None
    target = here()
    login = url_for("auth.login", next=target) if target != "/" else url_for("auth.login")
    if request.path.startswith(bearer.API) and not _by_htmx():
        raise bearer.refusal()
    return _send_to(login)
