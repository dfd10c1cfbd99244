"""Webhooks by the schedule that servers have if nobody sets another, with a clock of the test: days take a moment."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from settings import Settings
from tests.tables import PLANET_ROWS, PLANETS, add_table
from webapp.broker import InProcessBroker
from webapp.db.database import Database
from webapp.db.keys import sealer
from webapp.db.unit_of_work import UnitOfWork
from webapp.jobs import JobContext
from webapp.jobs import webhooks as jobs
from webapp.models import Actor, AuditSource, User, Webhook, utc_now
from webapp.models.tables.editing import CellEdit, change_cells
from webapp.models.tables.webhook_sending import find_due, find_next_due
from webapp.models.tables.webhook_terms import WebhookTerms
from webapp.models.tables.webhooks import create_webhook
from webapp.outgoing import Answer, NoAnswer
from webapp.rowstore import create_store

ADA = Actor(1, "ada@example.org", "Ada", "owner")
SOURCE = AuditSource(ADA.id, ADA.email)
URL = "https://hooks.example/"
LEASE = timedelta(seconds=30)
MINUTE = timedelta(minutes=1)


@dataclass
class World:
    """A receiver in the place of the network, and the clock; both are the test's."""

    now: datetime = field(default_factory=utc_now)
    back_at: datetime | None = None  # when the receiver takes messages again; None: never
    is_silent: bool = False  # until then: it takes connections, and does not answer
    tried: list[datetime] = field(default_factory=list)
    taken: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))  # numbers of changes, by table
    last_taken: datetime | None = None

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, timeout: float, max_bytes: int
    ) -> Answer:
        self.tried.append(self.now)
        if self.back_at is None or self.now < self.back_at:
            self.now += timedelta(seconds=timeout if self.is_silent else 0)
            raise NoAnswer("It did not answer." if self.is_silent else "The connection broke: Connection refused.")
        message = json.loads(body)
        self.taken[message["table"]["id"]] += [change["seq"] for change in message["changes"]]
        self.last_taken = self.now
        return Answer(204, {}, b"", is_cut=False)

    def close(self) -> None:
        pass


class Server:
    """What sends in a process, without the loop that waits for the real clock."""

    def __init__(self, world: World, context: JobContext) -> None:
        self.world, self.settings, self.database = world, context.settings, context.database
        self._sender = jobs.WebhookSender(context)

    async def run_until(self, moment: datetime) -> None:
        """Do all that falls due up to it, when it falls due."""
        while True:
            for webhook_id, _ in await self.database.read(lambda reading: find_due(reading, self.world.now, LEASE)):
                await self._sender._send_all(webhook_id)
            due = await self.database.read(lambda reading: find_next_due(reading, self.world.now))
            if due is None or due > moment:
                break
            self.world.now = max(due, self.world.now)
        self.world.now = max(moment, self.world.now)

    async def change(self, table_id: int, before: str, text: str) -> None:
        await self.database.write(change_cells, ADA, table_id, [CellEdit(1, 1, before, text)])

    async def webhooks(self) -> list[Webhook]:
        async with self.database.reading() as session:
            return list(await session.scalars(select(Webhook)))


@pytest.fixture
async def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    assert (settings.webhook_retry, settings.webhook_timeout, settings.webhook_days) == (5, 15, 3)
    world = World()
    monkeypatch.setattr(jobs, "utc_now", lambda: world.now)
    monkeypatch.setattr(jobs, "OutgoingClient", lambda networks: world)
    database = Database(settings)
    await database.open()
    context = JobContext(settings, database, create_store(database), InProcessBroker())

    async def add_ada(work: UnitOfWork) -> None:
        work.session.add(User(id=ADA.id, email=ADA.email, name=ADA.name, password_hash="x", role=ADA.role))

    await database.write(add_ada)
    yield Server(world, context)
    await database.close()


async def make_tables(server: Server, data_dir: Path, count: int) -> list[int]:
    tables = [add_table(data_dir, PLANETS, PLANET_ROWS, owner=ADA.id) for _ in range(count)]
    for table_id in tables:
        terms = WebhookTerms("Stock", URL, ())
        await server.database.write(create_webhook, ADA, SOURCE, sealer(server.settings), (), table_id, terms)
    return tables


@pytest.mark.parametrize("is_silent", [False, True], ids=["refuses", "never answers"])
async def test_a_receiver_that_is_away_for_ten_minutes_gets_every_change_in_order_afterwards(
    server: Server, data_dir: Path, is_silent: bool
) -> None:
    world = server.world
    first, second = await make_tables(server, data_dir, 2)
    begun = world.now
    world.is_silent, world.back_at = is_silent, begun + 10 * MINUTE
    text = "Mercury"
    for minute in range(12):
        await server.change(first, text, f"name {minute}")
        await server.change(second, text, f"name {minute}")
        text = f"name {minute}"
        await server.run_until(begun + (minute + 1) * MINUTE)
        assert all(webhook.is_on for webhook in await server.webhooks())
    assert len([moment for moment in world.tried if moment < world.back_at]) > 10

    await server.run_until(begun + 24 * MINUTE)

    assert world.taken == {first: list(range(1, 13)), second: list(range(1, 13))}
    assert world.last_taken is not None
    assert world.last_taken - world.back_at <= 13 * MINUTE
    for webhook in await server.webhooks():
        assert (webhook.is_on, webhook.seq, webhook.failing_since) == (True, 12, None)


async def test_it_is_tried_for_three_days_at_least_once_in_seventy_two_minutes(server: Server, data_dir: Path) -> None:
    world = server.world
    (table_id,) = await make_tables(server, data_dir, 1)
    begun = world.now
    await server.change(table_id, "Mercury", "Hermes")

    await server.run_until(begun + timedelta(days=3))
    (webhook,) = await server.webhooks()
    assert webhook.is_on
    await server.run_until(begun + timedelta(days=4))

    (webhook,) = await server.webhooks()
    assert (webhook.is_on, webhook.off_reason, webhook.seq) == (False, "failing", 0)
    pauses = [later - earlier for earlier, later in zip(world.tried, world.tried[1:], strict=False)]
    assert max(pauses) <= timedelta(minutes=72)
    assert timedelta(days=3) <= world.tried[-1] - begun <= timedelta(days=3, minutes=72)
    assert 9 <= len([moment for moment in world.tried if moment < begun + timedelta(hours=1)]) <= 11
    assert 70 < len(world.tried) < 95
