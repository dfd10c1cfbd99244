"""The planners by name. Names stay: a change may be planned by a newer version of the program.

Each is loaded when it is asked for: a child process loads one of them.
"""

from collections.abc import Callable

from webapp.planners.plan import Planner


def _undo() -> Planner:
    from webapp.planners.undo import plan_undo

    return plan_undo


PLANNERS: dict[str, Callable[[], Planner]] = {
    "undo": _undo,
}
