"""The planners of changes of whole rows: deleting the rows of a query, and copying them behind the last."""

from webapp.planners.bulk.report import BulkReport, shorten
from webapp.planners.bulk.selection import selection_from_json
from webapp.planners.plan import Plan, PlanInput
from webapp.rowstore.column_rules import ColumnRules
from webapp.rowstore.entries import Entry, cells_to_json

MAX_SAMPLE_ROWS = 5


def plan_deletion(given: PlanInput) -> Plan:
    """`arguments`: the `selection`, and about how many rows are `expected`."""
    stored, report = given.table.stored, BulkReport()
    query = selection_from_json(given.arguments["selection"], given.table.fields)
    numbers = [field.number for field in stored]
    for batch in given.rows.batches(given.table, query, stored):
        report.looked_at += len(batch)
        for row in batch:
            report.note_row(row.id)
            if len(report.samples) < MAX_SAMPLE_ROWS:
                report.samples.append([row.id, None, _beginning(dict(zip(numbers, row.cells, strict=True))), None])
        yield [Entry(row.id, None, cells_to_json(dict(zip(numbers, row.cells, strict=True))), None) for row in batch]
        given.progress(report.looked_at, max(report.looked_at, given.arguments.get("expected", 0)))
    return report.to_json()


def plan_copies(given: PlanInput) -> Plan:
    """The same, with the `rules` of columns by number: texts that no two rows may have are not copied."""
    fields, report = given.table.fields, BulkReport()
    query = selection_from_json(given.arguments["selection"], fields)
    rules = {int(number): ColumnRules.from_json(one) for number, one in given.arguments.get("rules", {}).items()}
    emptied = {field.number: field.empty_text for field in fields if (one := rules.get(field.number)) and one.unique}
    numbers, copies = [field.number for field in fields], 0
    for batch in given.rows.batches(given.table, query, fields):
        report.looked_at += len(batch)
        made = list[Entry]()
        for row in batch:
            copies += 1
            cells = dict(zip(numbers, row.cells, strict=True)) | emptied
            report.note_row(row.id)
            if len(report.samples) < MAX_SAMPLE_ROWS:
                report.samples.append([row.id, None, None, _beginning(cells)])
            made.append(Entry(-copies, None, None, cells_to_json(cells)))
        yield made
        given.progress(report.looked_at, max(report.looked_at, given.arguments.get("expected", 0)))
    return report.to_json()


def _beginning(cells: dict[int, str]) -> str:
    """As much of a row as a sample shows."""
    filled = [(number, shorten(text)) for number, text in cells.items() if text][:30]
    return cells_to_json(dict(filled))
