"""A client with a token, which sends none of a browser's headers."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import pytest
from quart.testing import QuartClient

from tests.helpers import ADA, sign_up
from webapp.extensions import db
from webapp.models import ApiToken, Role, Scope, User
from webapp.models.accounts.people import OPERATOR, add_person
from webapp.web.application import Application


class Program(QuartClient):
    """Shows its token and carries no cookies."""

    token = ""

    async def open(self, path: str, *, headers: Any = None, **kwargs: Any) -> Any:
        shown = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return await super().open(path, headers=shown | dict(headers or {}), **kwargs)


Make = Callable[..., Awaitable[Program]]


@pytest.fixture
async def owner(app: Application) -> QuartClient:
    """A browser in which the owner, ADA, is signed in."""
    client = app.test_client()
    await sign_up(client, ADA)
    return client


@pytest.fixture
def program(app: Application, owner: QuartClient) -> Make:
    """`await program()`: with a token of the owner's; of somebody else and with less when told so."""

    async def make(scope: Scope = Scope.ADMIN, role: Role = Role.OWNER, expires_at: datetime | None = None) -> Program:
        user_id = 1 if role is Role.OWNER else (await add(app, f"{role}@example.org", role)).id
        program = Program(app, use_cookies=False)
        _, program.token = await db.of(app).write(
            ApiToken.issue, user_id, name="a program", scope=scope, expires_at=expires_at
        )
        return program

    return make


async def add(app: Application, email: str, role: Role = Role.MEMBER, name: str = "") -> User:
    return await db.of(app).write(
        add_person, OPERATOR, email=email, role=role, name=name, password_hash="of no password"
    )


async def problem(answer: Any, status: int) -> dict[str, Any]:
    """The contents of an error; all have the same form."""
    body: dict[str, Any] = await answer.get_json(force=True)
    assert answer.status_code == status, body
    assert answer.mimetype == "application/problem+json"
    assert body["status"] == status
    assert body["type"] == f"/api/docs#problem-{status}"
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == answer.headers["X-Request-Id"]
    assert answer.headers["Cache-Control"] == "no-store"
    return body
