"""The tasks by name. Each takes an id and can be repeated: how far it is stands in our own database (an import's state,
its cursor), not in the queue. Names stay: a task may still be pending when the server is updated.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from webapp.jobs import import_passes, mail
from webapp.jobs.context import JobContext


@dataclass(frozen=True, slots=True)
class Task:
    run: Callable[[JobContext, str], Coroutine[Any, Any, None]]
    # What to do if it cannot be started. Without one, the schedule finds what is left undone (schedule.py).
    on_start_failure: Callable[[JobContext, str, Exception], Coroutine[Any, Any, None]] | None = None
    is_durable: bool = True


TASKS = {
    "inspect_import": Task(import_passes.inspect_import, import_passes.fail_import),
    "load_import": Task(import_passes.load_import, import_passes.fail_import),
    "discard_import": Task(import_passes.discard_import, is_durable=False),
    "index_table": Task(import_passes.index_table),
    "send_mail": Task(mail.send_mail),
}
