"""Pages and fragments: one place decides which to send, and one helper for each htmx mechanism."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup
from quart import Response, redirect, request
from quart.typing import ResponseReturnValue

from webapp.web import templating
from webapp.web.session import load_current_user

MAIN = {"target": "#main", "select": "#main", "swap": "outerMorph"}
_OWN_PATH = re.compile(r"/(?![/\\])[!-~]*")


def is_partial() -> bool:
    """Whether the response goes into a part of a page.

    No other header tells: a restored history entry sends no `HX-Request`, and boosted links and `hx-select`, which do,
    want the whole page.
    """
    return request.headers.get("HX-Request-Type") == "partial"


async def render(template: str, /, fragment: str | None = None, status: int = 200, **context: Any) -> Response:
    """Return the page, or the template of its fragment if that is what the client will use."""
    await load_current_user()
    return Response(templating.render(_chosen(template, fragment), **context), status)


async def render_large(template: str, /, fragment: str | None = None, status: int = 200, **context: Any) -> Response:
    """The same in a thread: a form with fields for 2,000 columns would occupy the event loop for half a second."""
    await load_current_user()
    html = await asyncio.to_thread(templating.render, _chosen(template, fragment), **context)
    return Response(html, status)


def _chosen(template: str, fragment: str | None) -> str:
    return fragment if fragment and is_partial() else template


def respond(*parts: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Combine several parts of a page into one response: a fragment for the target, then partials for other
    elements.
    """
    return Response("".join(parts), status, dict(headers or {}))


def partial(target_id: str, html: str, swap: str = "outerMorph") -> Markup:
    """Wrap `html` for the element `target_id`, wherever the rest of the response goes. Works in live streams too."""
    return Markup('<hx-partial hx-target="#{}" hx-swap="{}">{}</hx-partial>').format(
        target_id,
        swap,
        Markup(html),  # noqa: S704  (rendered by a template)
    )


def toast(text: str, kind: str = "done", look_url: str | None = None) -> Markup:
    """A short message in the corner. Kinds: done, alert, failed. `look_url` leads to what it is about."""
    return partial("toasts", templating.render("_toast.html", text=text, kind=kind, look_url=look_url), "beforeend")


def redirect_to(url: str, *, whole: bool = False) -> ResponseReturnValue:
    """Redirect to one of our own pages after a form: 303, or its htmx equivalent if only a part was requested.

    htmx follows a 303 itself and would put the resulting page into that part. With `whole` the browser reloads the
    page, which signing in and out require.
    """
    if not _OWN_PATH.fullmatch(url):
        raise ValueError(f"Not a path of this server: {url!r}")
    if "HX-Request" in request.headers and whole:
        return Response("", 200, {"HX-Redirect": url})
    if is_partial():
        return Response("", 200, {"HX-Location": templating.to_json({"path": url, **MAIN}), "HX-Reswap": "none"})
    return redirect(url, 303)
