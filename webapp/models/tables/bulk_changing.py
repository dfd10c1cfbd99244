"""One decision about many rows. At most `AT_ONCE` are changed at once: what a plan says, as one change set.

The plan is made a moment before (`webapp.planners.bulk`), from the rows as they are then. Each cell and each row is
compared with what the plan saw: what somebody has changed in between is left as it is and counted. More rows are a
large change, whose plan waits for a decision.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.policy import Actor
from webapp.models.tables.action_limits import ensure_few, ensure_short
from webapp.models.tables.change_log import publish_change, record
from webapp.models.tables.change_set import Entry, Kind, Via, cells_from_json
from webapp.models.tables.column_sheet import ColumnSheet
from webapp.models.tables.editing import with_deleted_columns
from webapp.models.tables.large_change import LargeChange, LargeState
from webapp.models.tables.large_changing import Planned, begin
from webapp.models.tables.large_columns import NewColumn, add_columns
from webapp.models.tables.large_steps import give_up
from webapp.models.tables.sheet import CellEdit, Sheet, editable
from webapp.rowstore import row_writer
from webapp.rowstore.table_ref import Field

MAX_PLANS = 10  # of a person that wait for a decision


@dataclass(frozen=True, slots=True)
class AddedColumns:
    """Columns of texts that are added `behind` another one, with these titles or, where they are taken, with a number
    behind them.
    """

    titles: Sequence[str]
    behind: int

    @property
    def planned(self) -> list[NewColumn]:
        """As a plan calls them: -1, -2 and so on."""
        places = [self.behind, *range(-1, -len(self.titles), -1)]
        return [
            NewColumn(-number, title, behind=behind)
            for number, (title, behind) in enumerate(zip(self.titles, places, strict=True), 1)
        ]


@dataclass(frozen=True, slots=True)
class BulkResult:
    """`seq` is the change set, None if nothing changed; `left`: cells, or rows, that somebody changed in between."""

    seq: int | None
    rows: int
    cells: int
    left: int
    refused: int = 0


async def change_cells_at_once(
    work: UnitOfWork,
    actor: Actor,
    table_id: int,
    entries: Sequence[Entry],
    *,
    keeps_text: bool = False,
    added: AddedColumns | None = None,
    via: Via = Via.PAGE,
) -> BulkResult:
    """Make the cells of `entries` what these say. Rules and types are those of now: what does not fit any more is
    refused and counted. Cells of columns that are to be `added` have the numbers -1, -2 and so on.

    Raises `NotFound`, `NotAllowed`, `TableNotReady`, `TooManyCells`, `TooMuchText`, and `UserError` if the table has no
    room for the columns.
    """
    ensure_few(len(entries))
    ensure_short(sum(len(entry.before or "") + len(entry.after or "") for entry in entries))
    edits = [CellEdit(*entry.place, entry.before or "", entry.after or "", keeps_text) for entry in entries]

    def run(connection: Connection) -> tuple[BulkResult, bool]:
        sheet = Sheet(connection, editable(connection, actor, table_id))
        if added is None:
            return _change_cells(sheet, actor, edits, via), False
        columns = ColumnSheet(connection, sheet.table)
        numbers = _add_columns(columns, sheet, added)
        moved = [replace(edit, column=numbers.get(edit.column, edit.column)) for edit in edits]
        return _change_cells(sheet, actor, moved, via, columns.entries), columns.index_again

    result, index_again = await work.run(run)
    if index_again:
        work.enqueue("index_table", str(table_id))
    return _follow(work, table_id, result)


async def delete_rows_at_once(
    work: UnitOfWork, actor: Actor, table_id: int, entries: Sequence[Entry], via: Via = Via.PAGE
) -> BulkResult:
    """Delete the rows of `entries`, if they still have these cells. Raises the same."""
    ensure_few(len(entries))
    ensure_short(sum(len(entry.before or "") for entry in entries))
    result = await work.run(lambda connection: _delete_rows(connection, actor, table_id, entries, via))
    return _follow(work, table_id, result)


async def add_rows_at_once(
    work: UnitOfWork, actor: Actor, table_id: int, entries: Sequence[Entry], via: Via = Via.PAGE
) -> BulkResult:
    """Add the rows of `entries` behind the last, in columns that are there. Raises the same."""
    rows = [cells_from_json(entry.after or "{}") for entry in entries]
    ensure_few(sum(map(len, rows)))
    ensure_short(sum(len(entry.after or "") for entry in entries))
    result = await work.run(lambda connection: _add_rows(connection, actor, table_id, rows, via))
    return _follow(work, table_id, result)


async def plan_large(work: UnitOfWork, actor: Actor, table_id: int, planned: Planned) -> LargeChange:
    """Work out in the background what would change. Earlier plans of this person for the table that nobody has decided
    about are given up: whoever looks at another one has not taken those. So are the oldest of more than `MAX_PLANS` for
    any tables, each of which may take as much room as its table. Raises as `begin` does.
    """
    change = await begin(work, actor, table_id, planned, is_decided=False)
    undecided = select(LargeChange).where(
        LargeChange.user_id == actor.id,
        LargeChange.id != change.id,
        LargeChange.is_decided.is_(False),
        LargeChange.state.in_((LargeState.PLANNING, LargeState.READY)),
    )
    kept = 1
    for other in (await work.session.scalars(undecided.order_by(LargeChange.id.desc()))).all():
        is_same = (other.table_id, other.planner) == (table_id, planned.planner)
        if is_same or kept == MAX_PLANS:
            give_up(work, other, None)
        else:
            kept += 1
    return change


def _add_columns(columns: ColumnSheet, sheet: Sheet, added: AddedColumns) -> dict[int, int]:
    """Columns of texts, which the sheet knows too; raises `NotFound` if the one before them is gone."""
    columns.find(added.behind)
    numbers = {one.planned: one.number for one in add_columns(columns, added.planned) if one.number is not None}
    sheet.fields |= {number: Field.of(columns.columns[number]) for number in numbers.values()}
    return numbers


def _change_cells(
    sheet: Sheet, actor: Actor, edits: Sequence[CellEdit], via: Via, columns: Sequence[Entry] = ()
) -> BulkResult:
    """`columns`: what the same change set says about columns, before its cells."""
    sheet.change(edits)
    entries = [*columns, *sheet.entries]
    kind, note = (Kind.COLUMNS, "added") if columns else (Kind.CELLS, "")
    seq = record(sheet.connection, actor, via, sheet.table.id, kind, entries, note=note) if entries else None
    rows = len({entry.row_id for entry in sheet.entries})
    return BulkResult(seq, rows, len(sheet.entries), len(sheet.conflicts), len(sheet.refusals))


def _delete_rows(connection: Connection, actor: Actor, table_id: int, entries: Sequence[Entry], via: Via) -> BulkResult:
    table = with_deleted_columns(connection, editable(connection, actor, table_id))
    rows, known = row_writer(connection), {field.number: field for field in table.stored}
    seen = {entry.place[0]: cells_from_json(entry.before or "{}") for entry in entries}
    current = rows.cells(table, sorted(seen), table.stored)
    unchanged = [
        row_id
        for row_id, texts in current.items()
        if texts == tuple(seen[row_id].get(number, field.empty_text) for number, field in known.items())
    ]
    rows.delete(table, unchanged)
    kept = set(unchanged)
    made = [entry.of_columns(known) for entry in entries if entry.row_id in kept]
    if not made:
        return BulkResult(None, 0, 0, len(current))
    seq = record(connection, actor, via, table_id, Kind.DELETE_ROWS, made, added_rows=-len(made))
    return BulkResult(seq, len(made), 0, len(current) - len(made))


def _add_rows(
    connection: Connection, actor: Actor, table_id: int, rows: Sequence[dict[int, str]], via: Via
) -> BulkResult:
    sheet = Sheet(connection, editable(connection, actor, table_id))
    added = sheet.insert(rows)
    if not added:
        return BulkResult(None, 0, 0, 0)
    seq = record(connection, actor, via, table_id, Kind.ADD_ROWS, sheet.entries, added_rows=len(added))
    return BulkResult(seq, len(added), 0, 0)


def _follow(work: UnitOfWork, table_id: int, result: BulkResult) -> BulkResult:
    if result.seq is not None:
        publish_change(work, table_id, result.seq)
    return result
