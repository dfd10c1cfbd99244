"""The OpenAPI document, and the page made of it."""

import difflib
import json
from pathlib import Path
from typing import Annotated, Any

import html5lib
import pytest
from jsonschema_rs import validator_for
from pydantic import BaseModel, ConfigDict, Field
from quart.testing import QuartClient
from quart_schema import tag

from tests.http.api.conftest import Make
from webapp.api.decorators import body, errors, response
from webapp.models import Action
from webapp.models.policy import RULES
from webapp.web.application import Application
from webapp.web.errors import TITLES

DOCUMENT = "/api/v1/openapi.json"
SNAPSHOT = Path(__file__).parent / "openapi.json"


@pytest.fixture
async def document(client: QuartClient) -> dict[str, Any]:
    answer = await client.get(DOCUMENT)
    assert answer.status_code == 200
    actual: dict[str, Any] = await answer.get_json()
    return actual


async def test_the_document_has_not_changed(document: dict[str, Any]) -> None:
    """Meant to change? `curl localhost:8000/api/v1/openapi.json | python -m json.tool > tests/http/api/openapi.json`"""
    expected, actual = SNAPSHOT.read_text(encoding="utf-8"), json.dumps(document, indent=4) + "\n"

    changed = difflib.unified_diff(expected.splitlines(), actual.splitlines(), "expected", "actual", lineterm="")
    assert expected == actual, "\n".join(changed)


async def test_the_document_has_every_route_of_the_api_and_no_other(app: Application, document: dict[str, Any]) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/v1/")]
    there = {
        (rule.rule.replace("<id:", "{").replace("<", "{").replace(">", "}"), method.lower())
        for rule in rules
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint != "api.openapi_show"
    }

    assert {(path, method) for path, operations in document["paths"].items() for method in operations} == there


async def test_every_operation_is_described_completely(app: Application, document: dict[str, Any]) -> None:
    names = []
    for operations in document["paths"].values():
        for method, operation in operations.items():
            names.append(operation["operationId"])
            view = app.view_functions[f"api.{operation['operationId']}"]
            scope = RULES[getattr(view, "action", Action.USE)].scope
            ways = [{"token": [scope]}, {"session": []}] if method == "get" else [{"token": [scope]}]
            assert operation["security"] == ways
            assert operation["summary"]
            assert operation["description"]
            assert {"401", "403", "429", "500"} <= operation["responses"].keys()
            assert all(parameter["description"] for parameter in operation["parameters"])
            assert operation["tags"]
            assert set(operation["tags"]) <= {tag["name"] for tag in document["tags"]}
            done = next(answer for status, answer in operation["responses"].items() if status < "300")
            assert "RateLimit-Remaining" in done["headers"]
    assert len(names) == len(set(names))


