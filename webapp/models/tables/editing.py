"""Changing cells, and adding, duplicating and deleting rows. Each verb writes one change set.

Rights are checked in the same transaction: they are those of the moment of the change. Raises `NotFound` and
`NotAllowed`, like everything that finds a table.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from sqlalchemy import Connection, bindparam, select

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork, in_one_run
from webapp.models.errors import NotFound
from webapp.models.policy import Action, Actor
from webapp.models.tables.action_limits import MAX_CELLS, TooManyCells, TooMuchText, ensure_few, ensure_short
from webapp.models.tables.change_log import publish_change, record
from webapp.models.tables.change_set import Entry, Kind, Via, cells_to_json
from webapp.models.tables.sheet import CellEdit, Conflict, Refusal, Sheet, TableNotReady, editable, make_room
from webapp.models.tables.table import Column, Table
from webapp.rowstore import row_writer
from webapp.rowstore.table_ref import Field, TableRef

__all__ = [
    "MAX_CELLS",
    "CellEdit",
    "CellsRefused",
    "Conflict",
    "EditResult",
    "Refusal",
    "RowsResult",
    "TableNotReady",
    "TooManyCells",
    "TooMuchText",
    "add_rows",
    "change_cells",
    "delete_rows",
    "deleted_fields",
    "duplicate_rows",
    "editable",
    "fit_rows",
    "insert_rows",
    "make_room",
    "take_out_rows",
    "with_deleted_columns",
]


class CellsRefused(UserError):
    """New rows that cannot be added as they are. The rows of `refusals` are counted from 0."""

    def __init__(self, refusals: Sequence[Refusal], titles: Mapping[int, str]) -> None:
        self.refusals = refusals
        first = refusals[0]
        super().__init__(f"{titles[first.edit.column]}: {first.reason}. Nothing was added.".replace("..", "."))


@dataclass(frozen=True, slots=True)
class EditResult:
    """What became of each edit. `seq` is the change set, None if nothing changed; `texts` what the cells hold now;
    `fields` the columns by number, as they are now; `added` the ids of rows that were added for them.
    """

    seq: int | None
    texts: dict[tuple[int, int], str]  # by row and column
    refusals: list[Refusal]
    conflicts: list[Conflict]
    fields: Mapping[int, Field]
    added: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class RowsResult:
    seq: int | None
    ids: list[int]


@in_one_run
async def change_cells(
    work: UnitOfWork, actor: Actor, table_id: int, edits: Sequence[CellEdit], via: Via = Via.GRID
) -> EditResult:
    """Change each cell if it still holds what its editor saw. Those that conflict or have no value in their column are
    left as they are and reported; the others are made, as one change set. Raises `TooManyCells`, `TooMuchText` and
    `TableNotReady`.
    """
    ensure_few(len(edits))
    result = await work.run(lambda connection: _change_cells(connection, actor, table_id, edits, via))
    _follow(work, table_id, result.seq)
    return result


async def add_rows(
    work: UnitOfWork,
    actor: Actor,
    table_id: int,
    rows: Sequence[Mapping[int, str]],
    via: Via = Via.GRID,
    keeps_text: Collection[int] = (),
) -> RowsResult:
    """Add rows behind the last, with the texts of their cells by column number; those of the columns `keeps_text` need
    no value there. All or none: raises `CellsRefused`.
    """
    ensure_few(max(len(rows), sum(map(len, rows))))
    result = await work.run(lambda connection: _add_rows(connection, actor, table_id, rows, via, keeps_text))
    _follow(work, table_id, result.seq)
    return result


async def duplicate_rows(
    work: UnitOfWork, actor: Actor, table_id: int, row_ids: Sequence[int], via: Via = Via.GRID
) -> RowsResult:
    """Add copies of these rows behind the last, without the texts that no two rows may have. Raises `NotFound` if one
    is gone, `TooManyCells` and `TooMuchText`.
    """
    result = await work.run(lambda connection: _duplicate_rows(connection, actor, table_id, row_ids, via))
    _follow(work, table_id, result.seq)
    return result


async def delete_rows(
    work: UnitOfWork, actor: Actor, table_id: int, row_ids: Sequence[int], via: Via = Via.GRID
) -> RowsResult:
    """Delete those of the rows that are still there. Their cells stay in the change log: undo brings them back. Raises
    `TooManyCells` for too many rows, and `TooMuchText`, but not for one row.
    """
    result = await work.run(lambda connection: take_out_rows(connection, actor, table_id, row_ids, via))
    _follow(work, table_id, result.seq)
    return result


def with_deleted_columns(connection: Connection, table: Table) -> TableRef:
    """The table with the columns that were deleted too: their cells go and come back with their rows."""
    return replace(table.ref, kept=deleted_fields(connection, table.id))


def deleted_fields(connection: Connection, table_id: int) -> tuple[Field, ...]:
    return tuple(Field(*column) for column in connection.execute(_DELETED, {"table_id": table_id}))


def _change_cells(
    connection: Connection, actor: Actor, table_id: int, edits: Sequence[CellEdit], via: Via
) -> EditResult:
    sheet = Sheet(connection, editable(connection, actor, table_id, Action.EDIT_ROWS))
    sheet.change(edits)
    seq = record(connection, actor, via, table_id, Kind.CELLS, sheet.entries) if sheet.entries else None
    return EditResult(seq, sheet.texts, sheet.refusals, sheet.conflicts, sheet.fields)


def _add_rows(
    connection: Connection,
    actor: Actor,
    table_id: int,
    rows: Sequence[Mapping[int, str]],
    via: Via,
    keeps_text: Collection[int],
) -> RowsResult:
    sheet = Sheet(connection, editable(connection, actor, table_id, Action.EDIT_ROWS))
    return insert_rows(sheet, actor, rows, via, keeps_text)


def insert_rows(
    sheet: Sheet,
    actor: Actor | None,
    rows: Sequence[Mapping[int, str]],
    via: Via,
    keeps_text: Collection[int] = (),
    form_id: int | None = None,
) -> RowsResult:
    """`add_rows` for a table whose right was checked; what follows the commit is left to the caller. Raises
    `CellsRefused`.
    """
    texts = fit_rows(sheet, rows, keeps_text)
    if sheet.refusals:
        raise CellsRefused(sheet.refusals, {field.number: field.title for field in sheet.ref.fields})
    return _insert(sheet, actor, via, texts, form_id)


def fit_rows(sheet: Sheet, rows: Sequence[Mapping[int, str]], keeps_text: Collection[int] = ()) -> list[dict[int, str]]:
    """What the cells of these new rows will hold. What does not fit is among the refusals of the sheet, as an edit of
    a row that is counted from 0.
    """
    edits = [
        [CellEdit(place, number, None, text, number in keeps_text) for number, text in sheet.with_required(row).items()]
        for place, row in enumerate(rows)
    ]
    texts = [dict[int, str]() for _ in rows]
    for edit, text in sheet.accept(chain.from_iterable(edits), of_new_rows=True):
        texts[edit.row_id][edit.column] = text
    return texts


def _duplicate_rows(
    connection: Connection, actor: Actor, table_id: int, row_ids: Sequence[int], via: Via
) -> RowsResult:
    sheet = Sheet(connection, editable(connection, actor, table_id, Action.EDIT_ROWS))
    ensure_few(len(row_ids) * len(sheet.fields))
    originals = list(dict.fromkeys(row_ids))
    ensure_short(sheet.rows.text_size(sheet.ref, originals, sheet.ref.fields))
    found = sheet.rows.cells(sheet.ref, originals, sheet.ref.fields)
    if len(found) < len(originals):
        raise NotFound("row")
    ensure_short(sum(map(len, chain.from_iterable(found[row_id] for row_id in row_ids))))
    copies = [dict(zip(sheet.fields, found[row_id], strict=True)) for row_id in row_ids]
    emptied = {number: sheet.fields[number].empty_text for number, rules in sheet.rules.items() if rules.unique}
    return _insert(sheet, actor, via, [cells | emptied for cells in copies])


def take_out_rows(connection: Connection, actor: Actor, table_id: int, row_ids: Sequence[int], via: Via) -> RowsResult:
    """`delete_rows` in a transaction; what follows the commit is left to the caller."""
    ref, rows = (
        with_deleted_columns(connection, editable(connection, actor, table_id, Action.EDIT_ROWS)),
        row_writer(connection),
    )
    ensure_few(len(row_ids))
    wanted = sorted(set(row_ids))
    if len(wanted) > 1:
        ensure_short(rows.text_size(ref, wanted, ref.fields if ref.is_narrowed else ref.stored))
    deleted = rows.delete(ref, wanted)
    if not deleted:
        return RowsResult(None, [])
    numbers = [field.number for field in ref.stored]
    entries = [Entry(row.id, None, cells_to_json(dict(zip(numbers, row.cells, strict=True))), None) for row in deleted]
    seq = record(connection, actor, via, table_id, Kind.DELETE_ROWS, entries, added_rows=-len(deleted))
    return RowsResult(seq, [row.id for row in deleted])


def _insert(
    sheet: Sheet, actor: Actor | None, via: Via, texts: Sequence[Mapping[int, str]], form_id: int | None = None
) -> RowsResult:
    """`texts` fit their columns."""
    if not texts:
        return RowsResult(None, [])
    ids = sheet.insert(texts)
    about = (actor, via, sheet.table.id, Kind.ADD_ROWS, sheet.entries)
    seq = record(sheet.connection, *about, added_rows=len(sheet.entries), form_id=form_id)
    return RowsResult(seq, ids)


def _follow(work: UnitOfWork, table_id: int, seq: int | None) -> None:
    if seq is not None:
        publish_change(work, table_id, seq)


_DELETED = (
    select(Column.number, Column.title, Column.type, Column.format, Column.keeps_texts, Column.storage)
    .where(
        Column.table_id == bindparam("table_id"),
        Column.deleted_at.is_not(None),
        Column.is_dropped.is_(False),
        Column.is_purged.is_(False),
    )
    .order_by(Column.number)
)
