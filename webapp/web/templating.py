"""Templates: a plain synchronous Jinja environment, and what every template can use.

Everything is loaded before rendering begins. Awaiting inside templates is what Quart's own environment adds: it makes
rendering twice as slow, buys no concurrency, and hides queries in pages.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from quart import Quart, has_request_context, request

from settings import Settings
from webapp.extensions import Extension
from webapp.web import flashes
from webapp.web.access import actor
from webapp.web.exchange import request_id
from webapp.web.static import static_files

FOLDER = Path(__file__).parents[1] / "templates"
Kept = dict[str, Any]


def _make(settings: Settings) -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=settings.is_development,
        cache_size=-1,
    )


templates: Extension[Environment] = Extension("templates", _make)


def init_app(app: Quart, settings: Settings) -> None:
    environment = templates.init_app(app, settings)
    environment.globals.update(
        url_for=_url_builder(app), static_url=static_files.of(app).url, icon=_icon_maker(app), plural=plural
    )
    environment.filters.update(number=number, size=size, ago=ago, plural=plural)


def render(template: str, /, **context: Any) -> Markup:
    """A whole template. Outside a request (a live stream, a job) it has only what it is given."""
    return Markup(templates().get_template(template).render(_shared() | context))  # noqa: S704  (autoescaped)


def render_block(template: str, block: str, /, **context: Any) -> Markup:
    """One block of a page. What the page sets or imports outside the block is not there."""
    page = templates().get_template(template)
    return Markup("".join(page.blocks[block](page.new_context(_shared() | context))))  # noqa: S704  (autoescaped)


def to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _shared() -> Kept:
    """What every template of this request has."""
    if not has_request_context():
        return {}
    return {"actor": actor(), "flashes": flashes.Flashes(), "request_id": request_id(), "path": request.path}


def _url_builder(app: Quart) -> Callable[..., str]:
    """`url_for` without a request, so that live streams can use it too: always a path, never a host."""
    adapter = app.url_map.bind("localhost")

    def url_for(endpoint: str, **values: Any) -> str:
        return adapter.build(endpoint, {name: value for name, value in values.items() if value is not None})

    return url_for


def _icon_maker(app: Quart) -> Callable[[str], Markup]:
    files = static_files.of(app)

    def icon(name: str) -> Markup:
        """A symbol of the sprite, for the eye only: words beside it say what it means."""
        return Markup('<svg class="i" aria-hidden="true"><use href="{}#{}"></use></svg>').format(
            files.url("icons.svg"), name
        )

    # A page of the grid shows fifty. In development the sprite may change under a running server.
    return icon if files.is_changing else cache(icon)


def number(value: int | float | None) -> str:
    """1234567 as "1,234,567"; nothing for None."""
    return "" if value is None else f"{value:,}"


def size(count: int | None) -> str:
    """Bytes as people say them: "93 MB", "1.4 MB", "812 kB"."""
    if count is None:
        return ""
    if count < 1000:
        return plural(count, "byte")
    for unit, factor in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if count < factor * 999.5 or unit == "GB":
            amount = count / factor
            return f"{amount:.0f} {unit}" if amount >= 9.95 or unit == "kB" else f"{amount:.1f} {unit}"
    raise AssertionError


def plural(count: int, one: str, many: str | None = None) -> str:
    """`plural(3, "row")` is "3 rows"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


AGO = ((60, 1, "second"), (3600, 60, "minute"), (86400, 3600, "hour"), (30 * 86400, 86400, "day"))


def ago(then: datetime | None, now: datetime | None = None) -> Markup:
    """A time relative to now, with the exact one in its title."""
    if then is None:
        return Markup("")
    seconds = int(((now or datetime.now(UTC)) - then).total_seconds())
    words = _relative(seconds) or f"on {then.day} {then:%B %Y}"
    exact = f"{then.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(then.isoformat(timespec="seconds"), exact, words)


def _relative(seconds: int) -> str:
    if seconds < 10:
        return "just now"
    for below, unit, name in AGO:
        if seconds < below:
            return f"{plural(seconds // unit, name)} ago"
    return ""
