"""The broker never waits for a subscriber and bounds what it keeps for one."""

import asyncio

import pytest

from webapp.broker import MISSED, Broker, BrokerClosed


async def test_a_subscriber_gets_the_events_of_its_topics_in_order() -> None:
    broker = Broker()
    async with broker.subscribe(["a", "b"]) as events:
        broker.publish("a", 1)
        broker.publish("c", "not mine")
        broker.publish("b", 2)
        assert [await events.get(1), await events.get(1)] == [1, 2]
        assert await events.get(0.01) is None


async def test_the_latest_event_of_a_key_wins_and_keeps_its_place() -> None:
    broker = Broker()
    async with broker.subscribe(["a"]) as events:
        for percent in range(1000):
            broker.publish("a", percent, key="progress")
        broker.publish("a", "changed")
        assert [await events.get(1), await events.get(1)] == [999, "changed"]


async def test_a_subscriber_that_is_too_slow_is_told_that_it_missed_something_and_nobody_else_notices() -> None:
    broker = Broker(queue_limit=4)
    async with broker.subscribe(["a"]) as slow, broker.subscribe(["a"]) as quick:
        for number in range(10):
            broker.publish("a", number)
            assert await quick.get(1) == number
        assert await slow.get(1) is MISSED


async def test_publishing_does_not_wait_for_anybody() -> None:
    broker = Broker()
    async with broker.subscribe(["a"]) as events:
        waiting = asyncio.create_task(events.get(5))
        await asyncio.sleep(0)
        broker.publish("a", "now")
        assert not waiting.done()
        assert await waiting == "now"


async def test_closing_ends_every_subscription_also_one_that_begins_later() -> None:
    broker = Broker()

    subscribed = asyncio.Event()

    async def read() -> object:
        async with broker.subscribe(["a"]) as events:
            subscribed.set()
            return await events.get()

    reading = asyncio.create_task(read())
    await subscribed.wait()
    broker.close()
    async with asyncio.timeout(1):
        for waiting in (reading, read()):
            with pytest.raises(BrokerClosed):
                await waiting


async def test_nothing_remains_of_a_subscriber_that_left() -> None:
    broker = Broker()
    with pytest.raises(RuntimeError, match="gone"):
        async with broker.subscribe(["a"]):
            raise RuntimeError("gone")
    assert broker._topics == {}
