"""An application with somebody of every role, and a window of the owner and of the administrator."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from quart.testing import QuartClient
from sqlalchemy import event

from tests.people import ADA, BOB, settle_everybody, window
from webapp.extensions import db
from webapp.models import Role, User
from webapp.web.application import Application

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
async def team(app: Application) -> dict[Role, User]:
    return await settle_everybody(app)


@pytest.fixture
async def owner(app: Application, team: dict[Role, User]) -> QuartClient:
    return await window(app, ADA)


@pytest.fixture
async def administrator(app: Application, team: dict[Role, User]) -> QuartClient:
    return await window(app, BOB)


async def text(answer: Any) -> str:
    return str(await answer.get_data(as_text=True))


async def page(client: QuartClient, path: str, status: int = 200, **more: Any) -> str:
    answer = await client.get(path, **more)
    html = await text(answer)
    assert answer.status_code == status, html
    return html


def people_in(html: str) -> list[str]:
    """The addresses in the rows, in their order."""
    return re.findall(r'<td class="address"><a [^>]*href="/admin/people/\d+">([^<]+)</a>', html)


def words_in(html: str) -> str:
    """What a reader reads."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


@contextmanager
def statements(app: Application) -> Iterator[list[str]]:
    """The SQL that the application runs in this block."""
    seen: list[str] = []

    def note(*args: Any) -> None:
        seen.append(args[2])

    for engine in db.of(app).engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        for engine in db.of(app).engines:
            event.remove(engine, "before_cursor_execute", note)
