"""Ada owns the server and is signed in; Eve is a member with a window of her own."""

from datetime import timedelta
from typing import Any

import pytest
from quart.testing import QuartClient
from sqlalchemy import update

from tests.helpers import sign_up
from tests.people import EVE, settle, window
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import Session, utc_now
from webapp.web.application import Application


@pytest.fixture
async def ada(client: QuartClient) -> QuartClient:
    await sign_up(client)
    return client


@pytest.fixture
async def eve(app: Application, ada: QuartClient) -> QuartClient:
    await settle(app, EVE.email)
    return await window(app, EVE)


async def make_session_stale(app: Application) -> None:
    """Make every proof of identity eleven minutes old."""

    async def age(work: UnitOfWork) -> None:
        await work.session.execute(update(Session).values(authenticated_at=utc_now() - timedelta(minutes=11)))

    await db.of(app).wait_for_writes()
    await db.of(app).write(age)


async def page(client: QuartClient, path: str, status: int = 200) -> str:
    answer = await client.get(path)
    html: str = await answer.get_data(as_text=True)
    assert answer.status_code == status, html
    return html


async def text_of(answer: Any) -> str:
    return str(await answer.get_data(as_text=True))
