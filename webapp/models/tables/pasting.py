"""Pasting a block of texts: into cells that are there, and into new rows behind the last, as one change set."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from sqlalchemy import Connection

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.errors import NotFound
from webapp.models.policy import Action, Actor
from webapp.models.tables.action_limits import ensure_few, ensure_short
from webapp.models.tables.change_log import publish_change, record, take_row_ids
from webapp.models.tables.change_set import Kind, Via
from webapp.models.tables.editing import EditResult
from webapp.models.tables.sheet import CellEdit, Sheet, editable

Block = Sequence[Sequence[str]]  # rows of texts; a row may be shorter than others


class BlockTooWide(UserError):
    def __init__(self, columns: int, cells: int) -> None:
        wider = "one column" if columns == 1 else f"{columns:,} columns"
        super().__init__(
            f"What you paste reaches {wider} beyond the last: {cells:,} of its cells would be lost. Nothing was pasted."
        )


@dataclass(frozen=True, slots=True)
class Paste:
    """A block, and where it goes: `rows` are the ids of the rows from the selection's first one on, and `columns` the
    numbers of the columns from its first one on, both in the order shown and as far as there are any. `height` and
    `width` are the selection's; `seen` are the texts there, where they are known.
    """

    block: Block
    rows: Sequence[int]
    columns: Sequence[int]
    height: int = 1
    width: int = 1
    seen: Sequence[Sequence[str | None]] = ()


def missing_rows(pasted: Paste) -> int:
    """How many rows there are too few. Raises `BlockTooWide`, `TooManyCells` and `TooMuchText`."""
    placed = lay_out(pasted.block, pasted.height, pasted.width)
    _ensure_narrow(placed, len(pasted.columns))
    return max(0, len(placed) - len(pasted.rows))


async def paste(work: UnitOfWork, actor: Actor, table_id: int, pasted: Paste, via: Via = Via.GRID) -> EditResult:
    """Paste what fits, and add the rows that are missing. A block fills a selection that is a multiple of it; else it
    is pasted once. Raises `BlockTooWide`, `TooManyCells`, `TooMuchText` and `TableNotReady`.
    """
    placed = lay_out(pasted.block, pasted.height, pasted.width)
    _ensure_narrow(placed, len(pasted.columns))
    result = await work.run(lambda connection: _paste(connection, actor, table_id, pasted, placed, via))
    if result.seq is not None:
        publish_change(work, table_id, result.seq)
    return result


def lay_out(block: Block, height: int, width: int) -> Block:
    """The block as it covers a selection of this size. Raises `TooManyCells` and `TooMuchText`, before it is made."""
    rows, columns = len(block), max(map(len, block), default=0)
    if not rows or not columns:
        return []
    down, across = (1, 1) if height % rows or width % columns else (height // rows, width // columns)
    down, across = max(down, 1), max(across, 1)
    # Beside another copy of itself each row is as wide as the widest.
    cells = sum(map(len, block)) if across == 1 else rows * columns * across
    ensure_few(max(cells, rows) * down)
    ensure_short(sum(map(len, chain.from_iterable(block))) * down * across)
    wide = block if across == 1 else [[*_padded(row, columns)] * across for row in block]
    return [*wide] * down


def _padded(row: Sequence[str], columns: int) -> Sequence[str]:
    return [*row, *[""] * (columns - len(row))]


def _ensure_narrow(block: Block, columns: int) -> None:
    beyond = [len(row) - columns for row in block if len(row) > columns]
    if beyond:
        raise BlockTooWide(max(beyond), sum(beyond))


def _paste(connection: Connection, actor: Actor, table_id: int, pasted: Paste, block: Block, via: Via) -> EditResult:
    sheet = Sheet(connection, editable(connection, actor, table_id, Action.EDIT_ROWS))
    if not set(pasted.columns[: max(map(len, block), default=0)]) <= set(sheet.fields):
        raise NotFound("column")
    sheet.change(list(chain.from_iterable(_edits(pasted, block))))
    added = _add(sheet, pasted, block[len(pasted.rows) :])
    if not sheet.entries:
        return EditResult(None, sheet.texts, sheet.refusals, sheet.conflicts, sheet.fields)
    kind = Kind.CELLS if len(added) < len(sheet.entries) else Kind.ADD_ROWS
    seq = record(connection, actor, via, table_id, kind, sheet.entries, added_rows=len(added), note="pasted")
    return EditResult(seq, sheet.texts, sheet.refusals, sheet.conflicts, sheet.fields, added)


def _edits(pasted: Paste, block: Block) -> list[list[CellEdit]]:
    """Of the cells that are there."""
    seen = dict(enumerate(map(list, pasted.seen)))
    return [
        [
            CellEdit(row_id, number, _at(seen.get(place, []), index), text)
            for index, (number, text) in enumerate(zip(pasted.columns, texts, strict=False))
        ]
        for place, (row_id, texts) in enumerate(zip(pasted.rows, block, strict=False))
    ]


def _at(texts: Sequence[str | None], index: int) -> str | None:
    return texts[index] if index < len(texts) else None


def _add(sheet: Sheet, pasted: Paste, block: Block) -> list[int]:
    """A text that does not fit leaves its cell empty and is reported with the new row's id, as is a text that a column
    needs and the block does not have.
    """
    if not block:
        return []
    ids = take_row_ids(sheet.connection, sheet.table.id, len(block))
    rows = {row_id: dict[int, str]() for row_id in ids}
    edits = [
        CellEdit(row_id, number, sheet.fields[number].empty_text, text)
        for row_id, texts in zip(ids, block, strict=True)
        for number, text in sheet.with_required(dict(zip(pasted.columns, texts, strict=False))).items()
    ]
    for edit, text in sheet.accept(edits, of_new_rows=True):
        rows[edit.row_id][edit.column] = text
        sheet.texts[edit.row_id, edit.column] = text
    return sheet.insert(list(rows.values()), ids)
