"""Schemathesis tests the running API with valid and invalid requests generated from its document."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from settings import Settings
from tests.helpers import ADA
from tests.servers import Server
from webapp.db.database import Database
from webapp.models import ApiToken, Scope, User

EXAMPLES = 12  # of each operation and kind; most of the cases are made systematically besides
CONFIGURATION = Path(__file__).parent / "schemathesis.toml"
TABLES, THINGS, WEBHOOKS, ROWS = 30, 12, 5, 200
COLUMNS = [{"title": "Planet", "type": "text"}, {"title": "Moons", "type": "integer"}]
WEBHOOK = {"name": "Stock", "url": "https://example.org/", "events": ["rows.added"]}
TIMEOUT = 900  # seconds, on a busy machine


@pytest.fixture
def token(settings: Settings) -> str:
    return asyncio.run(_make_token(settings))


async def _make_token(settings: Settings) -> str:
    database = Database(settings)
    await database.open()
    try:
        owner = await database.write(User.register, email=ADA.email, password_hash="of no password", is_open=True)
        _, token = await database.write(ApiToken.issue, owner.id, name="all", scope=Scope.ADMIN, expires_at=None)
    finally:
        await database.close()
    return token


def test_every_response_is_as_documented(server: Callable[..., Server], token: str, tmp_path: Path) -> None:
    running = server("tests.http.api.apps:unlimited")
    _fill(running, token)

    tried = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION)),
            *("run", f"http://localhost:{running.port}/api/v1/openapi.json"),
            *("--header", f"Authorization: Bearer {token}", "--checks", "all", "--max-examples", str(EXAMPLES)),
            *("--phases", "examples,coverage,fuzzing,stateful", "--generation-deterministic", "--no-color"),
            "--continue-on-failure",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )

    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert "No issues found" in tried.stdout, tried.stdout
    assert "Traceback" not in running.log.read_text()


def _fill(running: Server, token: str) -> None:
    """Make people, tables, and in the last of these what a table can have: `schemathesis.toml` names their numbers, as
    no generated request finds a thing by its number more than a few times.
    """
    for number in range(TABLES):
        _post(running, token, "/users", {"email": f"person{number}@example.org"})
        _post(running, token, "/tables", {"title": f"Table {number}", "columns": COLUMNS})
    last = f"/tables/{TABLES}"
    _post(
        running, token, f"{last}/rows", {"rows": [{"cells": {"Planet": f"Planet {number}"}} for number in range(ROWS)]}
    )
    for number in range(THINGS):
        _post(running, token, f"{last}/columns", {"title": f"Column {number}", "type": "text"})
        _post(running, token, f"{last}/members", {"user_id": number + 2, "role": "viewer"})
        view = _post(running, token, f"{last}/views", {"name": f"View {number}", "state": "sort=1"})
        _post(running, token, f"{last}/links", {"name": f"Link {number}", "view_id": view["id"]})
        _post(running, token, f"{last}/forms", {"name": f"Form {number}", "fields": [{"column": 1}]})
    for _ in range(WEBHOOKS):
        webhook = _post(running, token, f"{last}/webhooks", WEBHOOK)
        _post(running, token, f"{last}/webhooks/{webhook['id']}/test")


def _post(running: Server, token: str, path: str, sent: object = None) -> Any:
    """The answer. PostgreSQL may leave out a number: what conflicted was made again."""
    answer = running.ask(
        "POST",
        f"/api/v1{path}",
        json.dumps(sent).encode() if sent else b"",
        Authorization=f"Bearer {token}",
        Content_Type="application/json",
    )
    assert answer.status in (200, 201), answer.body
    return json.loads(answer.body)


def test_responses_have_the_right_status_and_content_type_on_the_wire(
    server: Callable[..., Server], token: str
) -> None:
    running, shown = server(), {"Authorization": f"Bearer {token}"}
    body = json.dumps({"email": "grace@example.org"}).encode()

    created = running.ask("POST", "/api/v1/users", body, **shown, Content_Type="application/json")
    head = running.ask("HEAD", "/api/v1/users/2", **shown)
    deleted = running.ask("DELETE", "/api/v1/users/2", **shown)
    with running.connect() as wire:
        wire.send_head("POST", "/api/v1/users", **shown, Content_Type="application/json", Transfer_Encoding="chunked")
        for _ in range(10):
            wire.send_chunk(b"[" * 65536)
        endless = wire.answer()

    assert (created.status, created.headers["location"]) == (201, "/api/v1/users/2")
    assert (head.status, head.body, head.headers["content-type"]) == (200, b"", "application/json")
    assert (deleted.status, deleted.body, deleted.headers.get("content-type")) == (204, b"", None)
    assert (endless.status, endless.headers["content-type"]) == (413, "application/problem+json")
