"""The unit of work: what one write changes, and what follows once it is committed."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.db.system import Writer

log = logging.getLogger(__name__)
T = TypeVar("T")
Verb = TypeVar("Verb", bound=Callable[..., Any])
BlockingConnection = Connection  # that of a unit of work, for use in the writer's thread


class JobQueue(Protocol):
    """Where background jobs wait; `webapp.jobs` has the durable one."""

    def enqueue(self, task: str, subject: str) -> None:
        """Start `task` for `subject` (an id) soon. Returns at once and never raises."""
        ...


class Publisher(Protocol):
    """Where events are published; `webapp.broker` has the one of this process."""

    def publish(self, topic: str, event: object, *, key: str | None = None) -> None: ...


def in_one_run(verb: Verb) -> Verb:
    """Mark a verb whose only change is one call of `run`, after which nothing can fail. As a unit of work of its own it
    is committed in the same turn of the writer's thread, which takes half of another; as a part of another verb not.
    """
    verb.is_in_one_run = True  # type: ignore[attr-defined]
    return verb


@dataclass(slots=True)
class UnitOfWork:
    """One transaction. A verb (a function that makes a change) uses `session` or `run`, in any order, and says with
    `enqueue`, `publish` and `after_commit` what follows: all of it after the commit, in this order, and never if the
    transaction fails.
    """

    writer: Writer
    queue: JobQueue | None = None  # None: the schedule of the next server finds what there is to do
    broker: Publisher | None = None
    page: str | None = None  # the open page that asked for it, as that page calls itself
    is_in_one_run: bool = False  # whether it is committed with its only `run`
    is_committing: bool = False  # from when on it may have happened
    _is_committed: bool = False
    _after: list[Callable[[], None]] = field(default_factory=list)
    _session: AsyncSession | None = None

    @property
    def session(self) -> AsyncSession:
        """Made when it is first used: opening and closing one takes as long as two statements of `run`."""
        if self._session is None:
            self._session = AsyncSession(self.writer.session_engine, expire_on_commit=False)
        return self._session

    def enqueue(self, task: str, subject: str) -> None:
        if (queue := self.queue) is not None:
            self.after_commit(lambda: queue.enqueue(task, subject))

    def publish(self, topic: str, event: object, *, key: str | None = None) -> None:
        if (broker := self.broker) is not None:
            self.after_commit(lambda: broker.publish(topic, event, key=key))

    def after_commit(self, call: Callable[[], None]) -> None:
        """Run `call` once the commit has succeeded; it must not block."""
        self._after.append(call)

    async def run(self, function: Callable[[Connection], T]) -> T:
        """Return `function(connection)`, run in the writer's thread, in this transaction.

        One thread switch however many statements it runs; through the session each statement takes four. What the
        session has not flushed yet is not there.
        """
        if self._is_committed:
            raise RuntimeError("This unit of work was committed with its only run")
        if self._session is not None and self._session.in_transaction():
            await self._session.connection()  # its transaction is that of the thread, too
        commits = self.is_in_one_run and self._session is None
        self.is_committing = commits
        running = self.writer.start(function, commits=commits)
        try:
            result = await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])  # the connection must not be rolled back under a statement
            raise
        self._is_committed = commits
        return result

    async def commit(self) -> None:
        if self._session is not None:
            await self._session.flush()
        self.is_committing = True
        if self._session is not None:
            await self._session.commit()
        await self.writer.commit()

    async def rollback(self) -> None:
        if self._session is not None:
            await self._session.rollback()
        await self.writer.rollback()

    async def close(self) -> None:
        if self._session is not None:
            await asyncio.shield(self._session.close())  # its connection goes back also if this is cancelled

    def follow_up(self) -> None:
        """Run everything that follows, even if one call fails: the commit has already happened."""
        for call in self._after:
            try:
                call()
            except Exception:
                log.exception("What follows a commit failed")
