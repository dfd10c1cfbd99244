"""All code that knows DBOS: starting, querying and stopping it. Everything here blocks, so call it in a thread.

Only its public API is used. Three of its properties shaped this module:
* it is a singleton per process, so only one app of a process can use it (bridge.py);
* its asynchronous methods replace the running loop's default executor, so only the synchronous ones are used;
* a workflow that raises something other than an `Exception` stays pending. Hence `Interrupted`: a stopping server
  interrupts the workflow, and the next one restarts it.
"""

import logging
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

from settings import Settings
from webapp.db.folders import private_file
from webapp.jobs.bridge import Submit, bridge

# The version of the workflows, not of the release: increase it when a pending one would no longer do what it was
# started for. (By default DBOS hashes the source code, so after an update no pending workflow would continue.)
APPLICATION_VERSION = "1"
# Constant: one server has the data folder to itself (webapp/server.py holds its lock), so anything pending there was
# left by its predecessor and is ours to resume.
EXECUTOR = "server"
LIVE = ["PENDING", "ENQUEUED"]
ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
KEPT = timedelta(days=7)  # how long ended workflows are kept for diagnosis
AT_ONCE = 500  # workflows removed in one transaction

logger = logging.getLogger(__name__)


class Connection(sqlite3.Connection):
    """Provides `unixepoch('subsec')`, which DBOS needs from Python 3.12 on, whichever SQLite that Python has.

    SQLite has it from 3.42 on; Debian 12 has 3.40. A database file must afterwards be usable from either Python.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if sqlite3.sqlite_version_info < (3, 42):
            self.create_function("unixepoch", 1, lambda _subsec: round(time.time(), 3))


class Durable:
    """The running engine. `submit` hands a workflow's work to the event loop."""

    def __init__(self, settings: Settings, submit: Submit) -> None:
        """Import, configure and launch DBOS: over half a second the first time, and some 20 MB from then on."""
        bridge.open(submit)
        try:
            self._workflows = self._launch(settings)
        except BaseException:
            bridge.close()
            raise

    @staticmethod
    def _launch(settings: Settings) -> ModuleType:
        # Its own handler would print besides our log. It adds one only if there is none.
        quiet = logging.getLogger("dbos")
        if not quiet.handlers:
            quiet.addHandler(logging.NullHandler())
        quiet.propagate = True
        quiet.setLevel(logging.WARNING)
        from dbos import DBOS

        from webapp.jobs import workflows

        private_file(settings.data_dir / "jobs.db")
        DBOS(
            config={
                "name": "rowcast",
                "system_database_url": settings.jobs_url,
                "application_version": APPLICATION_VERSION,
                "executor_id": EXECUTOR,
                "enable_otlp": False,
                "log_level": "WARNING",
                "sys_db_pool_size": 2,
                "db_engine_kwargs": {"connect_args": {"factory": Connection}},
            }
        )
        DBOS.launch()
        return workflows

    def start(self, name: str, subject: str) -> None:
        """Start workflow `name` for `subject` (an id). Starting it twice is harmless: the second run has nothing
        to do.
        """
        from dbos import DBOS, SetWorkflowID

        known = DBOS.list_workflows(workflow_id_prefix=f"{subject}-{name}-", load_input=False, load_output=False)
        last = max((int(each.workflow_id.rpartition("-")[2]) for each in known), default=0)  # older ones may be pruned
        with SetWorkflowID(f"{subject}-{name}-{last + 1}"):
            DBOS.start_workflow(getattr(self._workflows, name), subject)

    def recover(self, name: str, subject: str) -> None:
        """Make sure that the workflow continues. DBOS restarts pending ones by itself."""
        from dbos import DBOS

        if not DBOS.list_workflows(
            workflow_id_prefix=f"{subject}-{name}-", status=LIVE, load_input=False, load_output=False
        ):
            self.start(name, subject)

    def prune(self) -> None:
        """Delete workflows that ended long ago: their results are in our own database."""
        from dbos import DBOS

        before = (datetime.now(UTC) - KEPT).isoformat()
        while ended := DBOS.list_workflows(
            status=ENDED, end_time=before, limit=AT_ONCE, load_input=False, load_output=False
        ):
            DBOS.delete_workflows([each.workflow_id for each in ended])

    def close(self) -> None:
        """Stop DBOS's threads, which takes a second; interrupted workflows stay pending."""
        from dbos import DBOS

        try:
            DBOS.destroy()
        finally:
            bridge.close()
