"""Access control: signed in by default.

Every view is guarded unless it is marked `@public`, so a forgotten decorator locks people out and never lets them in.
`@may(action)` names the right a view needs, `@fresh` requires a recent proof of identity, `@resumable` runs the view
again by itself after that proof, and `@before_second_factor` marks the views that set up a required second factor.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from quart import Quart, Response, current_app, redirect, request, url_for
from quart.typing import ResponseReturnValue
from werkzeug.exceptions import Forbidden

from settings import Settings
from webapp.extensions import config, db
from webapp.models import Action as Action  # views name it with `@may`
from webapp.models import Actor, Role, is_allowed
from webapp.models.accounts.second_factor import has_second_factor
from webapp.models.policy import ROLES_WITH_TWO_FACTORS, RULES
from webapp.web import bearer, pending_request
from webapp.web.safe_urls import current_page, is_htmx_request
from webapp.web.session import current_user_or_none, load_current_user

View = TypeVar("View", bound=Callable[..., Any])


def init_app(app: Quart, settings: Settings) -> None:
    app.before_request(_require_sign_in)
    app.before_request(_require_right)
    app.before_request(_require_second_factor)
    app.before_request(_require_fresh)


def public(view: View) -> View:
    """Anybody may call this view. The session is looked up only if the page asks for it."""
    view.is_public = True  # type: ignore[attr-defined]
    return view


def may(action: Action) -> Callable[[View], View]:
    """Restrict this view to people whom `is_allowed()` allows to do `action`; others get a 403."""

    def mark(view: View) -> View:
        view.action = action  # type: ignore[attr-defined]
        return view

    return mark


def fresh(view: View) -> View:
    """Require a recent proof of identity; people without one are asked for it first."""
    view.needs_fresh = True  # type: ignore[attr-defined]
    return view


def resumable(view: View) -> View:
    """Mark a `@fresh` view that takes nothing but its URL: after the proof it is called by itself."""
    view.is_resumable = True  # type: ignore[attr-defined]
    return view


def before_second_factor(view: View) -> View:
    """Let people call this view who have yet to set up the second factor that the server requires."""
    view.is_before_second_factor = True  # type: ignore[attr-defined]
    return view


async def _require_right() -> None:
    """Check the view's right in general; the right to a particular object is checked where the object is found."""
    view = current_app.view_functions.get(request.endpoint or "")
    actor = current_user_or_none()
    if view is None or actor is None or getattr(view, "is_public", False):
        return
    action = getattr(view, "action", Action.USE)
    if is_allowed(actor, action):
        return
    if actor.table_ids is not None and is_allowed(replace(actor, table_ids=None), action):
        raise bearer.TokenLimited
    scope = RULES[action].scope
    if scope is not None and is_allowed(replace(actor, scopes=None), action):
        raise bearer.ScopeTooSmall(scope)  # another token of the same person would suffice
    raise Forbidden


async def _require_second_factor() -> ResponseReturnValue | None:
    """If the server requires a second factor, a sign-in by password alone opens only the pages that set it up.

    Tokens are exempt: they were created in a sign-in that met the requirement at the time. So is who comes by a link.
    """
    view = current_app.view_functions.get(request.endpoint or "")
    actor = current_user_or_none()
    if actor is None or not lacks_factor(actor):
        return None
    if getattr(view, "is_public", False) or getattr(view, "is_before_second_factor", False):
        return None
    if request.path.startswith(bearer.API):
        raise Forbidden("This server requires two-factor authentication. Set it up in your account.")
    return _redirect(await find_factor_page(actor))


def lacks_factor(actor: Actor) -> bool:
    """Whether this sign-in counts for nothing yet. A public view that says or asks who somebody is has to know."""
    is_exempt = actor.is_strong or actor.token_id or actor.link_id
    return not is_exempt and needs_two_factors(actor)


async def find_factor_page(actor: Actor) -> str:
    """Where the factor is shown that the sign-in lacks, or set up if there is none."""
    if await must_show_second_factor(actor):
        return url_for("auth.confirm", next=current_page())
    return url_for("account.second_factor")


def needs_two_factors(actor: Actor) -> bool:
    return actor.role in roles_with_two_factors()


def roles_with_two_factors() -> frozenset[Role]:
    """Of whom this server demands them."""
    return ROLES_WITH_TWO_FACTORS[config().second_factor]


async def must_show_second_factor(actor: Actor) -> bool:
    """Whether an existing factor must be shown first: else anybody with just the password could add their own."""
    if actor.is_strong or not needs_two_factors(actor):
        return False
    async with db().reading() as session:
        return await has_second_factor(session, actor.id)


async def _require_fresh() -> ResponseReturnValue | None:
    """A form posted too late is lost, so its page asks for the proof before it is filled in. A button is not lost."""
    view = current_app.view_functions.get(request.endpoint or "")
    actor = current_user_or_none()
    if actor is None or not getattr(view, "needs_fresh", False):
        return None
    if actor.is_fresh and not await must_show_second_factor(actor):
        return None
    is_button = request.method == "POST" and getattr(view, "is_resumable", False)
    return _redirect(
        url_for("auth.confirm", next=current_page(), then=pending_request.sign(actor) if is_button else None)
    )


def _redirect(page: str) -> ResponseReturnValue:
    """Go to `page`; with htmx in the whole window, not in the part of the page that was requested."""
    return Response("", 401, {"HX-Redirect": page}) if is_htmx_request() else redirect(page, 303)


async def _require_sign_in() -> ResponseReturnValue | None:
    """URLs that do not exist are guarded too, so strangers cannot tell which ones do."""
    view = current_app.view_functions.get(request.endpoint or "")
    if getattr(view, "is_public", False) or await load_current_user() is not None:
        return None
    if request.path.startswith(bearer.API) and not is_htmx_request():
        raise bearer.unauthorized()
    page = current_page()
    return _redirect(url_for("auth.login", next=None if page == "/" else page))
