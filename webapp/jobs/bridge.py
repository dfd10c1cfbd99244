"""From DBOS's threads to the event loop: a workflow's work runs on the loop while its thread waits.

DBOS is a singleton per process, and so is this: a second app in the same process cannot have jobs at the same time.
"""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future

Submit = Callable[[str, str], "Future[None]"]


class Interrupted(BaseException):
    """Not an error: the server is stopping, and the next one resumes the workflow."""


class Bridge:
    def __init__(self) -> None:
        self._submit: Submit | None = None
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        return self._submit is not None

    def open(self, submit: Submit) -> None:
        """`submit` hands a workflow's work to the event loop."""
        with self._lock:
            if self._submit is not None:
                raise RuntimeError("Jobs already run for another app of this process")
            self._submit = submit

    def close(self) -> None:
        self._submit = None

    def perform(self, name: str, subject: str) -> None:
        """The body of every workflow: its pass runs on the event loop, and this thread waits for it."""
        submit = self._submit
        if submit is None:
            raise Interrupted
        try:
            submit(name, subject).result()
        except CancelledError as error:
            raise Interrupted from error


bridge = Bridge()
