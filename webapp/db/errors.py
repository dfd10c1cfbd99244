"""What can go wrong below every feature, described for people. `web/errors.py` turns each into a response."""

import errno
import sqlite3
from typing import Final

# What the drivers of databases raise.
DRIVER_ERRORS: Final[tuple[type[Exception], ...]] = (sqlite3.Error,)
_BUSY = {"SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT", "SQLITE_BUSY_RECOVERY", "SQLITE_BUSY_TIMEOUT", "SQLITE_LOCKED"}
_FULL = {"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_TRUNCATE"}

# Not SQLITE_READONLY alone: one of our readers has tried to write.
_READ_ONLY = ("SQLITE_READONLY_DIRECTORY", "SQLITE_CANTOPEN")


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


class StorageReadOnly(UserError):
    """The data folder cannot be written: its file system was made read-only, for example after an error of the disk."""

    def __init__(self) -> None:
        super().__init__(
            "The server's data folder is read-only now, so nothing can be saved. What is there can still be read."
            " Whoever runs the server can make it writable again; then try again."
        )


def known_error(error: BaseException) -> UserError | None:
    """What people should read about an error of the operating system or of a driver; None if it is a bug of ours."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull()
    if isinstance(error, OSError) and error.errno in (errno.EROFS, errno.EPERM):
        return StorageReadOnly()
    # SQLAlchemy's own errors, those of the queue of jobs too, have the driver's as their origin.
    name = getattr(getattr(error, "orig", None) or error, "sqlite_errorname", "")
    if name.startswith(_READ_ONLY):
        return StorageReadOnly()
    if name in _BUSY:
        return DatabaseBusy()
    return StorageFull() if name in _FULL else None
