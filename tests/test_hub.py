"""The hub never waits for a subscriber and bounds what it keeps for one."""

import asyncio

import pytest

from webapp.broker import MISSED, Broker


async def test_a_subscriber_gets_the_events_of_its_topics_in_order() -> None:
    hub = Broker()
    async with hub.subscribe(["a", "b"]) as events:
        hub.publish("a", 1)
        hub.publish("c", "not mine")
        hub.publish("b", 2)
        assert [await events.get(1), await events.get(1)] == [1, 2]
        assert await events.get(0.01) is None


async def test_the_latest_event_of_a_key_wins_and_keeps_its_place() -> None:
    hub = Broker()
    async with hub.subscribe(["a"]) as events:
        for percent in range(1000):
            hub.publish("a", percent, key="progress")
        hub.publish("a", "changed")
        assert [await events.get(1), await events.get(1)] == [999, "changed"]


async def test_a_subscriber_that_is_too_slow_is_told_that_it_missed_something_and_nobody_else_notices() -> None:
    hub = Broker(queue_limit=4)
    async with hub.subscribe(["a"]) as slow, hub.subscribe(["a"]) as quick:
        for number in range(10):
            hub.publish("a", number)
            assert await quick.get(1) == number
        assert await slow.get(1) is MISSED


async def test_publishing_does_not_wait_for_anybody() -> None:
    hub = Broker()
    async with hub.subscribe(["a"]) as events:
        waiting = asyncio.create_task(events.get(5))
        await asyncio.sleep(0)
        hub.publish("a", "now")
        assert not waiting.done()
        assert await waiting == "now"


async def test_closing_ends_every_subscription_also_one_that_begins_later() -> None:
    hub = Broker()

    watches = asyncio.Event()

    async def watch() -> list[object]:
        async with hub.subscribe(["a"]) as events:
            watches.set()
            return [event async for event in events]

    watching = asyncio.create_task(watch())
    await watches.wait()
    hub.close()
    async with asyncio.timeout(1):
        assert await watching == []
        assert await watch() == []


async def test_nothing_remains_of_a_subscriber_that_left() -> None:
    hub = Broker()
    with pytest.raises(RuntimeError, match="gone"):
        async with hub.subscribe(["a"]):
            raise RuntimeError("gone")
    assert hub.watchers("a") == 0
