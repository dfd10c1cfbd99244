"""Pages, fragments, and the headers for htmx."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jinja2 import DictLoader, UndefinedError
from quart import Response
from quart.testing import QuartClient
from quart.typing import ResponseReturnValue

from webapp.web import fragments
from webapp.web.application import Application
from webapp.web.templating import render, templates

Serve = Callable[..., QuartClient]
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
FULL = {"HX-Request": "true", "HX-Request-Type": "full"}
RESTORED = {"HX-History-Restore-Request": "true", "HX-Request-Type": "full"}
PAGES = {
    "page.html": "<title>Page</title><main><p>{{ name }}</p></main>",
    "_part.html": "<i>{{ name }}</i>",
    "_toast.html": "<b class='{{ kind }}'>{{ text }}</b>",
}
PAGE = "<title>Page</title><main><p>&lt;Ada&gt;</p></main>"


@pytest.fixture(autouse=True)
def _pages(bare: Application) -> None:
    templates.of(bare).loader = DictLoader(PAGES)


@pytest.mark.parametrize(
    ("fragment", "headers", "expected"),
    [
        ("_part.html", {}, PAGE),
        ("_part.html", FULL, PAGE),
        ("_part.html", RESTORED, PAGE),
        ("_part.html", {"HX-Request": "true"}, PAGE),
        ("_part.html", PARTIAL, "<i>&lt;Ada&gt;</i>"),
        (None, PARTIAL, PAGE),
    ],
)
async def test_a_fragment_is_sent_only_for_a_partial_request(
    serve: Serve, fragment: str | None, headers: dict[str, str], expected: str
) -> None:
    async def view() -> Response:
        return await fragments.render("page.html", fragment, name="<Ada>")

    response = await serve(view).get("/try", headers=headers)

    assert await response.get_data(as_text=True) == expected
    assert "HX-Request-Type" in response.vary


async def test_a_variable_missing_from_the_context_is_an_error(bare: Application) -> None:
    async with bare.app_context():
        with pytest.raises(UndefinedError, match="'name' is undefined"):
            render("page.html")


async def test_a_response_can_have_several_parts(serve: Serve) -> None:
    async def view() -> Response:
        parts = fragments.partial("count", "<p>1 < 2</p>"), fragments.toast("<Done>", "failed")
        return fragments.respond("<tr></tr>", *parts, status=422)

    response = await serve(view).get("/try", headers=PARTIAL)

    assert response.status_code == 422
    assert await response.get_data(as_text=True) == (
        '<tr></tr><hx-partial hx-target="#count" hx-swap="outerMorph"><p>1 < 2</p></hx-partial>'
        '<hx-partial hx-target="#toasts" hx-swap="beforeend"><b class=\'failed\'>&lt;Done&gt;</b></hx-partial>'
    )


@pytest.mark.parametrize("headers", [{}, FULL])
async def test_a_redirect_after_a_form_is_a_303(serve: Serve, headers: dict[str, str]) -> None:
    async def view() -> ResponseReturnValue:
        return fragments.redirect_to("/tables/1?q=a")

    response = await serve(view).post("/try", headers=headers)

    assert (response.status_code, response.headers["Location"]) == (303, "/tables/1?q=a")


async def test_a_partial_request_is_redirected_by_a_header(serve: Serve) -> None:
    async def view() -> ResponseReturnValue:
        return fragments.redirect_to("/tables/1")

    response = await serve(view).post("/try", headers=PARTIAL)

    assert response.status_code == 200
    assert json.loads(response.headers["HX-Location"]) == {"path": "/tables/1", **fragments.MAIN}


@pytest.mark.parametrize("headers", [PARTIAL, FULL])
async def test_a_redirect_can_load_the_whole_page(serve: Serve, headers: dict[str, str]) -> None:
    async def view() -> ResponseReturnValue:
        return fragments.redirect_to("/", whole=True)

    assert (await serve(view).post("/try", headers=headers)).headers["HX-Redirect"] == "/"


@pytest.mark.parametrize("url", ["https://evil.example", "//evil", "/\\evil", "evil", "", "/a\r\nX: y", "javascript:1"])
def test_redirects_go_to_own_paths_only(url: str) -> None:
    with pytest.raises(ValueError, match="Not a path of this server"):
        fragments.redirect_to(url)


def test_no_template_uses_what_the_content_security_policy_forbids() -> None:
    """No inline scripts, styles or handlers, and nothing of htmx that needs eval."""
    folder = Path(fragments.__file__).parents[1] / "templates"
    for template in folder.rglob("*.html"):
        text = template.read_text().lower()
        for forbidden in ("hx-on", " style=", "<style", "javascript:", "js:", " onclick", " onsubmit", " onchange"):
            assert forbidden not in text, f"{template.name}: {forbidden}"
