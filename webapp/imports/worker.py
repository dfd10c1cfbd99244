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
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from webapp.db.errors import UserError, known_error

# Pass 1 yields to everybody. Writers do not: a process that holds the write lock but gets no CPU time keeps everybody
# else from writing.
NICENESS = {"inspect": 10, "compare": 10, "survey": 5}
REPORT_SECONDS = 0.2  # between progress lines
_OF_FILE = "This file needs more memory to read than a file may have here. Import it in parts."
OUT_OF_MEMORY = dict.fromkeys(("inspect", "load", "draft", "compare"), _OF_FILE)
OUT_OF_MEMORY_OF_TABLE = "This needs more memory than a change of a table may have here. Change fewer rows at a time."


class ProgressReporter:
    """Reports progress to the parent, at most every `REPORT_SECONDS`."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, bytes_read: int, rows: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + REPORT_SECONDS
            send({"progress": {"bytes": bytes_read, "rows": rows}})


def send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main() -> int:
    request: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    verb = request.pop("verb")
    threading.Thread(target=_stop_with_the_parent, name="lifeline", daemon=True).start()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    os.nice(NICENESS.get(verb, 0))
    # Rows are lists of strings, freed by reference counting. The garbage collector would scan them for cycles that do
    # not exist, which took a quarter of pass 2.
    gc.disable()
    try:
        send({"result": VERBS[verb](request)})
    except FileNotFoundError:
        send({"problem": "The uploaded file is no longer on the server. Upload it again."})
    except MemoryError:
        send({"problem": OUT_OF_MEMORY.get(verb, OUT_OF_MEMORY_OF_TABLE)})
        return 1
    except Exception as error:  # the parent must learn of any failure
        known = error if isinstance(error, UserError) else known_error(error)
        if known is None:
            traceback.print_exc()
        send({"problem": str(known)} if known else {"unexpected": repr(error)})
        return 1
    return 0


def _stop_with_the_parent() -> None:
    """Blocks until the parent closes its end or dies; nobody wants a result then, so end with all helpers."""
    os.read(sys.stdin.fileno(), 1)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


COMPARED_ROWS = 2_000  # of a table in a second of processor time, at least


def _limit(folder: str, rows: int = 0) -> None:
    """A pass has processor time that fits its file, and the rows of the table that it is compared with, then it gives
    its slot back; and the same memory for any file.
    """
    from webapp.formats import archive, process
    from webapp.imports.requests import ImportFolder

    process.limit_memory(process.MAX_MEMORY)
    seconds = process.cpu_seconds(archive.unpacked_size(ImportFolder(Path(folder)).original))
    process.limit_cpu(seconds + rows // COMPARED_ROWS)


def _inspect(request: dict[str, Any]) -> dict[str, Any]:
    from webapp.imports.inspect_file import inspect_file
    from webapp.imports.report import ImportOverrides
    from webapp.imports.requests import ImportFolder, InspectRequest, write_json

    inspect = InspectRequest(**request)
    _limit(inspect.folder)
    folder, overrides = ImportFolder(Path(inspect.folder)), ImportOverrides.from_json(inspect.overrides)
    with folder.exclusive():
        report = inspect_file(
            folder.original,
            inspect.filename,
            overrides,
            ProgressReporter(),
            folder.rejected,
            max_columns=inspect.max_columns,
            on_guess=(lambda guess: send({"guess": guess.to_json()})) if inspect.guesses else None,
        )
        write_json(folder.inspection, report.to_json())
    return {"rows": report.rows}


def _load(request: dict[str, Any]) -> dict[str, Any]:
    from webapp.imports.load import load
    from webapp.imports.requests import ImportFolder, LoadRequest
    from webapp.rowstore.table_ref import TableRef

    _limit(request["folder"])
    with ImportFolder(Path(request["folder"])).exclusive():
        table = TableRef.from_json(request["table"])
        return {"rows": load(LoadRequest(**request | {"table": table}), ProgressReporter())}


def _draft(request: dict[str, Any]) -> dict[str, Any]:
    from webapp.imports.load import load_draft
    from webapp.imports.requests import DraftRequest, ImportFolder
    from webapp.rowstore.table_ref import TableRef

    _limit(request["folder"])
    with ImportFolder(Path(request["folder"])).exclusive("draft-lock"):
        table = TableRef.from_json(request["table"])
        return {"rows": load_draft(DraftRequest(**request | {"table": table}), ProgressReporter())}


def _compare(request: dict[str, Any]) -> dict[str, Any]:
    from webapp.imports.compare import compare
    from webapp.imports.requests import CompareRequest, ImportFolder, write_json
    from webapp.rowstore.table_ref import Field, TableRef

    _limit(request["folder"], request["rows"])
    folder = ImportFolder(Path(request["folder"]))
    request["table"] = TableRef.from_json(request["table"])
    request["columns"] = [Field(**column) for column in request["columns"]]
    request["mark"] = Field(**request["mark"]) if request["mark"] else None
    with folder.exclusive():
        report = compare(CompareRequest(**request), ProgressReporter())
        write_json(folder.comparison, report.to_json())
    return {"rows": report.rows}


def _index(request: dict[str, Any]) -> dict[str, Any]:
    from webapp.rowstore import open_loader
    from webapp.rowstore.loader import IndexWithdrawn
    from webapp.rowstore.table_ref import TableRef

    try:
        with open_loader(request["address"]) as loader:
            is_built = loader.index_search(TableRef.from_json(request["table"]), ProgressReporter())
    except IndexWithdrawn:
        return {"is_built": False, "is_withdrawn": True}
    return {"is_built": is_built, "is_withdrawn": False}


def _survey(request: dict[str, Any]) -> dict[str, Any]:
    from webapp.formats import process
    from webapp.imports.type_options import find_options, to_json
    from webapp.rowstore import open_reader
    from webapp.rowstore.table_ref import Field, TableRef

    process.limit_memory(process.MAX_MEMORY)
    with open_reader(request["address"]) as rows:
        options = find_options(rows, TableRef.from_json(request["table"]), Field(**request["column"]))
    return {"options": to_json(options)}


def _convert(request: dict[str, Any]) -> dict[str, Any]:
    from dataclasses import asdict

    from webapp.formats import process
    from webapp.rowstore import open_loader
    from webapp.rowstore.loader import ConversionWithdrawn
    from webapp.rowstore.table_ref import Field, TableRef

    process.limit_memory(process.MAX_MEMORY)
    table, source, target = TableRef.from_json(request["table"]), Field(**request["source"]), Field(**request["target"])
    place = request["change_id"], request["last_row"]
    try:
        with open_loader(request["address"]) as loader:
            comparison = loader.convert(table, source, target, *place, ProgressReporter())
    except ConversionWithdrawn:
        return {"is_withdrawn": True}
    return {"is_withdrawn": False, "comparison": asdict(comparison)}


def _plan(request: dict[str, Any]) -> dict[str, Any]:
    from webapp.formats import process
    from webapp.imports.requests import ImportFolder
    from webapp.planners.plan import PlanInput
    from webapp.planners.registry import PLANNERS
    from webapp.rowstore import open_loader, open_reader
    from webapp.rowstore.loader import ChangeWithdrawn
    from webapp.rowstore.table_ref import TableRef

    process.limit_memory(process.MAX_MEMORY)
    progress = ProgressReporter()
    path = request["arguments"].get("path")  # in an import's folder: the command line and a server may both be at it
    try:
        with (
            ImportFolder(Path(path).parent).exclusive() if path else nullcontext(),
            open_loader(request["address"]) as loader,
            open_reader(request["address"]) as rows,
        ):
            given = PlanInput(TableRef.from_json(request["table"]), request["arguments"], rows, progress)
            loader.write_plan(request["change_id"], PLANNERS[request["planner"]]()(given), lambda done, of: None)
    except ChangeWithdrawn:
        return {"is_withdrawn": True}
    return {"is_withdrawn": False}


def _apply(request: dict[str, Any]) -> dict[str, Any]:
    return _carry_out(request, "apply_change")


def _revert(request: dict[str, Any]) -> dict[str, Any]:
    return _carry_out(request, "revert_change")


def _carry_out(request: dict[str, Any], what: str) -> dict[str, Any]:
    from operator import methodcaller

    from webapp.formats import process
    from webapp.rowstore import open_loader
    from webapp.rowstore.loader import ChangeWithdrawn

    process.limit_memory(process.MAX_MEMORY)
    try:
        with open_loader(request["address"]) as loader:
            methodcaller(what, request["change_id"], ProgressReporter())(loader)
    except ChangeWithdrawn:
        return {"is_withdrawn": True}
    return {"is_withdrawn": False}


VERBS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "inspect": _inspect,
    "load": _load,
    "draft": _draft,
    "compare": _compare,
    "index": _index,
    "survey": _survey,
    "convert": _convert,
    "plan": _plan,
    "apply": _apply,
    "revert": _revert,
}

if __name__ == "__main__":
    sys.exit(main())
