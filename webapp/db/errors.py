"""What can go wrong below every feature, described for people. `web/errors.py` turns each into a response."""

import errno

_BUSY = {"SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT", "SQLITE_BUSY_RECOVERY", "SQLITE_BUSY_TIMEOUT", "SQLITE_LOCKED"}
_FULL = {"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_TRUNCATE"}

# What PostgreSQL calls these, or how the names of a class of them begin (errcodes-appendix of its manual).
_PG_CONFLICT = ("40001", "40P01")  # a serialization failure, a deadlock
_PG_BUSY = ("55P03",)  # a lock that was not to be had in time
_PG_FULL = ("53100",)
_PG_READ_ONLY = ("25006",)  # of the server; our readers never write
_PG_AWAY = ("08", "57P", "53300", "28", "3D000", "25P03")  # connections, shutdown, too many, refused, idle for too long

# Not SQLITE_READONLY alone: one of our readers has tried to write.
_READ_ONLY = ("SQLITE_READONLY_DIRECTORY", "SQLITE_CANTOPEN")


class UserError(Exception):
    """An error that people should read: its message says what happened and what to do."""


class DatabaseTrouble(UserError):
    """Something outside of us keeps the database from working; later the same may succeed."""


class DatabaseBusy(DatabaseTrouble):
    """Another writer held the database longer than a write may wait. Trying again will most likely work."""

    def __init__(self) -> None:
        super().__init__("The database is busy with another write. Nothing was changed; please try again in a moment.")


class Conflict(DatabaseBusy):
    """What a unit of work has read was changed by another one before it could commit. It can be run again at once."""


class DatabaseAway(DatabaseTrouble):
    """The server of the database does not answer, or does not let us in."""

    def __init__(self) -> None:
        super().__init__("The database cannot be reached at the moment. Nothing was changed; please try again soon.")


class CommitUncertain(DatabaseTrouble):
    """The connection broke off between the request to commit and its answer."""

    def __init__(self) -> None:
        super().__init__(
            "The connection to the database broke off while this was being saved. It may have been saved: look before"
            " you try again."
        )


class StorageFull(DatabaseTrouble):
    """The disk of the data folder is full (or a quota is reached)."""

    def __init__(self) -> None:
        super().__init__("The disk is full, so nothing can be saved. Free some space on the server, then try again.")


class StorageReadOnly(DatabaseTrouble):
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
    origin = getattr(error, "orig", None) or error
    return _of_sqlite(getattr(origin, "sqlite_errorname", "")) or _of_postgresql(origin)


def _of_sqlite(name: str) -> UserError | None:
    if name.startswith(_READ_ONLY):
        return StorageReadOnly()
    if name in _BUSY:
        return DatabaseBusy()
    return StorageFull() if name in _FULL else None


def _of_postgresql(error: BaseException) -> UserError | None:
    """By its names, because not every process has the driver. An error without a code is one of the connection."""
    if not hasattr(error, "sqlstate"):
        return None
    code: str | None = error.sqlstate
    if code is None:
        return DatabaseAway() if type(error).__name__ in ("OperationalError", "ConnectionTimeout") else None
    known: dict[type[UserError], tuple[str, ...]] = {
        Conflict: _PG_CONFLICT,
        DatabaseBusy: _PG_BUSY,
        StorageFull: _PG_FULL,
        StorageReadOnly: _PG_READ_ONLY,
        DatabaseAway: _PG_AWAY,
    }
    # Each of these takes no arguments, unlike others of its base.
    return next((kind() for kind, codes in known.items() if code.startswith(codes)), None)
