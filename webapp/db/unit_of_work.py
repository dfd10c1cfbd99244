"""The unit of work: what one write changes, and what follows once it is committed."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

log = logging.getLogger(__name__)
T = TypeVar("T")

DRIVER = "rowcast.driver"  # in the `info` of the writer's connection: the driver's own connection


class JobQueue(Protocol):
    """Where background jobs wait; `webapp.jobs` has the durable one."""

    def enqueue(self, task: str, subject: str) -> None:
        """Start `task` for `subject` (an id) soon. Returns at once and never raises."""
        ...


class Publisher(Protocol):
    """Where events are published; `webapp.broker` has the one of this process."""

    def publish(self, topic: str, event: object, *, key: str | None = None) -> None: ...


@dataclass(slots=True)
class UnitOfWork:
    """One transaction. A verb (a function that makes a change) uses `session`, and says with `enqueue`, `publish` and
    `after_commit` what follows: all of it after the commit, in this order, and never if the transaction fails.
    """

    session: AsyncSession
    queue: JobQueue | None = None  # None: the schedule of the next server finds what there is to do
    broker: Publisher | None = None
    thread: Executor | None = None
    _after: list[Callable[[], None]] = field(default_factory=list)

    def enqueue(self, task: str, subject: str) -> None:
        if (queue := self.queue) is not None:
            self.after_commit(lambda: queue.enqueue(task, subject))

    def publish(self, topic: str, event: object, *, key: str | None = None) -> None:
        if (broker := self.broker) is not None:
            self.after_commit(lambda: broker.publish(topic, event, key=key))

    def after_commit(self, call: Callable[[], None]) -> None:
        """Run `call` once the commit has succeeded; it must not block."""
        self._after.append(call)

    async def run(self, function: Callable[[Any], T]) -> T:
        """Return `function(driver)`, run in the writer's thread on the driver's own connection, in this transaction.

        One thread switch however many statements it runs; through the session each statement takes four.
        """
        connection = await self.session.connection()
        driver = connection.info[DRIVER]
        running = asyncio.get_running_loop().run_in_executor(self.thread, function, driver)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])  # the connection must not be rolled back under a statement
            raise

    def follow_up(self) -> None:
        """Run everything that follows, even if one call fails: the commit has already happened."""
        for call in self._after:
            try:
                call()
            except Exception:
                log.exception("What follows a commit failed")
