"""Every page has one heading, a title and its landmarks, and nothing in it refers to what is not there."""

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import html5lib
import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.helpers import sign_out, sign_up
from tests.imports import add_import
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp import create_app
from webapp.web.application import Application

CORPUS = Path(__file__).parents[1] / "corpus"
STATES = ("inspecting", "ready", "loading", "done", "failed", "cancelled")
FIRST = ["/", "/register"]  # where nobody has an account yet
STRANGER = ["/", "/api/docs", "/login", "/login?next=/dashboard"]
PEOPLE = [
    "/dashboard",
    "/tables/1",
    "/tables/1?q=ur&sort=4,-3&f.2=ge:1&cols=1,2,4",
    "/tables/1?q=pluto",
    "/tables/2",
    "/tables/1/edit",
    "/tables/1/rows/5",
    "/tables/1/columns",
    "/tables/1/columns/1",
    "/tables/1/columns/3/profile",
]
# What goes wrong has a page as well.
REFUSALS = {
    "/tables/999": 404,
    "/nowhere": 404,
    "/tables/1?f.2=ge:many": 422,
    "/logout": 405,
    "/tables/1/columns/99": 404,
}
# Answers to GET that are no pages, and what they are.
OTHERS = {
    "api.health": "JSON",
    "api.me_show": "JSON",
    "api.users_index": "JSON",
    "api.users_show": "JSON",
    "api.openapi_show": "JSON",
    "main.up": "text for machines",
    "main.ready": "text for machines",
    "live.stream": "a stream",
    "static": "files",
    "favicon": "a file",
    "tables.stylesheets_show": "a style sheet",
    "tables.exports_show": "a file",
    "tables.originals_show": "a file",
    "tables.imports_rejected": "a file",
    "tables.filters_create": "leads on to the table",
    "tables.rows_index": "a part of a page",
    "tables.counts_show": "a part of a page",
}


def test_every_address_is_looked_at(settings: Settings) -> None:
    app = create_app(settings)
    adapter = app.url_map.bind("localhost")
    pages = [*FIRST, *STRANGER, *PEOPLE, "/tables/imports/any"]
    seen = {adapter.match(address.partition("?")[0])[0] for address in pages}
    asked = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}

    assert asked == seen | OTHERS.keys()


async def test_pages_for_strangers(client: QuartClient) -> None:
    for address in FIRST:
        check(address, await page(client, address))
    await sign_up(client)
    await sign_out(client)
    for address in STRANGER:
        check(address, await page(client, address))


async def test_pages_for_people(client: QuartClient, settings: Settings) -> None:
    await arrive(client, settings)
    for address in PEOPLE:
        check(address, await page(client, address))


@pytest.mark.parametrize("state", STATES)
async def test_the_page_of_an_import(client: QuartClient, settings: Settings, state: str) -> None:
    await arrive(client, settings)
    failure = "It could not be read." if state == "failed" else None
    address = add_import(settings.data_dir, CORPUS / "ragged.csv", state, failure=failure, table_id=1)

    check(state, await page(client, address))
    check(f"dashboard, {state}", await page(client, "/dashboard"))


async def test_the_pages_of_refusals(client: QuartClient, settings: Settings) -> None:
    await arrive(client, settings)
    for address, status in REFUSALS.items():
        check(address, await page(client, address, status))


async def test_the_page_of_a_failure(app: Application) -> None:
    @app.route("/failing")
    async def failing() -> str:
        raise RuntimeError("as meant")

    client = app.test_client()
    await sign_up(client)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    html = await (await client.get("/failing")).get_data(as_text=True)

    document = html5lib.parse(html, namespaceHTMLElements=False)
    check_frame("/failing", document)
    assert "as meant" not in html


async def arrive(client: QuartClient, settings: Settings) -> None:
    """Signed in, with a table and an empty one."""
    await sign_up(client)
    assert add_table(settings.data_dir, PLANETS, PLANET_ROWS) == 1
    assert add_table(settings.data_dir, {"Planet": "text"}, []) == 2


async def page(client: QuartClient, address: str, status: int = 200) -> Any:
    answer = await client.get(address)
    html = await answer.get_data(as_text=True)
    assert answer.status_code == status, f"{address}: {html}"
    return html5lib.parse(html, namespaceHTMLElements=False)


def check(name: str, document: Any) -> None:
    check_frame(name, document)
    check_references(name, document)
    first = next(element for element in document.find("body").iter() if element.tag in ("a", "button", "input"))
    assert first.get("href") == "#main", f"{name}: the first stop leads past what all pages have"
    levels = [int(element.tag[1]) for element in document.iter() if element.tag in ("h1", "h2", "h3", "h4")]
    below_main = levels[levels.index(1) :]
    jumps = [pair for pair in pairwise(below_main) if pair[1] > pair[0] + 1]
    assert not jumps, f"{name}: headings skip a level: {levels}"


def check_frame(name: str, document: Any) -> None:
    """Language, title, one heading, one main part and one header; regions of a kind differ in their names."""
    assert document.get("lang") == "en", name
    assert "Rowcast" in text(document.find("head/title")), name
    headings = [text(element) for element in document.iter("h1")]
    assert len(headings) == 1, f"{name}: {headings}"
    assert headings[0], name
    assert [element.get("id") for element in document.iter("main")] == ["main"], name
    assert len(document.findall("body/header")) == 1, name
    for kind in ("nav", "aside", "section"):
        labels = [labelled(document, element) for element in document.iter(kind)]
        assert kind == "section" or len(labels) < 2 or all(labels), f"{name}: a {kind} without a name"
        assert not [label for label, count in Counter(labels).items() if label and count > 1], f"{name}: {labels}"


def check_references(name: str, document: Any) -> None:
    """No id twice, none referred to that is not there, and every field has a label."""
    ids = [element.get("id") for element in document.iter() if element.get("id")]
    assert not [found for found, count in Counter(ids).items() if count > 1], name
    for element in document.iter():
        for attribute in ("for", "aria-labelledby", "aria-describedby", "aria-controls", "form"):
            missing = set((element.get(attribute) or "").split()) - set(ids)
            assert not missing, f"{name}: {attribute} of {element.tag} names {missing}"
    labels = {element.get("for") for element in document.iter("label")}
    inside = {field for label in document.iter("label") for field in label.iter()}
    for field in document.iter():
        is_field = field.tag in ("input", "select", "textarea") and field.get("type") != "hidden"
        has_label = field.get("id") in labels or field in inside or field.get("aria-label")
        assert not is_field or has_label, f"{name}: {field.get('name')} has no label"


def labelled(document: Any, element: Any) -> str:
    if wanted := element.get("aria-labelledby"):
        return text(next(found for found in document.iter() if found.get("id") == wanted))
    return str(element.get("aria-label") or "")


def text(element: Any) -> str:
    return " ".join("".join(element.itertext()).split()) if element is not None else ""
