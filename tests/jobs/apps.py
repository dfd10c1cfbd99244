"""The application with passes that wait until a test lets them begin."""

import asyncio
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from dbos import DBOS

from settings import Settings
from webapp import create_app
from webapp.imports import child_process
from webapp.jobs import DurableQueue, JobContext, import_drafts, import_passes, purging, schedule
from webapp.jobs.tasks import TASKS
from webapp.models.tables import log_scrubbing, trash
from webapp.web.application import Application

PAUSES = (0.01, 0.01)  # seconds


def held_imports(settings: Settings) -> Application:
    """No pass begins while the file `hold` is in the data folder, no pass 1 of one import while `hold-<id>` is. The ids
    of those whose pass 1 has got its turn are in `started`.
    """
    inspect_import, load_import = TASKS["inspect_import"], TASKS["load_import"]

    async def inspect_when_released(context: JobContext, import_id: str) -> None:
        with (settings.data_dir / "started").open("a") as file:
            file.write(import_id + "\n")
        await released(settings.data_dir / "hold")
        await released(settings.data_dir / f"hold-{import_id}")
        await inspect_import.run(context, import_id)

    async def load_when_released(context: JobContext, import_id: str) -> None:
        await released(settings.data_dir / "hold")
        await load_import.run(context, import_id)

    TASKS["inspect_import"] = replace(inspect_import, run=inspect_when_released)
    TASKS["load_import"] = replace(load_import, run=load_when_released)
    return create_app(settings)


def held_children(settings: Settings) -> Application:
    """A pass waits once it has reached the number of rows in the file `hold-children` of the data folder."""
    child_process.COMMAND = ("-m", "tests.jobs.held_worker", str(settings.data_dir / "hold-children"))
    return create_app(settings)


def drafting(settings: Settings) -> Application:
    """The same, and every file is worth a draft; one that nobody wants any more goes soon."""
    import_drafts.MIN_ROWS, schedule.CHECK_EVERY = 1, 0.1
    return held_children(settings)


def late_recovery(settings: Settings) -> Application:
    """The same, and a workflow that a dead process left is run only once its import has begun anew."""
    perform, began = DurableQueue.perform, settings.data_dir / "started"
    before = began.read_text().count("\n")
    with closing(sqlite3.connect(settings.data_dir / "jobs.db")) as jobs:
        left = {name for (name,) in jobs.execute("SELECT workflow_uuid FROM workflow_status WHERE status = 'PENDING'")}

    def perform_late(queue: DurableQueue, *arguments: Any) -> None:
        while DBOS.workflow_id in left and began.read_text().count("\n") == before:
            time.sleep(0.01)
        perform(queue, *arguments)

    DurableQueue.perform = perform_late  # type: ignore[method-assign]
    return held_imports(settings)


def impatient(settings: Settings) -> Application:
    """What cannot be recorded is tried again for a moment only, then by the schedule, which looks often."""
    import_passes.RETRY_AFTER = PAUSES
    schedule.CHECK_EVERY = 0.1
    return create_app(settings)


def slow_purges(settings: Settings) -> Application:
    """What is deleted for good goes some rows at a time, with pauses."""
    trash.HOLD_SECONDS, trash.BATCH_ROWS, purging.PAUSE_SECONDS = 0.0, 100, 0.05
    log_scrubbing.BATCH_ENTRIES, log_scrubbing.GROUP_ROWS = 1, 1_000
    return create_app(settings)


def busy_schedule(settings: Settings) -> Application:
    """It looks often for what is no longer needed."""
    schedule.CHECK_EVERY = schedule.CLEAN_EVERY = 0.1
    return create_app(settings)


async def released(hold: Path) -> None:
    while hold.exists():  # noqa: ASYNC110  another process removes it
        await asyncio.sleep(0.01)
