"""The tasks by name. Each takes an id and can be repeated: how far it is stands in our own database (an import's state,
its cursor), not in the queue. Names stay: a task may still be pending when the server is updated.
"""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from webapp.jobs import (
    import_drafts,
    import_passes,
    import_updates,
    large_changes,
    mail,
    purging,
    search_indexes,
    type_changes,
)
from webapp.jobs.context import JobContext


@dataclass(frozen=True, slots=True)
class Task:
    run: Callable[[JobContext, str], Coroutine[Any, Any, None]]
    # What to do if it cannot be started. Without one, the schedule finds what is left undone (schedule.py).
    on_start_failure: Callable[[JobContext, str, Exception], Coroutine[Any, Any, None]] | None = None
    # Those of one line wait for each other's turn (`JobContext.turns`). Without one it starts at once, on the event
    # loop alone: a task that waits there costs no thread.
    line: str = ""
    # Called before it waits; returns the id of the person whose turn it uses. Without one, first come, first served.
    line_up: Callable[[JobContext, str], Awaitable[int]] | None = None


TASKS = {
    "inspect_import": Task(import_passes.inspect_import, import_passes.fail_import, "imports", import_passes.line_up),
    "load_import": Task(import_passes.load_import, import_passes.fail_import, "imports", import_passes.line_up),
    "draft_import": Task(import_drafts.draft_import),
    "compare_import": Task(import_updates.compare_import, import_passes.fail_import, "imports", import_passes.line_up),
    "discard_import": Task(import_passes.discard_import),
    "index_table": Task(search_indexes.index_table, line="indexes"),
    "change_type": Task(type_changes.change_type, line="types", line_up=type_changes.line_up),
    "change_rows": Task(large_changes.change_rows, large_changes.fail_change, "changes", large_changes.line_up),
    "purge_table": Task(purging.purge_table),
    "purge_deletions": Task(purging.purge_deletions),
    "send_mail": Task(mail.send_mail),  # the outbox is its queue
}
