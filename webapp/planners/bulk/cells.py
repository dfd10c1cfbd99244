"""The planner of changes of cells: an operation, done to the rows of a query, batch by batch."""

from collections.abc import Iterator, Sequence
from typing import Any

from webapp.db.errors import UserError
from webapp.planners.bulk.fitting import Fitting, NewText, Refused
from webapp.planners.bulk.operations import CellOperation, OperationRefused, Replace, from_json
from webapp.planners.bulk.replacing import TooSlow
from webapp.planners.bulk.report import BulkReport
from webapp.planners.bulk.selection import selection_from_json
from webapp.planners.plan import Plan, PlanInput
from webapp.rowstore.column_rules import ColumnRules
from webapp.rowstore.entries import Entry
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import StoredRow

JOB_SECONDS = 600.0  # for an expression in all texts
MAX_CHARACTERS = 1_000_000  # of new texts that are in memory at once, about


def plan_cells(given: PlanInput) -> Plan:
    """`arguments`: the `operation`, the `selection`, the `rules` of columns by number, and about how many rows are
    `expected`; with `is_job` an expression has more time. Raises `UserError` where a column is gone, and `TooSlow`.
    """
    operation = from_json(given.arguments["operation"])
    if isinstance(operation, Replace) and given.arguments.get("is_job"):
        operation.limit.seconds = JOB_SECONDS
    fields = find_fields(given.table, [number for number in (*operation.reads, *operation.writes) if number > 0])
    query = selection_from_json(given.arguments["selection"], given.table.fields)
    new = new_fields(operation)
    known = TableRef(given.table.id, (*given.table.fields, *new), given.table.kept)
    fitting = Fitting(given.rows, known, _rules(given.arguments), operation.keeps_text)
    report = BulkReport()
    for batch in given.rows.batches(given.table, query, fields):
        report.looked_at += len(batch)
        for wanted in _wanted(operation, fields, batch, report):
            yield list(_fitted(wanted, fitting, report))
        given.progress(report.looked_at, max(report.looked_at, given.arguments.get("expected", 0)))
    return report.to_json()


def new_fields(operation: CellOperation) -> list[Field]:
    """The columns that the operation writes into and that are to be added: their numbers are below zero."""
    return [Field(number, "", "text", {}) for number in operation.writes if number < 0]


def find_fields(table: TableRef, numbers: Sequence[int]) -> list[Field]:
    """Raises `OperationRefused` if one is gone."""
    known = {field.number: field for field in table.fields}
    wanted = list(dict.fromkeys(numbers))
    if not set(wanted) <= known.keys():
        raise OperationRefused("A column that this is about is not there any more. Choose again.")
    return [known[number] for number in wanted]


def _rules(arguments: dict[str, Any]) -> dict[int, ColumnRules]:
    return {int(number): ColumnRules.from_json(rules) for number, rules in arguments.get("rules", {}).items()}


def _wanted(
    operation: CellOperation, fields: Sequence[Field], batch: Sequence[StoredRow], report: BulkReport
) -> Iterator[list[NewText]]:
    """What the operation wants, a part at a time: it may make long texts of short ones."""
    wanted, characters = list[NewText](), 0
    for row in batch:
        exact = dict(zip((field.number for field in fields), row.cells, strict=True))
        shown = {field.number: shown_text(field, exact[field.number]) for field in fields}
        for number in operation.writes:
            if number < 0:
                exact[number] = shown[number] = ""
        try:
            texts = operation.apply(shown)
        except TooSlow:
            raise
        except UserError as error:
            number = operation.writes[0]
            report.note_refusal(Refused(NewText(row.id, number, exact[number], shown[number]), str(error), False))
            continue
        # What an operation leaves as it is is not judged: it may be older than the column's rules.
        made = [NewText(row.id, number, exact[number], text) for number, text in texts.items() if text != shown[number]]
        wanted += made
        characters += sum(len(new.text) for new in made)
        if characters > MAX_CHARACTERS:
            yield wanted
            wanted, characters = [], 0
    yield wanted


def _fitted(wanted: Sequence[NewText], fitting: Fitting, report: BulkReport) -> Iterator[Entry]:
    for outcome in fitting.fit(wanted):
        if isinstance(outcome, Refused):
            report.note_refusal(outcome)
        else:
            report.note_cell(outcome)
            yield outcome


def shown_text(field: Field, text: str) -> str:
    """As people see it: an empty cell is "", whatever the column writes there."""
    return "" if text == field.empty_text else text
