"""The SQLite file of the job queue, whose tables DBOS creates."""

import sqlite3
import time
from typing import Any

from settings import Settings
from webapp.db.folders import private_file


def engine_arguments(settings: Settings) -> dict[str, Any]:
    """Create the file, so that nobody else can read it; return the arguments of its engine."""
    private_file(settings.data_dir / "jobs.db")
    return {"connect_args": {"factory": JobsConnection}}


class JobsConnection(sqlite3.Connection):
    """Provides `unixepoch('subsec')`, which DBOS needs from Python 3.12 on, whichever SQLite that Python has.

    SQLite has it from 3.42 on; Debian 12 has 3.40. A database file must afterwards be usable from either Python.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if sqlite3.sqlite_version_info < (3, 42):
            self.create_function("unixepoch", 1, lambda _subsec: round(time.time(), 3))
