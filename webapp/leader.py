"""The leader: the one server of a data folder. Two would both resume the same imports."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from webapp.db.errors import UserError
from webapp.db.folders import FILE_MODE, private_folder


class CannotLead(UserError):
    """Why this process is not the leader, in one line."""


class Leader(Protocol):
    def leading(self) -> AbstractContextManager[None]:
        """Be the leader inside the `with` block. Raises `CannotLead` at once if another process is."""
        ...


class FileLeader:
    """By a record lock in the data folder: the operating system drops it however the process ends, and child processes
    do not inherit it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def leading(self) -> Iterator[None]:
        try:
            file = os.open(private_folder(self._folder) / "server.lock", os.O_RDWR | os.O_CREAT, FILE_MODE)
        except OSError as error:
            raise CannotLead(f"The data folder {self._folder} cannot be used: {error.strerror}.") from error
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            raise CannotLead(
                f"Another Rowcast server is using {self._folder}. Stop it, or set ROWCAST_DATA_DIR to another folder."
            ) from None
        try:
            yield
        finally:
            os.close(file)
