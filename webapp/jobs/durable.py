"""DBOS, and all we know of it: how it is started, asked and ended. Everything here blocks: call it in a thread.

Only its public API is used. Three things about it that shaped this module:
* it is one object a process, so only one app of a process can have it (bridge.py);
* its asynchronous methods replace the running loop's default executor, so only the synchronous ones are used;
* a workflow that ends with anything but an `Exception` stays pending. That is what `Interrupted` is for: the workflow
  is interrupted by a server that stops, and the next one starts it again.
"""

import logging
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

from settings import Settings
from webapp.data.folders import private_file
from webapp.jobs.bridge import Submit, bridge

# The form of the workflows, not the release: raised when what a pending one does is no longer what it was started for.
# (Left to itself DBOS hashes the source, and after an update nothing that was pending would go on.)
APPLICATION_VERSION = "1"
# Always the same: one server has a data folder to itself (webapp/server.py holds its lock), so whatever is pending
# there was left by its predecessor and is for us to go on with.
EXECUTOR = "server"
LIVE = ["PENDING", "ENQUEUED"]
ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
KEPT = timedelta(days=7)  # workflows that have ended, for whoever looks into what went wrong
AT_ONCE = 500  # workflows removed in one transaction

logger = logging.getLogger(__name__)


class Connection(sqlite3.Connection):
    """Knows `unixepoch('subsec')`, which DBOS relies on from Python 3.12 on, whatever SQLite that Python came with.

    SQLite knows it from 3.42 on; Debian 12 has 3.40. A file made with it must be usable by either Python afterwards.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if sqlite3.sqlite_version_info < (3, 42):
            self.create_function("unixepoch", 1, lambda _subsec: round(time.time(), 3))


class Durable:
    """The running engine. `submit` hands a workflow's work to the event loop."""

    def __init__(self, settings: Settings, submit: Submit) -> None:
        """Import, set up and launch DBOS: a good half second the first time, some 20 MB from then on."""
        bridge.open(submit)
        try:
            self._workflows = self._launch(settings)
        except BaseException:
            bridge.close()
            raise

    @staticmethod
    def _launch(settings: Settings) -> ModuleType:
        # Its own handler would print beside our log. It adds one only where there is none.
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
        """Start workflow `name` for `subject` (an id). Twice is harmless: the second run has nothing to do."""
        from dbos import DBOS, SetWorkflowID

        known = DBOS.list_workflows(workflow_id_prefix=f"{subject}-{name}-", load_input=False, load_output=False)
        last = max((int(each.workflow_id.rpartition("-")[2]) for each in known), default=0)  # older ones may be pruned
        with SetWorkflowID(f"{subject}-{name}-{last + 1}"):
            DBOS.start_workflow(getattr(self._workflows, name), subject)

    def recover(self, name: str, subject: str) -> None:
        """Make sure that the workflow goes on. What was left pending DBOS starts again by itself."""
        from dbos import DBOS

        if not DBOS.list_workflows(
            workflow_id_prefix=f"{subject}-{name}-", status=LIVE, load_input=False, load_output=False
        ):
            self.start(name, subject)

    def prune(self) -> None:
        """Forget workflows that ended long ago: what they did is in our own database."""
        from dbos import DBOS

        before = (datetime.now(UTC) - KEPT).isoformat()
        while ended := DBOS.list_workflows(
            status=ENDED, end_time=before, limit=AT_ONCE, load_input=False, load_output=False
        ):
            DBOS.delete_workflows([each.workflow_id for each in ended])

    def close(self) -> None:
        """Ends DBOS's threads, which takes a second; what was interrupted is pending."""
        from dbos import DBOS

        try:
            DBOS.destroy()
        finally:
            bridge.close()
