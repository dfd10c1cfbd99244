"""The OpenAPI document, and the page made of it."""

import difflib
import json
from pathlib import Path
from typing import Any

import html5lib
import pytest
from jsonschema_rs import validator_for
from quart.testing import QuartClient

from tests.http.api.conftest import Make
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
    made: dict[str, Any] = await answer.get_json()
    return made


async def test_the_document_is_the_one_that_programs_were_promised(document: dict[str, Any]) -> None:
    """Meant to change? `curl localhost:8000/api/v1/openapi.json | python -m json.tool > tests/http/api/openapi.json`"""
    promised, made = SNAPSHOT.read_text(encoding="utf-8"), json.dumps(document, indent=4) + "\n"

    changed = difflib.unified_diff(promised.splitlines(), made.splitlines(), "promised", "made", lineterm="")
    assert promised == made, "\n".join(changed)


async def test_every_address_of_the_api_is_in_it_and_nothing_else(app: Application, document: dict[str, Any]) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/v1/")]
    there = {
        (rule.rule.replace("<id:", "{").replace(">", "}"), method.lower())
        for rule in rules
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint != "api.openapi_show"
    }

    assert {(path, method) for path, operations in document["paths"].items() for method in operations} == there


async def test_every_operation_says_all_there_is_to_know(app: Application, document: dict[str, Any]) -> None:
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
            done = next(answer for status, answer in operation["responses"].items() if status < "300")
            assert "RateLimit-Remaining" in done["headers"]
    assert len(names) == len(set(names))


async def test_what_it_refers_to_is_there_and_its_examples_fit(document: dict[str, Any]) -> None:
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
        return [found for one in part for found in references(one)]
    if not isinstance(part, dict):
        return []
    own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
    return own + [found for one in part.values() for found in references(one)]


async def test_nothing_of_quart_schemas_own_is_there(app: Application) -> None:
    names = {rule.endpoint for rule in app.url_map.iter_rules()}

    assert not names & {"openapi", "swagger_ui", "redoc_ui", "scalar_ui"}


async def test_it_leaves_pages_alone(app: Application, owner: QuartClient) -> None:
    """quart-schema processes every response; those that are not models must pass unchanged."""

    @app.get("/page")
    async def page() -> tuple[str, int, dict[str, str]]:
        return "<p>camelCase snake_case</p>", 202, {"X-Made-By": "hand"}

    answer = await owner.get("/page")

    assert (answer.status_code, await answer.get_data()) == (202, b"<p>camelCase snake_case</p>")
    assert (answer.mimetype, answer.headers["X-Made-By"]) == ("text/html", "hand")


async def test_the_page_has_every_operation_shape_and_problem(client: QuartClient, document: dict[str, Any]) -> None:
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
        assert name == "Role" or is_sent or f"shape-{name}" in ids
        for field in schema.get("properties", {}):
            assert f"<code>{field}</code>" in html
    assert {f"problem-{status}" for status in TITLES} <= ids
    assert links <= ids
    assert 'href="/account/tokens"' in html


async def test_the_page_needs_nobody_else(client: QuartClient) -> None:
    answer = await client.get("/api/docs")
    html = await answer.get_data(as_text=True)

    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    page = html5lib.parse(html, namespaceHTMLElements=False)
    loaded = [one.get("src") or one.get("href") for kind in ("script", "link", "img") for one in page.iter(kind)]
    assert loaded
    assert all(address.startswith("/") for address in loaded)


async def test_the_examples_of_the_page_work(program: Make) -> None:
    """Examples with a body can be copied and are accepted by the API."""
    client = await program()
    html = await (await client.get("/api/docs")).get_data(as_text=True)

    assert "curl http://localhost/api/v1/me" in html
    for method, path, body in (
        ("POST", "/api/v1/users", {"email": "ada.lovelace@example.org", "name": "Ada Lovelace", "role": "member"}),
        ("PATCH", "/api/v1/users/2", {"role": "administrator"}),
    ):
        said = json.dumps(body).replace("ada.lovelace", "ada").replace('"', "&#34;")
        assert said in html
        assert (await client.open(path, method=method, json=body)).status_code < 300
