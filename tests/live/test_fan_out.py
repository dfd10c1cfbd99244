"""What one message costs for each of many streams."""

import asyncio
from collections.abc import AsyncIterator, Hashable, Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

import pytest
from quart.testing import QuartClient
from sqlalchemy import Connection

from tests.helpers import sign_up
from webapp.extensions import broker
from webapp.live import page_stream
from webapp.live.hubs import Watch, hubs
from webapp.live.subject import PING, Delivery, Subject
from webapp.models import Actor
from webapp.web import streaming
from webapp.web.application import Application

TOPIC = "numbers"
STREAMS = 50


class Numbers(Subject):
    """Sends the latest number that was published, and notes for which audiences it was asked to."""

    topics = (TOPIC,)

    def __init__(self) -> None:
        self.latest = 0
        self.asked: list[Hashable] = []

    def readers(self, connection: Connection, actors: Iterable[Actor]) -> Mapping[int, str]:
        return {actor.id: "owner" for actor in actors}

    def read(self, connection: Connection) -> None:
        return None

    def take(self, found: None) -> bool:
        return False

    def notice(self, event: object) -> bool:
        self.latest = cast(int, event)
        return False

    async def deliver(self, audience: Hashable, cursor: Any) -> Delivery:
        self.asked.append(audience)
        return Delivery(b"" if cursor == self.latest else b"%d\n" % self.latest, self.latest)


@pytest.fixture
async def ada(client: QuartClient) -> Actor:
    await sign_up(client)
    return Actor(1, "ada@example.org", "ada", "owner", session_id=1)


def messages(app: Application, actor: Actor, subject: Subject, audience: str) -> AsyncIterator[bytes]:
    return hubs.of(app).messages(actor, Watch(TOPIC, lambda: subject, audience, 0))


async def sent(app: Application, number: int, streams: Iterable[asyncio.Queue[bytes]]) -> None:
    broker.of(app).publish(TOPIC, number, key=str(number))
    async with asyncio.timeout(10):
        for received in streams:
            assert await received.get() == b"%d\n" % number


async def test_a_message_costs_each_stream_one_turn_of_the_event_loop(
    app: Application, ada: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject, loop, turns = Numbers(), asyncio.get_running_loop(), 0
    received: list[asyncio.Queue[bytes]] = [asyncio.Queue() for _ in range(STREAMS)]

    async def follow(queue: asyncio.Queue[bytes]) -> None:
        async with app.test_request_context("/live"):
            response = streaming.events(lambda: messages(app, ada, subject, "all"), ends_at_drain=True)
        async with cast(Any, response.response) as body:
            async for data in body:
                queue.put_nowait(data)

    following = [asyncio.create_task(follow(queue)) for queue in received]
    for queue in received:
        assert await queue.get() == PING
    await sent(app, 1, received)

    call_soon = loop.call_soon

    def counted(*args: Any, **kwargs: Any) -> asyncio.Handle:
        nonlocal turns
        turns += 1
        return call_soon(*args, **kwargs)

    monkeypatch.setattr(loop, "call_soon", counted)
    await sent(app, 2, received)
    monkeypatch.undo()

    assert STREAMS <= turns < 2 * STREAMS
    for task in following:
        task.cancel()
    await asyncio.wait(following)


async def test_nothing_is_made_for_a_stream_that_is_still_sending(app: Application, ada: Actor) -> None:
    subject, received = Numbers(), asyncio.Queue[bytes]()
    slow = messages(app, ada, subject, "slow")
    assert await anext(slow) == PING

    async def follow() -> None:
        async for data in messages(app, ada, subject, "quick"):
            received.put_nowait(data)

    following = asyncio.create_task(follow())
    assert await received.get() == PING
    for number in (1, 2, 3):
        await sent(app, number, [received])
    assert set(subject.asked) == {"quick"}

    assert await anext(slow) == b"3\n"
    following.cancel()
    await asyncio.wait([following])
    await cast(Any, slow).aclose()


async def test_each_silent_stream_is_pinged_by_the_timer_of_the_hub(
    app: Application, ada: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_stream, "PING_EVERY", 0.05)
    subject = Numbers()
    streams = [messages(app, ada, subject, name) for name in ("one", "other")]
    async with asyncio.timeout(10):
        for stream in streams:
            for _ in range(3):
                assert await anext(stream) == PING
    for stream in streams:
        await cast(Any, stream).aclose()
    assert hubs.of(app).find(TOPIC) is None


async def test_each_person_is_checked_once_however_many_pages_they_have_open(app: Application, ada: Actor) -> None:
    subject = Numbers()
    actors = [replace(ada), replace(ada), replace(ada, id=2, session_id=2)]
    streams = [messages(app, actor, subject, "all") for actor in actors]
    for stream in streams:
        assert await anext(stream) == PING
    found = hubs.of(app).find(TOPIC)
    assert found is not None

    assert found.actors == [actors[0], actors[2]]
    for count, stream in zip((2, 1), streams, strict=False):
        await cast(Any, stream).aclose()
        assert len(found.actors) == count
    assert found.actors == [actors[2]]
    await cast(Any, streams[2]).aclose()