async def test_references_resolve_and_examples_are_valid(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    for reference in set(references(document)):
        found: Any = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
    for name, schema in schemas.items():
        check = validator_for({**schema, "components": document["components"]})
        for example in schema.get("examples", []):
            check.validate(example)
        assert name == "Role" or schema["type"] == "object"
    problem = validator_for({**schemas["Problem"], "components": document["components"]})
    for answer in document["components"]["responses"].values():
        problem.validate(answer["content"]["application/problem+json"]["example"])


def references(part: Any) -> list[str]:
    if isinstance(part, list):
        return [found for item in part for found in references(item)]
    if not isinstance(part, dict):
        return []
    own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
    return own + [found for item in part.values() for found in references(item)]


async def test_a_new_operation_is_documented_by_what_its_view_declares(app: Application, client: QuartClient) -> None:
    class Book(BaseModel):
        """A book."""

        model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Emma"}]})

        title: str = Field(description="As `printed` on the cover.", max_length=80)

    @app.put("/api/v1/shelves/<shelf>/book")
    @tag(["Books"])
    @errors(409)
    @response(Book, headers=("ETag",))
    @body(Book)
    async def books_update(shelf: Annotated[str, Field(description="The label.", examples=["b7"])], data: Book) -> Book:
        """Put a book on a shelf

        Whatever was there is removed.
        """
        return data

    operation = (await (await client.get(DOCUMENT)).get_json())["paths"]["/api/v1/shelves/{shelf}/book"]["put"]
    html = await (await client.get("/api/docs")).get_data(as_text=True)

    label = {"name": "shelf", "in": "path", "required": True, "description": "The label.", "example": "b7"}
    assert operation["parameters"] == [label | {"schema": {"type": "string"}}]
    assert operation["tags"] == ["Books"]
    assert "ETag" in operation["responses"]["200"]["headers"]
    assert "409" in operation["responses"]
    assert ">Put a book on a shelf</h2>" in html
    assert "<dt><code>shelf</code></dt><dd>text. The label.</dd>" in html
    assert "<dd>text, at most 80 characters. As <code>printed</code> on the cover.</dd>" in html
    assert 'id="schema-Book"' in html
    assert "curl -X PUT http://localhost/api/v1/shelves/b7/book" in html
    assert "-d &#39;{&#34;title&#34;: &#34;Emma&#34;}&#39;" in html


async def test_quart_schemas_own_pages_are_off(app: Application) -> None:
    names = {rule.endpoint for rule in app.url_map.iter_rules()}

    assert not names & {"openapi", "swagger_ui", "redoc_ui", "scalar_ui"}


async def test_quart_schema_leaves_pages_unchanged(app: Application, owner: QuartClient) -> None:
    """quart-schema processes every response; those that are not models must pass unchanged."""

    @app.get("/page")
    async def page() -> tuple[str, int, dict[str, str]]:
        return "<p>camelCase snake_case</p>", 202, {"X-Made-By": "hand"}

    answer = await owner.get("/page")

    assert (answer.status_code, await answer.get_data()) == (202, b"<p>camelCase snake_case</p>")
    assert (answer.mimetype, answer.headers["X-Made-By"]) == ("text/html", "hand")


async def test_the_page_has_every_operation_schema_and_problem(client: QuartClient, document: dict[str, Any]) -> None:
    html = await (await client.get("/api/docs")).get_data(as_text=True)
    page = html5lib.parse(html, namespaceHTMLElements=False)
    ids = {element.get("id") for element in page.iter()}
    links = {link.get("href")[1:] for link in page.iter("a") if (link.get("href") or "").startswith("#")}

    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["operationId"] in ids
            assert f">{operation['summary']}</h2>" in html
    for name, schema in document["components"]["schemas"].items():
        is_sent = not schema.get("additionalProperties", True)
        assert name == "Role" or is_sent or f"schema-{name}" in ids
        for field in schema.get("properties", {}):
            assert f"<code>{field}</code>" in html
    assert {f"problem-{status}" for status in TITLES} <= ids
    assert links <= ids
    assert 'href="/account/tokens"' in html


async def test_the_page_loads_nothing_from_other_hosts(client: QuartClient) -> None:
    answer = await client.get("/api/docs")
    html = await answer.get_data(as_text=True)

    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    page = html5lib.parse(html, namespaceHTMLElements=False)
    loaded = [item.get("src") or item.get("href") for kind in ("script", "link", "img") for item in page.iter(kind)]
    assert loaded
    assert all(address.startswith("/") for address in loaded)


async def test_the_examples_on_the_page_are_accepted(program: Make) -> None:
    """Examples with a body can be copied and are accepted by the API."""
    client = await program()
    html = await (await client.get("/api/docs")).get_data(as_text=True)

    assert "curl http://localhost/api/v1/me" in html
    for method, path, example in (
        ("POST", "/api/v1/users", {"email": "ada.lovelace@example.org", "name": "Ada Lovelace", "role": "member"}),
        ("PATCH", "/api/v1/users/2", {"role": "administrator"}),
    ):
        expected = json.dumps(example).replace("ada.lovelace", "ada").replace('"', "&#34;")
        assert expected in html
        assert (await client.open(path, method=method, json=example)).status_code < 300
