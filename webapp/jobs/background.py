"""The event loop's side of the durable workflows: tracked tasks, and the engine that restarts workflows."""

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
    """Runs `perform(name, subject)` for every workflow, on the event loop it was started in.

    DBOS is loaded only when it is needed: a server that merely shows tables starts faster and stays smaller without it.
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
        """Interrupt running work, which the next process resumes, and stop DBOS. Takes as long as a child may take to
        end.
        """
        self._is_closing = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._launching is not None:
            with suppress(Exception):  # a failed launch has been logged where it was needed
                durable = await self._launching
                await asyncio.to_thread(durable.close)
            self._launching = None

    async def durable(self) -> Durable:
        """The engine, launched on first use."""
        if self._launching is None:
            self._launching = asyncio.create_task(asyncio.to_thread(Durable, self._settings, self._submit))
        launching = self._launching
        try:
            return await asyncio.shield(launching)
        except Exception:
            if self._launching is launching:
                self._launching = None  # the next call tries again
            raise

    async def start(self, name: str, subject: str) -> None:
        durable = await self.durable()
        await asyncio.to_thread(durable.start, name, subject)

    async def recover(self, name: str, subject: str) -> None:
        durable = await self.durable()
        await asyncio.to_thread(durable.recover, name, subject)

    async def prune(self) -> None:
        """Only if it has been loaded, since otherwise nothing was added."""
        if self._launching is not None:
            durable = await self.durable()
            await asyncio.to_thread(durable.prune)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Start a task that nobody waits for; a failure is logged."""
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("Work in the background failed", exc_info=error)

    def _submit(self, name: str, subject: str) -> "Future[None]":
        """Called in a thread of DBOS, which waits for the result.

        Runs in an empty context: DBOS stores the current workflow in the thread's context, and would treat whatever the
        work starts afterwards as its steps.
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
