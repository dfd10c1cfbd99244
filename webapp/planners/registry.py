"""The planners by name. Names stay: a change may be planned by a newer version of the program.

Each is loaded when it is asked for: a child process loads one of them.
"""

from collections.abc import Callable

from webapp.planners.plan import Planner


def _undo() -> Planner:
    from webapp.planners.undo import plan_undo

    return plan_undo


def _restore() -> Planner:
    from webapp.planners.restore import plan_restore

    return plan_restore


def _import_update() -> Planner:
    from webapp.planners.import_update import plan_import_update

    return plan_import_update


def _bulk_cells() -> Planner:
    from webapp.planners.bulk.cells import plan_cells

    return plan_cells


def _bulk_deletion() -> Planner:
    from webapp.planners.bulk.rows import plan_deletion

    return plan_deletion


def _bulk_distinct() -> Planner:
    from webapp.planners.bulk.rows import plan_distinct

    return plan_distinct


def _bulk_copies() -> Planner:
    from webapp.planners.bulk.rows import plan_copies

    return plan_copies


PLANNERS: dict[str, Callable[[], Planner]] = {
    "undo": _undo,
    "restore": _restore,
    "import.update": _import_update,
    "bulk.cells": _bulk_cells,
    "bulk.deletion": _bulk_deletion,
    "bulk.distinct": _bulk_distinct,
    "bulk.copies": _bulk_copies,
}
