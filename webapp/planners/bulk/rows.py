"""The planners of changes of whole rows: deleting those of a query, or those that repeat another one, and copying some
behind the last.
"""

from collections.abc import Sequence

from webapp.planners.bulk.cells import find_fields
from webapp.planners.bulk.report import BulkReport, shorten
from webapp.planners.bulk.selection import selection_from_json
from webapp.planners.plan import Plan, PlanInput
from webapp.rowstore.column_rules import ColumnRules
from webapp.rowstore.entries import Entry, cells_to_json
from webapp.rowstore.query import merge_ranges
from webapp.rowstore.values import StoredRow

MAX_SAMPLE_ROWS = 5


def plan_deletion(given: PlanInput) -> Plan:
    """`arguments`: the `selection`, and about how many rows are `expected`."""
    report = BulkReport()
    query = selection_from_json(given.arguments["selection"], given.table.fields)
    for batch in given.rows.batches(given.table, query, given.table.stored):
        yield _deleted(given, batch, report)
    return report.to_json()


def plan_distinct(given: PlanInput) -> Plan:
    """The same, with the numbers of the `columns` whose texts are compared, and which row to `keep`
    (`RowReader.repeated_rows`).
    """
    report = BulkReport()
    query = selection_from_json(given.arguments["selection"], given.table.fields)
    keys = find_fields(given.table, given.arguments["columns"])
    stored = given.table.stored
    for ids in given.rows.repeated_rows(given.table, query, keys, given.arguments["keep"]):
        some = query.only_rows(merge_ranges((row_id, row_id) for row_id in ids))
        for batch in given.rows.batches(given.table, some, stored):  # fewer at once if their texts are long
            yield _deleted(given, batch, report)
    return report.to_json()


def _deleted(given: PlanInput, rows: Sequence[StoredRow], report: BulkReport) -> list[Entry]:
    numbers, entries = [field.number for field in given.table.stored], list[Entry]()
    shown = {field.number for field in given.table.fields}
    report.looked_at += len(rows)
    for row in rows:
        cells = dict(zip(numbers, row.cells, strict=True))
        report.note_row(row.id)
        if len(report.samples) < MAX_SAMPLE_ROWS:
            beginning = _beginning({number: text for number, text in cells.items() if number in shown})
            report.samples.append([row.id, None, beginning, None])
        entries.append(Entry(row.id, None, cells_to_json(cells), None))
    given.progress(report.looked_at, max(report.looked_at, given.arguments.get("expected", 0)))
    return entries


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
