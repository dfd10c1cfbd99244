"""The child process of a pass, which waits once it has reached the number of rows in a file, until the file is gone.
After the number the file may name the verbs that wait, `inspect` or `load`. `python -m tests.jobs.held_worker FILE`.
"""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from webapp.imports import worker

HOLD = Path(sys.argv[1])
verb = ""


class HeldReporter(worker.ProgressReporter):
    """Called between batches: what it reports is saved, and nothing is locked."""

    def __call__(self, bytes_read: int, rows: int) -> None:
        super().__call__(bytes_read, rows)
        while is_held(rows):
            time.sleep(0.01)


def is_held(rows: int) -> bool:
    with suppress(FileNotFoundError):
        enough, *verbs = HOLD.read_text().split() or ["0"]
        return rows >= int(enough) and (not verbs or verb in verbs)
    return False


def noting(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The work of the verb, which `is_held` then knows."""
    work = worker.VERBS[name]

    def noted(request: dict[str, Any]) -> dict[str, Any]:
        global verb
        verb = name
        return work(request)

    return noted


if __name__ == "__main__":
    worker.ProgressReporter = HeldReporter  # type: ignore[misc]
    worker.VERBS.update({name: noting(name) for name in worker.VERBS})
    sys.exit(worker.main())
