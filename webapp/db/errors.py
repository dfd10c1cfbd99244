"""What can go wrong below every feature, described for people. `web/errors.py` turns each into a response."""

import errno
import sqlite3
from typing import Final

# What the drivers of databases raise.
DRIVER_ERRORS: Final[tuple[type[Exception], ...]] = (sqlite3.Error,)
_BUSY = {"SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT", "SQLITE_BUSY_RECOVERY", "SQLITE_BUSY_TIMEOUT", "SQLITE_LOCKED"}
_FULL = {"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_TRUNCATE"}


class UserError(Exception):
    """An error that people should read: its message says what happened and what to do."""


class DatabaseBusy(UserError):
    """Another writer held the database longer than a write may wait. Trying again will most likely work."""

    def __init__(self) -> None:
        super().__init__("The database is busy with another write. Nothing was changed; please try again in a moment.")


class StorageFull(UserError):
    """The disk of the data folder is full (or a quota is reached)."""

    def __init__(self) -> None:
        super().__init__("The disk is full, so nothing can be saved. Free some space on the server, then try again.")


def known_error(error: BaseException) -> UserError | None:
    """What people should read about an error of the operating system or of a driver; None if it is a bug of ours."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull()
    name = getattr(error, "sqlite_errorname", "")
    if name in _BUSY:
        return DatabaseBusy()
    return StorageFull() if name in _FULL else None
