"""The broker: hands events to the subscribers of a topic, without ever waiting for them."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from typing import Final, Protocol

from webapp.db.unit_of_work import Publisher

QUEUE_LIMIT: Final = 64  # unread events per subscriber
MISSED: Final = object()  # replaces events that a slow subscriber missed; the subscriber reloads the whole state


class BrokerClosed(Exception):
    """The server is draining: a stream ends now, whatever was still pending."""


class Subscription:
    """Events a subscriber has not read yet. Only the newest event per key is kept: old progress is worthless."""

    def __init__(self, limit: int = QUEUE_LIMIT) -> None:
        self._limit = limit
        self._pending: dict[object, object] = {}
        self._unkeyed = count()
        self._wake = asyncio.Event()
        self._is_closed = False

    def put(self, event: object, key: str | None) -> None:
        slot: object = key if key is not None else next(self._unkeyed)
        if slot not in self._pending and len(self._pending) >= self._limit:
            self._pending.clear()
            self._pending[MISSED] = MISSED
        else:
            self._pending[slot] = event
        self._wake.set()

    def close(self) -> None:
        self._is_closed = True
        self._wake.set()

    async def get(self, timeout: float | None = None) -> object | None:
        """Return the oldest pending event, or None if none arrives within `timeout` seconds.

        Raises `BrokerClosed` once the broker has closed.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            return None
        if self._is_closed:
            raise BrokerClosed
        event = self._pending.pop(next(iter(self._pending)))
        if not self._pending:
            self._wake.clear()
        return event


class Broker(Publisher, Protocol):
    """What streams subscribe to. `publish` comes from the unit of work."""

    def subscribe(self, topics: Iterable[str]) -> AbstractAsyncContextManager[Subscription]:
        """The events published on any of `topics` inside the `async with` block."""
        ...

    def close(self) -> None:
        """The server is draining: end every stream now, and new ones as soon as they subscribe."""
        ...


class InProcessBroker:
    """The subscribers of this process. Everything runs on the event loop's thread, so no locks are needed."""

    def __init__(self, queue_limit: int = QUEUE_LIMIT) -> None:
        self._queue_limit = queue_limit
        self._topics: dict[str, set[Subscription]] = {}
        self._is_closed = False

    def publish(self, topic: str, event: object, *, key: str | None = None) -> None:
        """Hand `event` to the topic's subscribers. With a `key` it replaces unread events of the same key."""
        for subscription in self._topics.get(topic, ()):
            subscription.put(event, key)

    @asynccontextmanager
    async def subscribe(self, topics: Iterable[str]) -> AsyncIterator[Subscription]:
        subscription = Subscription(self._queue_limit)
        topics = set(topics)
        for topic in topics:
            self._topics.setdefault(topic, set()).add(subscription)
        if self._is_closed:
            subscription.close()
        try:
            yield subscription
        finally:
            for topic in topics:
                self._topics[topic].discard(subscription)
                if not self._topics[topic]:
                    del self._topics[topic]

    def close(self) -> None:
        self._is_closed = True
        for subscriptions in self._topics.values():
            for subscription in subscriptions:
                subscription.close()
