"""A live stream between its events, observed from inside the app."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from quart.testing import QuartClient

from tests.helpers import sign_out, sign_up
from tests.live.test_table_stream import ended
from webapp.extensions import broker, db, jobs
from webapp.jobs.progress import Meter, Progress
from webapp.live import hub, page_stream
from webapp.live.hubs import hubs
from webapp.live.subject import PING
from webapp.models import Actor, Import, ImportState, Session, User, utc_now
from webapp.models.tables.import_model import CHANGED, import_topic
from webapp.tables.import_stream import ImportSubject, import_watch, render_import, render_progress
from webapp.web.application import Application
from webapp.web.formatting import Locale
from webapp.web.templating import templates

IMPORT = "a" * 32
STEP = Progress(IMPORT, ImportState.LOADING, 10, 100, 5, 50)


@dataclass
class Watcher:
    """One page that shows the import."""

    app: Application
    actor: Actor

    def messages(self) -> AsyncIterator[bytes]:
        watch = import_watch(self.actor, IMPORT, ImportState.LOADING, jobs.of(self.app), templates.of(self.app))
        return hubs.of(self.app).messages(self.actor, watch)


@pytest.fixture
async def watch(app: Application, client: QuartClient, monkeypatch: pytest.MonkeyPatch) -> Watcher:
    """Of an import that, as far as the database knows, another process is loading."""
    monkeypatch.setattr(page_stream, "PING_EVERY", 0.05)
    await sign_up(client)

    async def add(work: Any) -> None:
        fields = {"filename": "f.csv", "size": 1, "sha256": "", "overrides": {}, "rows_done": 0}
        work.session.add(Import(id=IMPORT, user_id=1, state=ImportState.LOADING, **fields))

    await db.of(app).write(add)
    return Watcher(app, Actor(1, "ada@example.org", "ada", "owner", session_id=1))


async def until(messages: AsyncIterator[bytes], part: bytes) -> bytes:
    async with asyncio.timeout(10):
        async for message in messages:
            if part in message:
                return message
    raise AssertionError(f"The stream ended without {part!r}")


async def test_an_idle_stream_pings_and_then_sends_the_next_event(app: Application, watch: Watcher) -> None:
    messages = watch.messages()
    for _ in range(3):
        assert await until(messages, b"ping")
    jobs.of(app).report(STEP)
    assert b'hx-target="#progress"' in await until(messages, b"hx-partial")
    await messages.aclose()
    await ended(hubs.of(app))
    assert import_topic(IMPORT) not in broker.of(app)._topics


async def test_a_progress_step_is_rendered_once_for_all_streams(app: Application, watch: Watcher) -> None:
    assert render_progress(templates.of(app), STEP, Locale()) is render_progress(templates.of(app), STEP, Locale())


async def test_the_last_message_is_rendered_once_for_all_readers_with_the_same_locale(
    app: Application, watch: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Access is checked for each; the text they are then sent is shared."""
    watches = [Watcher(app, replace(watch.actor, number_style=style)) for style in ("comma", "comma", "point")]
    before = render_import.cache_info().misses
    streams_ = [each.messages() for each in watches]
    for messages in streams_:
        await until(messages, b"ping")

    async def end(work: Any) -> None:
        found = await work.session.get_one(Import, IMPORT)
        found.state, found.rows_done = ImportState.DONE, 1_234_567
        work.publish(import_topic(IMPORT), CHANGED, key=CHANGED)

    await db.of(app).write(end)
    first, second, other = [await until(messages, b'data-state="done"') for messages in streams_]

    assert first.removeprefix(PING) == second.removeprefix(PING)
    assert (b"1,234,567" in first, b"1.234.567" in other) == (True, True)
    assert render_import.cache_info().misses == before + 2


async def test_a_stream_ends_when_its_person_is_signed_out(
    app: Application, client: QuartClient, watch: Watcher
) -> None:
    messages = watch.messages()
    await until(messages, b"ping")
    await sign_out(client)
    async with asyncio.timeout(10):
        rest = [message async for message in messages]
    assert not any(b"hx-partial" in message for message in rest)


@pytest.mark.parametrize("ends", ["idle", "too old", "its person is deactivated"])
async def test_a_stream_ends_when_its_reader_loses_access(
    app: Application, watch: Watcher, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    monkeypatch.setattr(hub, "CHECK_EVERY", 0.0)
    messages = watch.messages()
    await until(messages, b"ping")
    long_ago = utc_now() - timedelta(days=400)

    async def end(work: Any) -> None:
        session = await work.session.get_one(Session, 1)
        if ends == "idle":
            session.seen_at = long_ago
        elif ends == "too old":
            session.created_at = long_ago
        else:
            (await work.session.get_one(User, 1)).is_active = False

    await db.of(app).write(end)
    jobs.of(app).report(STEP)
    async with asyncio.timeout(10):
        assert len([message async for message in messages]) <= 2


async def test_a_stream_that_is_never_idle_still_checks_access(
    app: Application, watch: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that always has something to send, and so never falls silent, still checks its access."""
    monkeypatch.setattr(hub, "CHECK_EVERY", 0.0)
    monkeypatch.setattr(page_stream, "PING_EVERY", 60.0)
    messages = watch.messages()
    await until(messages, b"ping")
    jobs.of(app).report(STEP)
    await until(messages, b"hx-partial")
    await db.of(app).write(Session.revoke, 1)
    jobs.of(app).report(replace(STEP, rows=10))
    async with asyncio.timeout(5):
        assert len([message async for message in messages]) <= 1  # one may have been on its way


async def test_access_is_not_checked_at_every_step(
    app: Application, watch: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_stream, "PING_EVERY", 60.0)
    reads: list[object] = []
    readers = ImportSubject.readers

    def counted(subject: ImportSubject, *args: Any) -> Any:
        reads.append(subject)
        return readers(subject, *args)

    monkeypatch.setattr(ImportSubject, "readers", counted)
    messages = watch.messages()
    await until(messages, b"ping")
    for rows in (10, 20, 30):
        jobs.of(app).report(replace(STEP, rows=rows))
        await until(messages, b"hx-partial")
    assert len(reads) == 1


async def test_a_stream_ends_after_its_lifetime(watch: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_stream, "LIFETIME", 0.2)
    async with asyncio.timeout(10):
        messages = [message async for message in watch.messages()]
    assert not any(b"event: done" in message for message in messages)


def test_the_rate_of_a_resumed_pass_ignores_earlier_rows() -> None:
    now = 0.0
    meter = Meter(Progress(IMPORT, ImportState.LOADING, 0, 1000, 0, 100), clock=lambda: now)
    assert meter.at(500, 50).per_second is None
    now = 2.0
    step = meter.at(750, 70)
    assert (step.per_second, step.seconds_left, step.share) == (10, 2, 0.7)
