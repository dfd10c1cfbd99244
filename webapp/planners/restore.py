"""The planner that brings back the rows which a large set has deleted, and nothing else of that set."""

from webapp.planners.plan import Plan, PlanInput
from webapp.rowstore.table_ref import TableRef


def plan_restore(given: PlanInput) -> Plan:
    """`arguments`: the `seq` of the set. Rows that are back, or were back and are in the trash because of a
    later set, are left out."""
    seq, table_id = int(given.arguments["seq"]), given.table.id
    numbers = given.rows.set_parts(table_id, seq)
    for done, number in enumerate(reversed(numbers), 1):
        entries = given.rows.set_part(table_id, seq, number)
        deleted = [entry for entry in reversed(entries) if entry.is_row and entry.after is None]
        ids = [entry.place[0] for entry in deleted]
        back = given.rows.cells(TableRef(table_id, ()), ids, ()).keys() if ids else set[int]()
        back |= given.rows.latest_deletions(table_id, seq, ids).keys()
        yield [entry.reversed for entry in deleted if entry.row_id not in back]
        given.progress(done, len(numbers))
    return {}
