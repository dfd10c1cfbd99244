"""Plain SQLite connections: all a child process needs, without SQLAlchemy."""

import sqlite3
import time
from pathlib import Path
from typing import Any

from webapp.db.errors import DatabaseBusy, known_error
from webapp.db.float_digits import all_digits

BUSY_TIMEOUT = 5.0  # seconds a writer waits for a write of another process
_RETRY_SECONDS = 0.002  # less than the pauses of child processes between their transactions
# WAL pages after which the committing connection copies the log into the database and waits for the disk. An import
# copies its own, earlier (rowstore/sqlite/appending.py): a person's click does not pay for a stranger's million rows.
_CHECKPOINT_PAGES = 4_000
ALL_DIGITS = "all_digits"  # a function in SQL: a float with as many digits as it needs
_PRAGMAS = (
    "synchronous=NORMAL",
    "foreign_keys=ON",
    "temp_store=MEMORY",
    "cache_size=-16000",
    f"wal_autocheckpoint={_CHECKPOINT_PAGES}",
    # Some builds overwrite every freed page: dropping a million rows then held the write lock for 5 s.
    "secure_delete=FAST",
)


def connect(path: Path, *, query_only: bool = False) -> sqlite3.Connection:
    """A plain connection configured like the application's own, for the command line and child processes."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    prepare(connection, query_only=query_only)
    return connection


def prepare(connection: Any, *, query_only: bool) -> None:
    cursor = connection.cursor()
    # If two processes open a new file together, one is refused at once, whatever the busy timeout.
    execute_when_free(cursor, "PRAGMA journal_mode=WAL", BUSY_TIMEOUT)
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    connection.create_function(ALL_DIGITS, 1, all_digits, deterministic=True)
    if query_only:
        cursor.execute("PRAGMA query_only=ON")
    cursor.close()


def execute_when_free(connection: Any, statement: str, seconds: float) -> None:
    """Execute the statement; while another process holds the lock, try again for so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            connection.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if not isinstance(known_error(error), DatabaseBusy) or time.monotonic() > deadline:
                raise
        time.sleep(_RETRY_SECONDS)
