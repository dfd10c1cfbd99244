"""The queue of tasks: those of a line wait for their turn (turns.py), others start at once.

What waits is in our own database: an import's state, a table without its index, a mail in the outbox. There the
schedule of the next process finds it, so nothing is lost with this one. Tasks whose turn it is run as workflows
(workflows.py).
"""

import asyncio
import logging
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from contextlib import suppress
from contextvars import Context
from typing import Any, ClassVar

from webapp.jobs import workflows
from webapp.jobs.context import JobContext
from webapp.jobs.tasks import TASKS
from webapp.jobs.turns import Turns, Work

logger = logging.getLogger(__name__)


class DurableQueue:
    """Starts tasks and runs them on the event loop that `open` was called in; a workflow's thread waits meanwhile.

    DBOS is loaded only when it is needed: a server that merely shows tables starts faster and stays smaller without it.
    """

    active: ClassVar["DurableQueue | None"] = None  # the one of this process that has launched DBOS

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._loop: asyncio.AbstractEventLoop | None = None
        self._launching: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self._unlined: set[Work] = set()  # running tasks without a line
        self._lining_up = asyncio.Lock()  # first come, first served, though each looks into the database before
        self._starting = asyncio.Lock()  # two at once would get the same number
        self._is_closing = False

    def open(self) -> None:
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """Interrupt running tasks, which the next process resumes, and stop DBOS. Takes as long as a child may take to
        end.
        """
        self._is_closing = True
        self._context.places.close()
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._launching is not None:
            with suppress(Exception):  # a failed launch has been logged where it was needed
                await self._launching
                await asyncio.to_thread(self._shut_down)
            self._launching = None

    def enqueue(self, task: str, subject: str) -> None:
        """Start `task` for `subject` (an id) soon, or when it is its turn; while this stops, after the next start."""
        if self._is_closing:
            return
        self.spawn(self._start(task, subject) if TASKS[task].line else self._run_unlined(Work(task, subject)))

    async def ensure_started(self, task: str, subject: str) -> None:
        """Start the task unless it runs or waits already."""
        if self._is_closing:
            return
        work = Work(task, subject)
        turns = self._turns(work)
        if turns is None and work not in self._unlined:
            self.enqueue(task, subject)
        elif turns is not None and not turns.is_known(work):
            await self._start(task, subject)

    def warm_up(self) -> None:
        """Load DBOS now: an upload has begun and will need it."""
        self.spawn(self._launched())

    async def prune(self) -> None:
        """Delete workflows that ended long ago. If DBOS has not been loaded, nothing was added."""
        if self._launching is not None:
            await self._launched()
            await asyncio.to_thread(workflows.delete_old)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Run something that nobody waits for until the queue closes, without the context of a request; a failure is
        logged.
        """
        task = asyncio.get_running_loop().create_task(coroutine, context=Context())
        self._running.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("Work in the background failed", exc_info=error)

    def _turns(self, work: Work) -> Turns | None:
        """The line its task waits in."""
        return self._context.turns.get(TASKS[work.task].line)

    async def _run_unlined(self, work: Work) -> None:
        self._unlined.add(work)
        try:
            await TASKS[work.task].run(self._context, work.subject)
        finally:
            self._unlined.discard(work)

    async def _start(self, task: str, subject: str) -> None:
        """Let the task wait for its turn, which may come at once."""
        work = Work(task, subject)
        try:
            await self._launched()
            line_up = TASKS[task].line_up
            async with self._lining_up:
                person = await line_up(self._context, subject) if line_up else 0
        except Exception as error:
            await self._give_up(work, error)
            return
        if (turns := self._turns(work)) is not None:
            turns.add(person, work)
            await self._continue(turns)

    async def _continue(self, turns: Turns) -> None:
        """Give every free slot to what is next."""
        while (turn := turns.take()) is not None:
            try:
                async with self._starting:
                    turn.workflow_id = await asyncio.to_thread(workflows.next_id, *turn.work)
                    await asyncio.to_thread(workflows.start, turn.workflow_id, *turn.work)
            except Exception as error:
                turns.leave(turn)
                self.spawn(self._give_up(turn.work, error))  # it may retry for minutes, and the slot is free
        self._context.places.report_soon()

    async def _give_up(self, work: Work, error: Exception) -> None:
        logger.error("The task %s of %s could not be started", work.task, work.subject, exc_info=error)
        if (on_start_failure := TASKS[work.task].on_start_failure) is not None:
            await on_start_failure(self._context, work.subject, error)

    async def _run(self, task: str, subject: str, workflow_id: str) -> None:
        """What a workflow does. One that a dead process left has no turn: it ends, and its task waits like others."""
        running, work = asyncio.current_task(), Work(task, subject)
        if self._is_closing or running is None:
            raise asyncio.CancelledError
        turns = self._turns(work)
        turn = turns.turn_of(workflow_id) if turns else None
        if turns is None or turn is None:
            self.spawn(self.ensure_started(task, subject))
            return
        self._running.add(running)
        try:
            await TASKS[task].run(self._context, subject)
        finally:
            self._running.discard(running)
            turns.leave(turn)
            if not self._is_closing:
                self.spawn(self._continue(turns))

    async def _launched(self) -> None:
        """Launch DBOS on first use."""
        if self._launching is None:
            self._launching = asyncio.create_task(asyncio.to_thread(self._launch))
        launching = self._launching
        try:
            await asyncio.shield(launching)
        except Exception:
            if self._launching is launching:
                self._launching = None  # the next call tries again
            raise

    def perform(self, task: str, subject: str, workflow_id: str) -> None:
        """The body of every workflow, in a thread of DBOS: it waits while the task runs on the event loop.

        In an empty context: DBOS stores the current workflow in the thread's context, and would treat whatever the task
        starts afterwards as its steps.
        """
        if self._loop is None:
            raise RuntimeError("The queue is not open")
        try:
            run = self._run(task, subject, workflow_id)
            Context().run(asyncio.run_coroutine_threadsafe, run, self._loop).result()
        except CancelledError as error:
            raise workflows.Interrupted from error

    def _launch(self) -> None:
        if DurableQueue.active is not None:
            raise RuntimeError("Jobs already run for another app of this process")
        DurableQueue.active = self
        try:
            workflows.launch(self._context.settings, TASKS, _perform)
        except BaseException:
            DurableQueue.active = None
            raise

    def _shut_down(self) -> None:
        try:
            workflows.shut_down()
        finally:
            DurableQueue.active = None


def _perform(task: str, subject: str, workflow_id: str) -> None:
    if DurableQueue.active is None:
        raise workflows.Interrupted
    DurableQueue.active.perform(task, subject, workflow_id)
