"""Templates: a plain synchronous Jinja environment, and what every template can use.

Everything is loaded before rendering starts. Quart's own environment adds awaiting inside templates, which makes
rendering twice as slow, gains no concurrency, and hides queries in pages.
"""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from quart import Quart, has_request_context, request

from settings import Settings
from webapp.extensions import Extension, config
from webapp.models.policy import Action, is_allowed
from webapp.web import template_code
from webapp.web.flashes import take_flashes
from webapp.web.formatting import format_datetime, format_number, format_relative, format_size, plural
from webapp.web.paths import paths
from webapp.web.request_context import request_id
from webapp.web.running_work import running_work
from webapp.web.session import current_user_or_none
from webapp.web.static import StaticFiles, static_files
from webapp.web.visits import current_visit

FOLDER = Path(__file__).parents[1] / "templates"


def _environment(settings: Settings) -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=settings.is_development,
        cache_size=-1,
    )


templates = Extension("templates", lambda app: _environment(config.of(app)))


def init_app(app: Quart, settings: Settings) -> None:
    environment = templates.of(app)
    files = static_files.of(app)
    functions = {"url_for": paths.of(app).to, "static_url": files.url, "icon": _icon_maker(files)}
    template_code.declare_pure(environment, functions, are_constant=not files.is_changing)
    environment.globals.update(plural=plural)
    environment.filters.update(
        number=format_number, size=format_size, ago=format_relative, datetime=format_datetime, plural=plural
    )


def render(template: str, /, **context: Any) -> Markup:
    """Render a whole template. Outside a request (a live stream, a job) it sees only its context."""
    environment = templates()
    template_code.ensure_not_shadowed(environment, context)
    return Markup(environment.get_template(template).render(_request_globals() | context))  # noqa: S704  (autoescaped)


def to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _request_globals() -> dict[str, Any]:
    """What every template of this request can use."""
    if not has_request_context():
        return {}
    actor, work = current_user_or_none(), running_work()
    return {
        "actor": actor,
        "visit": current_visit(),  # for who came by a link
        "runs_server": actor is not None and is_allowed(actor, Action.RUN_SERVER),
        # Without mail nobody can confirm an address, and nobody is asked to.
        "asks_to_confirm": actor is not None and not actor.is_verified and config().can_confirm_addresses,
        "flashes": take_flashes(),
        "running_endpoint": work.endpoint,
        "running_count": work.count(actor) if actor is not None and actor.link_id is None else 0,
        "request_id": request_id(),
        "path": request.path,
    }


def _icon_maker(files: StaticFiles) -> Callable[[str], Markup]:
    def icon(name: str) -> Markup:
        """A symbol of the sprite, decorative only: text beside it carries the meaning."""
        # Without quotation marks: a page of the grid has fifty.
        return Markup("<svg class=i aria-hidden=true><use href={}#{} /></svg>").format(files.url("icons.svg"), name)

    # In development the sprite may change while the server runs.
    return icon if files.is_changing else cache(icon)
