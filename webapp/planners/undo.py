"""The planner that takes a large set back: its entries with both sides exchanged, the last ones first."""

from webapp.planners.plan import Plan, PlanInput


def plan_undo(given: PlanInput) -> Plan:
    """`arguments`: the `seq` of the set."""
    seq = int(given.arguments["seq"])
    numbers = given.rows.set_parts(given.table.id, seq)
    for done, number in enumerate(reversed(numbers), 1):
        entries = given.rows.set_part(given.table.id, seq, number)
        yield [entry.reversed for entry in reversed(entries)]
        given.progress(done, len(numbers))
    return {}
