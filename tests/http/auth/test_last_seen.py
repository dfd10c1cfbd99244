"""When people were seen last is written together (`webapp/web/last_seen.py`)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from quart.testing import QuartClient
from sqlalchemy import text

from settings import Settings
from tests.conftest import make_settings
from tests.database import writers
from tests.helpers import GRACE, is_signed_in, sign_up
from tests.http.auth.test_sessions import ago, change, rows
from webapp.db import database
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db, jobs
from webapp.models import Session
from webapp.web.application import Application
from webapp.web.last_seen import last_seen


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return make_settings(data_dir, registration="open")


@pytest.fixture
async def people(app: Application) -> list[QuartClient]:
    """Ada and Grace, who were not seen for a while."""
    clients = [app.test_client(), app.test_client()]
    await sign_up(clients[0])
    await sign_up(clients[1], GRACE)
    await change(app, seen_at=ago(minutes=6))
    return clients


@asynccontextmanager
async def busy(app: Application) -> AsyncIterator[None]:
    """As many writes are in progress as there can be."""
    go_on = asyncio.Event()

    async def slow(work: UnitOfWork) -> None:
        await go_on.wait()

    writing = [asyncio.create_task(db.of(app).write(slow)) for _ in range(writers(jobs.of(app).settings.data_dir))]
    await asyncio.sleep(0)
    try:
        yield
    finally:
        go_on.set()
        await asyncio.gather(*writing)


async def come_from(client: QuartClient, address: str) -> None:
    assert (await client.get("/account", scope_base={"client": (address, 4711)})).status_code == 200


def spy(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The sign-ins of each write."""
    written, touch = list[list[int]](), Session.touch

    def noted(connection: Any, seen: Any) -> None:
        written.append(sorted(seen))
        touch(connection, seen)

    monkeypatch.setattr(Session, "touch", noted)
    return written


async def test_all_who_are_seen_while_others_write_are_written_at_once(
    app: Application, people: list[QuartClient], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = spy(monkeypatch)
    async with busy(app):
        await come_from(people[0], "192.0.2.1")
        await come_from(people[1], "192.0.2.7")
        await come_from(people[0], "192.0.2.9")
    await db.of(app).wait_for_writes()

    assert written == [[1, 2]]
    assert rows(settings, "address") == [("192.0.2.9",), ("192.0.2.7",)]
    assert all(seen_at > ago(minutes=5) for (seen_at,) in rows(settings, "seen_at"))
    async with db.of(app).reading() as session:
        assert all(
            str(seen_at) > ago(minutes=5) for seen_at in await session.scalars(text("SELECT seen_at FROM users"))
        )


async def test_somebody_seen_later_is_written_too(
    app: Application, people: list[QuartClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = spy(monkeypatch)
    for client in people:
        assert await is_signed_in(client)
        await db.of(app).wait_for_writes()

    assert written == [[1], [2]]


async def test_what_could_not_be_written_is_written_with_the_next(
    app: Application, people: list[QuartClient], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = spy(monkeypatch)
    async with busy(app):
        with monkeypatch.context() as patched:
            patched.setattr(database, "TURN_TIMEOUT", 0.01)
            await come_from(people[0], "192.0.2.1")
            writing = last_seen.of(app)._writing
            assert writing is not None
            await asyncio.wait([writing])
    assert written == []

    await come_from(people[1], "192.0.2.7")
    await db.of(app).wait_for_writes()
    assert written == [[1, 2]]
    assert rows(settings, "address") == [("192.0.2.1",), ("192.0.2.7",)]
