"""What a change of many rows would do, found out in the request: for a preview, and a moment before it is made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.extensions import config
from webapp.models import Table
from webapp.models.tables.action_limits import MAX_CELLS, MAX_CHARACTERS
from webapp.models.tables.judged_columns import judged_columns
from webapp.models.tables.large_change import AT_ONCE
from webapp.planners.bulk.operations import CellOperation, to_json
from webapp.planners.bulk.report import BulkReport
from webapp.planners.bulk.selection import selection_to_json
from webapp.planners.plan import PlanInput
from webapp.planners.registry import PLANNERS
from webapp.rowstore.entries import Entry
from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.reader import RowReader
from webapp.rowstore.table_ref import TableRef
from webapp.tables.selection import RowSelection
from webapp.web.row_reads import read_rows


@dataclass(frozen=True, slots=True)
class BulkPlan:
    """`is_whole`: of no more rows, cells and characters than are changed at once. Else `report` says how many rows have
    been looked at.
    """

    entries: Sequence[Entry]
    report: BulkReport
    is_whole: bool


def plan_arguments(
    table: Table, selection: RowSelection, operation: CellOperation | None, more: Mapping[str, Any]
) -> dict[str, Any]:
    """What the planners take, as JSON; `more` is of the form."""
    rules = {str(column.number): dict(column.rules) for column in table.columns if column.rules}
    judged = judged_columns(table.columns, operation.writes) if operation else {}
    return {
        "selection": selection_to_json(selection.rows),
        "rules": rules,
        "expected": table.row_count if selection.is_all else selection.chosen,
        **({"operation": to_json(operation)} if operation else {}),
        **judged,
        **more,
    }


async def plan_at_once(planner: str, table: TableRef, arguments: dict[str, Any]) -> BulkPlan:
    """Reads the rows as they are now. What takes too long to find counts as too many. Raises `UserError`, such as
    `TooSlow`.
    """
    try:
        return await read_rows(_planning(planner, table, arguments), config().query_timeout)
    except QueryTimeout:
        return BulkPlan([], BulkReport(), is_whole=False)


def _planning(planner: str, table: TableRef, arguments: dict[str, Any]) -> Callable[[RowReader], BulkPlan]:
    def plan(rows: RowReader) -> BulkPlan:
        looked_at = 0

        def note(done: int, total: int) -> None:
            nonlocal looked_at
            looked_at = done

        batches = PLANNERS[planner]()(PlanInput(table, arguments, rows, note))
        entries, characters, cells = list[Entry](), 0, 0
        while looked_at <= AT_ONCE and characters <= MAX_CHARACTERS and cells <= MAX_CELLS:
            try:
                made = next(batches)
            except StopIteration as end:
                return BulkPlan(entries, BulkReport.from_json(end.value), is_whole=looked_at <= AT_ONCE)
            entries += made
            characters += sum(len(entry.before or "") + len(entry.after or "") for entry in made)
            cells += sum(len(table.fields) if entry.before is None else 1 for entry in made)
        batches.close()
        return BulkPlan([], BulkReport(looked_at=looked_at), is_whole=False)

    return plan
