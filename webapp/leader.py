"""The leader: the one server of a data folder. Two would both resume the same imports."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from webapp.db.errors import UserError
from webapp.db.folders import FILE_MODE, private_folder


class CannotLead(UserError):
    """Why this process is not the leader, in one line."""


@contextmanager
def leading(folder: Path) -> Iterator[None]:
    """Be the leader inside the `with` block. Raises `CannotLead` at once if another process is.

    By a record lock in the data folder: the operating system drops it however the process ends, and child processes do
    not inherit it.
    """
    try:
        file = os.open(private_folder(folder) / "server.lock", os.O_RDWR | os.O_CREAT, FILE_MODE)
    except OSError as error:
        raise CannotLead(f"The data folder {folder} cannot be used: {error.strerror}.") from error
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise CannotLead(
            f"Another Rowcast server is using {folder}. Stop it, or set ROWCAST_DATA_DIR to another folder."
        ) from None
    try:
        yield
    finally:
        os.close(file)
