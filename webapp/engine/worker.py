"""The child process: `python -m webapp.engine.worker`, one request, one result. It loads no web framework.

It is polite, it stops when its lifeline, the standard input, ends, and it says what went wrong in words.
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

from webapp.data.problems import Problem
from webapp.data.sqlite_plain import problem as problem_of

# Pass 1 gives way to everybody. Who writes does not: a process that holds the write lock and is kept from running
# keeps all the others from writing.
NICENESS = {"inspect": 10}
REPORT_EVERY = 0.2  # seconds between two lines of progress


class Report:
    """Tells the parent how far we are, at most every `REPORT_EVERY` seconds."""

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
    # Rows are lists of texts, which go when they are no longer needed. The collector would look through them again and
    # again for cycles that are not there: a quarter of the time of pass 2.
    gc.disable()
    try:
        say({"result": VERBS[request["verb"]](request)})
    except FileNotFoundError:
        say({"problem": "The uploaded file is no longer on the server. Upload it again."})
    except Exception as error:  # whatever it is, the parent must hear of it
        known = error if isinstance(error, Problem) else problem_of(error)
        if known is None:
            traceback.print_exc()
        say({"problem": str(known)} if known else {"unexpected": repr(error)})
        return 1
    return 0


def _stop_with_the_parent() -> None:
    """Blocks until the parent closes its end or dies; then nobody wants a result: end, and every helper with us."""
    os.read(sys.stdin.fileno(), 1)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _inspect(request: dict[str, Any]) -> dict[str, Any]:
    from webapp.engine import inspecting
    from webapp.engine.importing import Folder, InspectRequest, write_whole

    wanted = InspectRequest.from_json(request)
    folder = Folder(wanted.folder)
    with folder.exclusive():
        found = inspecting.inspect(
            folder.original,
            wanted.filename,
            inspecting.Overrules.from_json(wanted.overrules),
            Report(),
            folder.rejected,
        )
        write_whole(folder.inspection, found.to_json())
    return {"rows": found.rows}


def _load(request: dict[str, Any]) -> dict[str, Any]:
    from webapp.engine.importing import Folder, LoadRequest
    from webapp.engine.loading import load

    wanted = LoadRequest.from_json(request)
    with Folder(wanted.folder).exclusive():
        return {"rows": load(wanted, Report())}


def _index(request: dict[str, Any]) -> dict[str, Any]:
    from webapp.data.sqlite_plain import connect
    from webapp.engine.importing import IndexRequest
    from webapp.engine.search import build_search_index

    wanted = IndexRequest.from_json(request)
    connection = connect(wanted.database)
    try:
        return {"is_built": build_search_index(connection, wanted.table_id, wanted.columns, progress=Report())}
    finally:
        connection.close()


VERBS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {"inspect": _inspect, "load": _load, "index": _index}

if __name__ == "__main__":
    sys.exit(main())
