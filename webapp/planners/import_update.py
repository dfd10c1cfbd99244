"""The planner of a further file for a table: what its comparison has left in the import's folder."""

import json
from itertools import count
from pathlib import Path

from webapp.db.errors import UserError
from webapp.planners.plan import Plan, PlanInput
from webapp.planners.update_plan import Item, read_plan, which_clashes
from webapp.rowstore.entries import Entry


def plan_import_update(given: PlanInput) -> Plan:
    """`arguments`: the plan's `path`, the `answer` about what people edited and the numbers `taken` of those of which
    the file's is to be used. New rows are counted anew: some may be left out. New columns keep their numbers below 0.
    """
    arguments, new = given.arguments, count(1)
    try:
        for part in read_plan(Path(arguments["path"]), which_clashes(arguments["answer"], arguments["taken"])):
            yield [_entry(item, new) for item in part]
    except FileNotFoundError:
        raise UserError("What the file would change is no longer on the server. Upload it again.") from None
    return {}


def _entry(item: Item, new: "count[int]") -> Entry:
    row, column, before, after = item
    if column is None:
        before, after = (None if cells is None else json.dumps(cells, ensure_ascii=False) for cells in (before, after))
    return Entry(-next(new) if row < 0 else row, column, before, after)
