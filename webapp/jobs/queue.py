"""The queue of tasks, on DBOS: what a dead process left pending, the next one runs. All that knows DBOS is here.

Only its public API is used. Three of its properties shaped this module:
* it is a singleton per process, so only one app of a process can use it;
* its asynchronous methods replace the running loop's default executor, so only the synchronous ones are used, and they
  block: in threads;
* a workflow that raises something other than an `Exception` stays pending. Hence `Interrupted`: a stopping server
  interrupts the workflow, and the next one restarts it.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from contextlib import suppress
from contextvars import Context
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, ClassVar

from settings import Settings
from webapp.db import jobs_database
from webapp.jobs.context import JobContext
from webapp.jobs.tasks import TASKS

# The version of the tasks, not of the release: increase it when a pending one would no longer do what it was started
# for. (By default DBOS hashes the source code, so after an update no pending workflow would continue.)
APPLICATION_VERSION = "1"
# Constant: one server has the data folder to itself (webapp/leader.py), so anything pending there was left by its
# predecessor and is ours to resume.
EXECUTOR = "server"
# DBOS gives up a workflow after this many starts, whether the server crashed or was stopped. The next start of the
# server begins a new one for the remaining work (schedule.py).
MAX_STARTS = 20
PENDING = ["PENDING", "ENQUEUED"]
ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
RETENTION = timedelta(days=7)  # of ended workflows, for diagnosis
PRUNE_BATCH = 500  # workflows removed in one transaction

logger = logging.getLogger(__name__)


class Interrupted(BaseException):
    """Not an error: the server is stopping, and the next one resumes the workflow."""


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
        self._is_closing = False

    def open(self) -> None:
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """Interrupt running tasks, which the next process resumes, and stop DBOS. Takes as long as a child may take to
        end.
        """
        self._is_closing = True
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._launching is not None:
            with suppress(Exception):  # a failed launch has been logged where it was needed
                await self._launching
                await asyncio.to_thread(_shut_down)
            self._launching = None

    def enqueue(self, task: str, subject: str) -> None:
        """Start `task` for `subject` (an id) soon."""
        self.spawn(self._start(task, subject) if TASKS[task].is_durable else TASKS[task].run(self._context, subject))

    async def ensure_started(self, task: str, subject: str) -> None:
        """Start the task unless it is pending, which DBOS restarts by itself."""
        await self._launched()
        if not await asyncio.to_thread(_workflow_numbers, task, subject, PENDING):
            await asyncio.to_thread(_start_workflow, task, subject)

    def warm_up(self) -> None:
        """Load DBOS now: an upload has begun and will need it."""
        self.spawn(self._launched())

    async def prune(self) -> None:
        """Delete workflows that ended long ago. If DBOS has not been loaded, nothing was added."""
        if self._launching is not None:
            await self._launched()
            await asyncio.to_thread(_delete_old_workflows)

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

    async def _start(self, task: str, subject: str) -> None:
        try:
            await self._launched()
            await asyncio.to_thread(_start_workflow, task, subject)
        except Exception as error:
            logger.exception("The task %s of %s could not be started", task, subject)
            if (on_start_failure := TASKS[task].on_start_failure) is not None:
                await on_start_failure(self._context, subject, error)

    async def _run(self, task: str, subject: str) -> None:
        """What a workflow does."""
        running = asyncio.current_task()
        if self._is_closing or running is None:
            raise asyncio.CancelledError
        self._running.add(running)
        try:
            await TASKS[task].run(self._context, subject)
        finally:
            self._running.discard(running)

    async def _launched(self) -> None:
        """Launch DBOS on first use."""
        if self._launching is None:
            self._launching = asyncio.create_task(asyncio.to_thread(_launch, self, self._context.settings))
        launching = self._launching
        try:
            await asyncio.shield(launching)
        except Exception:
            if self._launching is launching:
                self._launching = None  # the next call tries again
            raise

    def perform(self, task: str, subject: str) -> None:
        """The body of every workflow, in a thread of DBOS: it waits while the task runs on the event loop.

        In an empty context: DBOS stores the current workflow in the thread's context, and would treat whatever the task
        starts afterwards as its steps.
        """
        if self._loop is None:
            raise RuntimeError("The queue is not open")
        try:
            Context().run(asyncio.run_coroutine_threadsafe, self._run(task, subject), self._loop).result()
        except CancelledError as error:
            raise Interrupted from error


def _launch(queue: DurableQueue, settings: Settings) -> None:
    """Import, configure and launch DBOS: over half a second the first time, and some 20 MB from then on."""
    if DurableQueue.active is not None:
        raise RuntimeError("Jobs already run for another app of this process")
    DurableQueue.active = queue
    try:
        # Its own handler would print besides our log. It adds one only if there is none.
        dbos_logger = logging.getLogger("dbos")
        if not dbos_logger.handlers:
            dbos_logger.addHandler(logging.NullHandler())
        dbos_logger.propagate = True
        dbos_logger.setLevel(logging.WARNING)
        from dbos import DBOS

        _workflows()
        DBOS(
            config={
                "name": "rowcast",
                "system_database_url": settings.jobs_url,
                "application_version": APPLICATION_VERSION,
                "executor_id": EXECUTOR,
                "enable_otlp": False,
                "log_level": "WARNING",
                "sys_db_pool_size": 2,
                "db_engine_kwargs": jobs_database.engine_arguments(settings),
            }
        )
        DBOS.launch()
    except BaseException:
        DurableQueue.active = None
        raise


def _shut_down() -> None:
    """Stop DBOS's threads, which takes a second; interrupted workflows stay pending."""
    from dbos import DBOS

    try:
        DBOS.destroy()
    finally:
        DurableQueue.active = None


@cache
def _workflows() -> dict[str, Callable[[str], None]]:
    """A workflow for each durable task, registered once per process."""
    from dbos import DBOS

    def workflow(task: str) -> Callable[[str], None]:
        def perform(subject: str) -> None:
            if DurableQueue.active is None:
                raise Interrupted
            DurableQueue.active.perform(task, subject)

        return DBOS.workflow(name=task, max_recovery_attempts=MAX_STARTS)(perform)

    return {name: workflow(name) for name, task in TASKS.items() if task.is_durable}


def _start_workflow(task: str, subject: str) -> None:
    """Start it. Twice is harmless: the second run has nothing to do.

    Its id is the subject, the task, and a number, because an import can be read again with other settings.
    """
    from dbos import DBOS, SetWorkflowID

    last = max(_workflow_numbers(task, subject), default=0)  # older ones may be pruned
    with SetWorkflowID(f"{subject}-{task}-{last + 1}"):
        DBOS.start_workflow(_workflows()[task], subject)


def _workflow_numbers(task: str, subject: str, status: list[str] | None = None) -> list[int]:
    from dbos import DBOS

    prefix = f"{subject}-{task}-"
    workflows = DBOS.list_workflows(workflow_id_prefix=prefix, status=status, load_input=False, load_output=False)
    return [int(workflow.workflow_id.rpartition("-")[2]) for workflow in workflows]


def _delete_old_workflows() -> None:
    """Their results are in our own database."""
    from dbos import DBOS

    before = (datetime.now(UTC) - RETENTION).isoformat()
    while ended := DBOS.list_workflows(
        status=ENDED, end_time=before, limit=PRUNE_BATCH, load_input=False, load_output=False
    ):
        DBOS.delete_workflows([workflow.workflow_id for workflow in ended])
