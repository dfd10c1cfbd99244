"""A table of Ada's with a form, and a stranger's browser."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from quart.testing import QuartClient

from settings import Settings
from tests.forms import FormField, MadeForm, add_form
from tests.helpers import sign_up
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.extensions import db
from webapp.web.application import Application

Make = Callable[..., Awaitable[MadeForm]]


@dataclass(frozen=True)
class Sent:
    """The answer to an answer."""

    status: int
    text: str
    headers: Any


@pytest.fixture
async def table_id(client: QuartClient, settings: Settings) -> int:
    """`client` is Ada's browser."""
    await sign_up(client)
    return add_table(settings.data_dir, PLANETS, PLANET_ROWS)


@pytest.fixture
def make(app: Application, settings: Settings, table_id: int) -> Make:
    async def make(*fields: FormField, **more: Any) -> MadeForm:
        return await add_form(db.of(app), settings, table_id, *fields, **more)

    return make


@pytest.fixture
def stranger(app: Application) -> QuartClient:
    return app.test_client()


async def show(client: QuartClient, url: str, status: int = 200, **more: Any) -> str:
    answer = await client.get(url, **more)
    text: str = await answer.get_data(as_text=True)
    assert answer.status_code == status, text
    return text


async def send(client: QuartClient, url: str, status: int = 303, **more: Any) -> Sent:
    """A form or JSON, whichever is given. The test client sends no field twice, so that is encoded here."""
    if any(isinstance(value, list) for value in more.get("form", {}).values()):
        more["data"] = urlencode(more.pop("form"), doseq=True)
        more["headers"] = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await client.post(url, **more)
    text = await answer.get_data(as_text=True)
    assert answer.status_code == status, text
    return Sent(status, text, answer.headers)


async def exported(client: QuartClient, table_id: int) -> list[str]:
    """The rows behind those that were there."""
    answer = await client.get(f"/tables/{table_id}/export?format=csv")
    lines: list[str] = (await answer.get_data(as_text=True)).splitlines()
    return lines[1 + len(PLANET_ROWS) :]
