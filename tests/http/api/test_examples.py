"""The examples that the reference shows for each operation work when they are pasted, on a table as in the examples."""

import json
import shlex
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from quart_schema import QuartSchema

from settings import Settings
from tests.database import connect, use_ids
from tests.forms import add_form
from tests.helpers import GRACE, sign_up
from tests.http.api.conftest import Program, add
from tests.http.api.tables import add_planets
from tests.import_states import add_import
from tests.links import add_link
from tests.saved_views import add_view
from tests.webhooks import place_webhook
from webapp.api.docs import Reference
from webapp.api.import_schemas import IMPORT_ID
from webapp.extensions import db
from webapp.models import ApiToken, Scope, User
from webapp.models.tables.saved_view import SavedView
from webapp.web.application import Application

DOCUMENT = json.loads((Path(__file__).parent / "openapi.json").read_text(encoding="utf-8"))
FILE = Path(__file__).parents[2] / "corpus" / "tab.tsv"
OPERATIONS = sorted(
    operation["operationId"] for operations in DOCUMENT["paths"].values() for operation in operations.values()
)


@pytest.fixture
async def client(app: Application, settings: Settings) -> Program:
    """With a table and what belongs to it, and people, that have the ids of the examples."""
    await sign_up(app.test_client(), GRACE)
    for name in ("seven", "nine"):
        await add(app, f"{name}@example.org")
    before = [("tables", 16), ("webhooks", 5), ("webhook_deliveries", 30), ("forms", 7)]
    for name, last in before:
        use_ids(settings.data_dir, name, last)
    _renumber(settings, "UPDATE users SET id = CASE id WHEN 2 THEN 7 ELSE 9 END WHERE id > 1")
    table_id = add_planets(settings)
    assert table_id == 17
    view_id = add_view(settings.data_dir, table_id, owner=1)
    _renumber(settings, f"UPDATE {SavedView.__tablename__} SET id = 5 WHERE id = {view_id}")
    added = "INSERT INTO table_members (table_id, user_id, role, added_at)"
    _renumber(settings, f"{added} VALUES (17, 7, 'viewer', '2026-11-28 12:00:00')")
    async with db.of(app).reading() as session:
        owner = await session.get_one(User, 1)
    import_id = add_import(settings.data_dir, FILE, "ready").rpartition("/")[2]
    _renumber(settings, f"UPDATE imports SET id = '{IMPORT_ID}' WHERE id = '{import_id}'")
    folder = settings.imports_dir / IMPORT_ID
    folder.mkdir(parents=True)
    (folder / "original").write_bytes(FILE.read_bytes())
    link_id, _ = await add_link(app, table_id, owner)
    _renumber(settings, f"UPDATE links SET id = 4, view_id = 5 WHERE id = {link_id}")
    await db.of(app).write(place_webhook, table_id)
    await add_form(db.of(app), settings, table_id)
    program = Program(app, use_cookies=False)
    _, program.token = await db.of(app).write(ApiToken.issue, 1, name="t", scope=Scope.ADMIN, expires_at=None)
    return program


def _renumber(settings: Settings, statement: str) -> None:
    with closing(connect(settings.data_dir / "rowcast.db")) as connection:
        connection.execute(statement)


@pytest.mark.parametrize("name", OPERATIONS)
async def test_the_examples_of_an_operation_work(
    app: Application, client: Program, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program in Python asks for the same as the command."""
    extension: QuartSchema = app.extensions["QUART_SCHEMA"]
    document: dict[str, Any] = extension.openapi_provider.document  # type: ignore[attr-defined]
    reference = Reference(document, "http://localhost")
    (shown,) = (one for one in reference.operations() if one["operationId"] == name)

    method, url, headers, body = parse(shown["curl"])
    answer = await client.open(url.removeprefix("http://localhost"), method=method, headers=headers, data=body)

    assert answer.status_code < 300, await answer.get_data(as_text=True)
    with monkeypatch.context() as patch:
        patch.setenv("ROWCAST_TOKEN", "rowcast_x")
        *asked, token, sent = run(shown["python"], patch)
    assert (asked, _read(sent)) == ([method, url, headers], _read(body))
    assert token == ("Bearer rowcast_x" if "$ROWCAST_TOKEN" in shown["curl"] else "")


def _read(body: str | None) -> object:
    return json.loads(body) if body and body.startswith("{") else body


def run(program: str, patch: pytest.MonkeyPatch) -> tuple[str, str, dict[str, str], str, str | None]:
    """Method, URL, headers but for the token, token, and body of its request."""
    asked = list[httpx.Request]()

    def request(method: str, url: str, **options: Any) -> httpx.Response:
        asked.append(httpx.Request(method, url, **options))
        return httpx.Response(200, request=asked[0])

    patch.setattr(httpx, "request", request)
    exec(program, {})  # noqa: S102
    (sent,) = asked
    headers = {"Content-Type": sent.headers["Content-Type"]} if "Content-Type" in sent.headers else {}
    return sent.method, str(sent.url), headers, sent.headers.get("Authorization", ""), sent.content.decode() or None


def parse(command: str) -> tuple[str, str, dict[str, str], str | None]:
    """Method, URL, headers but for the token, and body of a call of curl."""
    words, method, url, headers, body = shlex.split(command.replace("\\\n", " ")), "GET", "", dict[str, str](), None
    assert words.pop(0) == "curl"
    while words:
        match word := words.pop(0):
            case "-X":
                method = words.pop(0)
            case "-d":
                body = words.pop(0)
            case "-H":
                header, _, value = words.pop(0).partition(": ")
                if header != "Authorization":
                    headers[header] = value
            case _:
                url = word
    return method, url, headers, body
