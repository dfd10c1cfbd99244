"""The event loop's side of the durable workflows: tasks that are kept, and the engine that starts them again."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from contextvars import Context
from typing import Any

from settings import Settings
from webapp.jobs.durable import Durable

logger = logging.getLogger(__name__)

Perform = Callable[[str, str], Coroutine[Any, Any, None]]


class Background:
    """Runs `perform(name, subject)` for every workflow, in the event loop it was begun in.

    DBOS is loaded when there is something to do for it: a server that only shows tables starts quicker and stays
    smaller without.
    """

    def __init__(self, settings: Settings, perform: Perform) -> None:
        self._settings = settings
        self._perform = perform
        self._loop: asyncio.AbstractEventLoop | None = None
        self._launching: asyncio.Task[Durable] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_closing = False

    def begin(self) -> None:
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """Interrupts what runs, which the next process takes up, and ends DBOS. Bounded by the patience of a child."""
        self._is_closing = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._launching is not None:
            with suppress(Exception):  # a launch that failed was logged by whoever needed it
                durable = await self._launching
                await asyncio.to_thread(durable.close)
            self._launching = None

    async def durable(self) -> Durable:
        """The engine, launched by the first who asks."""
        if self._launching is None:
            self._launching = asyncio.create_task(asyncio.to_thread(Durable, self._settings, self._submit))
        launching = self._launching
        try:
            return await asyncio.shield(launching)
        except Exception:
            if self._launching is launching:
                self._launching = None  # the next one tries again
            raise

    async def start(self, name: str, subject: str) -> None:
        durable = await self.durable()
        await asyncio.to_thread(durable.start, name, subject)

    async def recover(self, name: str, subject: str) -> None:
        durable = await self.durable()
        await asyncio.to_thread(durable.recover, name, subject)

    async def prune(self) -> None:
        """Only what has been loaded can have grown."""
        if self._launching is not None:
            durable = await self.durable()
            await asyncio.to_thread(durable.prune)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """A task nobody waits for; its failure is logged."""
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("Work in the background failed", exc_info=error)

    def _submit(self, name: str, subject: str) -> "Future[None]":
        """Called in a thread of DBOS, which waits for the answer.

        In a context of its own: DBOS keeps in the thread's which workflow this is, and would take whatever the work
        starts afterwards for a step of it.
        """
        if self._loop is None:
            raise RuntimeError("The jobs have not begun")
        return Context().run(asyncio.run_coroutine_threadsafe, self._run(name, subject), self._loop)

    async def _run(self, name: str, subject: str) -> None:
        task = asyncio.current_task()
        if self._is_closing or task is None:
            raise asyncio.CancelledError
        self._tasks.add(task)
        try:
            await self._perform(name, subject)
        finally:
            self._tasks.discard(task)
