"""Workflows, on DBOS: what a dead process left pending, the next one runs. All that knows DBOS is here.

Only its public API is used. Four of its properties shaped this module:
* it is a singleton per process, so only one app of a process can use it;
* its asynchronous methods replace the running loop's default executor, so only the synchronous ones are used, and they
  block: in threads;
* a workflow that raises something other than an `Exception` stays pending. Hence `Interrupted`: a stopping server
  interrupts the workflow, and the next one restarts it;
* a workflow occupies a thread until it ends, so only work whose turn it is becomes one.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from settings import Settings
from webapp.db import jobs_database

# The version of the tasks, not of the release: increase it when a pending one would no longer do what it was started
# for. (By default DBOS hashes the source code, so after an update no pending workflow would continue.)
APPLICATION_VERSION = "1"
# Constant: one server has the data folder to itself (webapp/leader.py), so anything pending there was left by its
# predecessor and is ours to resume.
EXECUTOR = "server"
# DBOS gives up a workflow after this many starts, whether the server crashed or was stopped. The next start of the
# server begins a new one for the remaining work (schedule.py).
MAX_STARTS = 20
ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
RETENTION = timedelta(days=7)  # of ended workflows, for diagnosis
PRUNE_BATCH = 500  # workflows removed in one transaction
# Threads of workflows: those of every line's slots, and some for the workflows a dead process left, which end at once.
MAX_THREADS = 16

_workflows: dict[str, Callable[[str], None]] = {}  # by task, registered once per process

Perform = Callable[[str, str, str], None]  # (task, subject, workflow id); blocks until the task has ended


class Interrupted(BaseException):
    """Not an error: the server is stopping, and the next one resumes the workflow."""


def launch(settings: Settings, tasks: Iterable[str], perform: Perform) -> None:
    """Import, configure and launch DBOS: over half a second the first time, and some 20 MB from then on."""
    # Its own handler would print besides our log. It adds one only if there is none.
    dbos_logger = logging.getLogger("dbos")
    if not dbos_logger.handlers:
        dbos_logger.addHandler(logging.NullHandler())
    dbos_logger.propagate = True
    dbos_logger.setLevel(logging.WARNING)
    from dbos import DBOS

    for task in tasks:  # one without a line may be pending from an older version
        _register(task, perform)
    DBOS(
        config={
            "name": "rowcast",
            "system_database_url": settings.jobs_url,
            "application_version": APPLICATION_VERSION,
            "executor_id": EXECUTOR,
            "enable_otlp": False,
            "log_level": "WARNING",
            "sys_db_pool_size": 2,
            "max_executor_threads": MAX_THREADS,
            "db_engine_kwargs": jobs_database.engine_arguments(settings),
        }
    )
    DBOS.launch()


def shut_down() -> None:
    """Stop DBOS's threads, which takes a second; interrupted workflows stay pending."""
    from dbos import DBOS

    DBOS.destroy()


def _register(task: str, perform: Perform) -> None:
    from dbos import DBOS

    def workflow(subject: str) -> None:
        perform(task, subject, DBOS.workflow_id or "")

    if task not in _workflows:
        _workflows[task] = DBOS.workflow(name=task, max_recovery_attempts=MAX_STARTS)(workflow)


def next_id(task: str, subject: str) -> str:
    """The id of the next workflow: the subject, the task, and a number, because an import can be read again with other
    settings. Start it before asking for another one.
    """
    last = max(_workflow_numbers(task, subject), default=0)  # older ones may be pruned
    return f"{subject}-{task}-{last + 1}"


def start(workflow_id: str, task: str, subject: str) -> None:
    """Start it under an id of `next_id`."""
    from dbos import DBOS, SetWorkflowID

    with SetWorkflowID(workflow_id):
        DBOS.start_workflow(_workflows[task], subject)


def _workflow_numbers(task: str, subject: str) -> list[int]:
    from dbos import DBOS

    prefix = f"{subject}-{task}-"
    workflows = DBOS.list_workflows(workflow_id_prefix=prefix, load_input=False, load_output=False)
    return [int(workflow.workflow_id.rpartition("-")[2]) for workflow in workflows]


def delete_old() -> None:
    """Their results are in our own database."""
    from dbos import DBOS

    before = (datetime.now(UTC) - RETENTION).isoformat()
    while ended := DBOS.list_workflows(
        status=ENDED, end_time=before, limit=PRUNE_BATCH, load_input=False, load_output=False
    ):
        DBOS.delete_workflows([workflow.workflow_id for workflow in ended])
