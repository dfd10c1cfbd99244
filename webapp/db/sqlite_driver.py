"""Plain SQLite connections, and the meaning of the driver's errors: all a child process needs, without SQLAlchemy."""

import errno
import sqlite3
import time
from pathlib import Path
from typing import Any

from webapp.db.errors import DatabaseBusy, StorageFull, UserError

BUSY_TIMEOUT = 5.0  # seconds a writer waits for a write of another process
# WAL pages after which the committing connection copies the log into the database and waits for the disk. An import
# checkpoints its own, earlier (webapp/imports/load.py): a person's click does not pay for somebody else's million rows.
_CHECKPOINT = 4_000
_PRAGMAS = (
    "synchronous=NORMAL",
    "foreign_keys=ON",
    "temp_store=MEMORY",
    "cache_size=-16000",
    f"wal_autocheckpoint={_CHECKPOINT}",
    # Some builds overwrite every freed page: dropping a million rows then held the write lock for 5 s.
    "secure_delete=FAST",
)
_BUSY = {"SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT", "SQLITE_BUSY_RECOVERY", "SQLITE_BUSY_TIMEOUT", "SQLITE_LOCKED"}
_FULL = {"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_TRUNCATE"}


def connect(path: Path, *, query_only: bool = False) -> sqlite3.Connection:
    """A plain connection configured like the application's own, for the command line and child processes."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    prepare(connection, query_only=query_only)
    return connection


def prepare(connection: Any, *, query_only: bool) -> None:
    cursor = connection.cursor()
    _use_wal(cursor)
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    if query_only:
        cursor.execute("PRAGMA query_only=ON")
    cursor.close()


def _use_wal(cursor: Any) -> None:
    """If two processes open a new file together, one is refused at once, whatever the busy timeout."""
    patience = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if not isinstance(problem(error), DatabaseBusy) or time.monotonic() > patience:
                raise
        time.sleep(0.005)


def problem(error: BaseException) -> UserError | None:
    """Describe a driver error for people; None if it is a bug of ours."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull()
    name = getattr(error, "sqlite_errorname", "")
    if name in _BUSY:
        return DatabaseBusy()
    return StorageFull() if name in _FULL else None
