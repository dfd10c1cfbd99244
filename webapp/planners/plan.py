"""How a planner is plugged in: a function that is given a `PlanInput` and yields entries.

    def plan_upper(given: PlanInput) -> Plan:
        number, changed = given.arguments["column"], 0
        field = next(field for field in given.table.fields if field.number == number)
        for batch in given.rows.batches(given.table, TableQuery.of(given.table.fields), [field]):
            made = [Entry(row.id, number, row.cells[0], row.cells[0].upper()) for row in batch]
            made = [entry for entry in made if entry.before != entry.after]
            changed += len(made)
            yield made
        return {"changed": changed}

It gets a name in `registry.py`. The verb of the feature begins a large change with that name and with arguments that
are JSON (`webapp.models.tables.large_changing.begin`); the child process (`webapp.imports.worker`, verb "plan") calls
the function, cuts what it yields into parts and stores them. What it returns is JSON, too, and small (counts, samples,
the first refusals): it becomes `LargeChange.report`.

Rules for what is yielded:

* A cell is `Entry(row, column, before, after)`: the exact texts, as `RowReader` returns them. `after` is what the cell
  will hold, so it has been made fit for its column (`webapp.rowstore.cell_input` for what people typed); a column that
  has no value for it will keep the text.
* A row that goes is `Entry(row, None, cells_to_json(cells), None)`, with its cells in all `table.stored` columns.
* A new row is `Entry(-1, None, None, cells_to_json(cells))`, the next one -2, and so on: they get their ids when the
  change is applied. A row that comes back keeps its own id.
* A new column (`Planned.new_columns`) has a number below 0 in cells and rows, and its real one once the change is
  applied: it is not among the table's before.
* No row and no cell occurs twice, a row that goes has no cells of its own besides; entries of one row follow each
  other. Yield some hundreds at a time, in the order of the rows if that is no trouble.
* Nothing is remembered between batches: a million rows must not take more memory than a thousand.

Nothing is changed while it runs, and others go on changing the table: `before` is compared again when the entry is
made, and what differs then is left as it is and listed. A planner that is killed is run again from the beginning.
A `UserError` ends the change as failed, with its text.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.rowstore.entries import Entry
from webapp.rowstore.loader import Progress
from webapp.rowstore.reader import RowReader
from webapp.rowstore.table_ref import TableRef

Plan = Generator[Sequence[Entry], None, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class PlanInput:
    """`table` has the deleted columns too (`kept`); `rows` reads it as it is while the planner runs. `progress` takes
    how much has been looked at and of how much, in any unit, and may be called as often as one likes.
    """

    table: TableRef
    arguments: dict[str, Any]
    rows: RowReader
    progress: Progress


Planner = Callable[[PlanInput], Plan]
