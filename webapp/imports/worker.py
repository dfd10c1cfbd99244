"""The child process: `python -m webapp.imports.worker`, one request, one result. It loads no web framework.

It yields to others, stops when its lifeline, standard input, closes, and reports failures in readable words.
"""

import gc
import json
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from webapp.db.errors import UserError, known_error

# Pass 1 yields to everybody. Writers do not: a process that holds the write lock but gets no CPU time keeps everybody
# else from writing.
NICENESS = {"inspect": 10}
REPORT_EVERY = 0.2  # seconds between progress lines


class Report:
    """Reports progress to the parent, at most every `REPORT_EVERY` seconds."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, bytes_read: int, rows: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + REPORT_EVERY
            say({"progress": {"bytes": bytes_read, "rows": rows}})


def say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main() -> int:
    request: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_stop_with_the_parent, name="lifeline", daemon=True).start()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    os.nice(NICENESS.get(request["verb"], 0))
    # Rows are lists of strings, freed by reference counting. The garbage collector would scan them for cycles that do
    # not exist, which took a quarter of pass 2.
    gc.disable()
    try:
        say({"result": VERBS[request["verb"]](request)})
    except FileNotFoundError:
        say({"problem": "The uploaded file is no longer on the server. Upload it again."})
    except Exception as error:  # the parent must learn of any failure
        known = error if isinstance(error, UserError) else known_error(error)
        if known is None:
            traceback.print_exc()
        say({"problem": str(known)} if known else {"unexpected": repr(error)})
        return 1
    return 0


def _stop_with_the_parent() -> None:
    """Blocks until the parent closes its end or dies; nobody wants a result then, so end with all helpers."""
    os.read(sys.stdin.fileno(), 1)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _inspect(request: dict[str, Any]) -> dict[str, Any]:
    from webapp.imports import inspect_file
    from webapp.imports.requests import Folder, InspectRequest, write_whole

    wanted = InspectRequest.from_json(request)
    folder = Folder(wanted.folder)
    with folder.exclusive():
        found = inspect_file.inspect_file(
            folder.original,
            wanted.filename,
            inspect_file.ImportOverrides.from_json(wanted.overrules),
            Report(),
            folder.rejected,
            max_columns=wanted.max_columns,
        )
        write_whole(folder.inspection, found.to_json())
    return {"rows": found.rows}


def _load(request: dict[str, Any]) -> dict[str, Any]:
    from webapp.imports.load import load
    from webapp.imports.requests import Folder, LoadRequest

    wanted = LoadRequest.from_json(request)
    with Folder(wanted.folder).exclusive():
        return {"rows": load(wanted, Report())}


def _index(request: dict[str, Any]) -> dict[str, Any]:
    from webapp.imports.requests import IndexRequest
    from webapp.rowstore import open_loader

    wanted = IndexRequest.from_json(request)
    with open_loader(wanted.address) as loader:
        return {"is_built": loader.index_search(wanted.table, Report())}


VERBS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {"inspect": _inspect, "load": _load, "index": _index}

if __name__ == "__main__":
    sys.exit(main())
