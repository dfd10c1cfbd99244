"""Giving disk space back that deleted rows have left in the database file.

SQLite keeps the pages that nothing uses any more for what comes next, with what was in them. In the mode
`auto_vacuum=INCREMENTAL` they can be cut off a few at a time, each after the last used page has taken its place. A file
has that mode from its beginning, or from the one time that it is written anew (`make_shrinkable`).
"""

import logging
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from webapp.db.errors import known_error
from webapp.db.sqlite_driver import BUSY_TIMEOUT, connect, execute_when_free
from webapp.db.system import CannotCompact

HOLD_SECONDS = 0.01  # for which a slice aims to hold the write lock
INCREMENTAL = 2  # `PRAGMA auto_vacuum`
# Of the file's size: what writing it anew needs, for the new one and for the log that carries it over.
ROOM = 2.2
CHECKPOINT_SECONDS = 0.05  # to wait for readers of the old pages, while writers wait

logger = logging.getLogger(__name__)


def set_shrinkable(path: Path) -> None:
    """Of a file that is empty as yet: it can give space back from the beginning."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA auto_vacuum={INCREMENTAL}")
        execute_when_free(connection, "PRAGMA journal_mode=WAL", BUSY_TIMEOUT)


def free_pages(connection: Connection) -> int:
    """How many could be cut off now: none of a file that has not the mode."""
    driver: Any = connection.connection.driver_connection
    return _free_pages(driver)


def cut_off(connection: Connection) -> None:
    """Some of the free pages, in the transaction of this connection."""
    driver: Any = connection.connection.driver_connection
    end = time.perf_counter() + HOLD_SECONDS
    while time.perf_counter() < end and _free_pages(driver):
        driver.execute("PRAGMA incremental_vacuum(1)").fetchall()  # the driver makes a single step of any number


def empty_log(path: Path) -> None:
    """Copy the write-ahead log into the file and leave it empty: it has the old pages, too. Not if somebody is reading
    these; the next time will do.
    """
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()  # most of it, while others write
        connection.execute(f"PRAGMA busy_timeout={int(CHECKPOINT_SECONDS * 1000)}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def is_shrinkable(path: Path) -> bool:
    with closing(connect(path)) as connection:
        return bool(connection.execute("PRAGMA auto_vacuum").fetchone() == (INCREMENTAL,))


def make_shrinkable(path: Path) -> float:
    """Write the whole file anew, which makes it as small as can be; return the seconds it took. Nobody else may use it
    meanwhile. Raises `CannotCompact`.
    """
    began = time.monotonic()
    with closing(connect(path)) as connection:
        _ensure_keeps_ids(connection)
        _ensure_room(path)
        connection.execute(f"PRAGMA auto_vacuum={INCREMENTAL}")
        connection.execute("PRAGMA temp_store=FILE")
        try:
            with _temporary_files_in(path.parent):
                connection.execute("VACUUM")
        except sqlite3.Error as error:
            raise CannotCompact(f"The database could not be written anew: {known_error(error) or error}") from error
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return time.monotonic() - began


def _free_pages(driver: Any) -> int:
    if driver.execute("PRAGMA auto_vacuum").fetchone()[0] != INCREMENTAL:
        return 0
    return int(driver.execute("PRAGMA freelist_count").fetchone()[0])


def _ensure_keeps_ids(connection: sqlite3.Connection) -> None:
    """A table of rows that has no room for a declared id may have its rows numbered anew."""
    for name, sql in connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name GLOB 't[0-9]*'"
    ):
        if re.fullmatch(r"t\d+", name) and "id INTEGER PRIMARY KEY" not in sql:
            raise CannotCompact(
                f"The table {name[1:]} has as many columns as SQLite allows, so its rows would not keep their numbers."
            )


def _ensure_room(path: Path) -> None:
    needed, free = path.stat().st_size * ROOM, shutil.disk_usage(path.parent).free
    if free < needed:
        raise CannotCompact(
            f"Writing the database anew needs {needed / 2**20:,.0f} MB of free disk; there are {free / 2**20:,.0f} MB."
        )


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """SQLite's own: elsewhere they may be in memory."""
    os.putenv("SQLITE_TMPDIR", str(folder))
    try:
        yield
    finally:
        os.unsetenv("SQLITE_TMPDIR")
