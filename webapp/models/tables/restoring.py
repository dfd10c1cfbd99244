"""Getting deleted rows and columns back: some of what one or more change sets have deleted, as undo would do it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.policy import Actor
from webapp.models.tables.action_limits import ensure_few
from webapp.models.tables.change_log import publish_change, record
from webapp.models.tables.change_set import Entry, Kind, Via
from webapp.models.tables.deletions import Deletion, find_deletion, find_rows
from webapp.models.tables.large_changing import Planned, begin
from webapp.models.tables.reversal import Reversal
from webapp.models.tables.sheet import editable
from webapp.models.tables.undo import UndoBegun, revert
from webapp.rowstore import row_writer
from webapp.rowstore.reader import RowReader


class OneAtATime(UserError):
    def __init__(self, rows: int) -> None:
        super().__init__(
            f"One of these deletions has up to {rows:,} rows, which come back in the background. Nothing was restored."
            " Restore that one with its own button, and the others without it."
        )


@dataclass(frozen=True, slots=True)
class Chosen:
    """The entries to be taken back, the latest first. `whole`: the set that they are all of, if it can be undone;
    `large`: the set, if it is so large that it is restored in the background.
    """

    entries: list[Entry]
    whole: int | None = None
    large: int | None = None


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """`seq` is the change set, None if nothing was left to restore; `left` are entries of what could not come back."""

    seq: int | None
    rows: int
    columns: int
    left: int


async def restore(
    work: UnitOfWork,
    actor: Actor,
    table_id: int,
    seqs: Sequence[int],
    rows: Collection[int] | None = None,
    via: Via = Via.PAGE,
) -> RestoreResult | UndoBegun:
    """Bring back what these sets have deleted and is still in the trash, under the same ids, as one change; of `rows`,
    if given, only those. Restoring again what is back changes nothing. Where that takes a set back as a whole, it is
    the same as undoing it. A large deletion comes back as a large change. Raises `NotFound`, `NotAllowed`,
    `TableNotReady`, `TooManyCells`, `OneAtATime` and what `large_changing.begin` raises.
    """
    picked = await work.run(lambda connection: _choose(connection, actor, table_id, seqs, rows))
    chosen = picked.entries
    if picked.large is not None:
        planned = Planned("restore", {"seq": picked.large}, Kind.RESTORE, via)
        return UndoBegun(picked.large, (await begin(work, actor, table_id, planned)).id)
    if picked.whole is not None:
        taken = await revert(work, actor, table_id, picked.whole, via)
        if isinstance(taken, UndoBegun):
            return taken
        left = len(taken.left)
        columns = sum(entry.is_column for entry in chosen)
        return RestoreResult(taken.seq, taken.done - columns, columns, left)
    result, index_again = await work.run(lambda connection: _restore(connection, actor, table_id, chosen, via))
    if index_again:
        work.enqueue("index_table", str(table_id))
    if result.seq is not None:
        publish_change(work, table_id, result.seq)
    return result


def _choose(
    connection: Connection, actor: Actor, table_id: int, seqs: Sequence[int], rows: Collection[int] | None
) -> Chosen:
    editable(connection, actor, table_id)
    reader, chosen = row_writer(connection), list[Entry]()
    whole: int | None = None
    for seq in sorted(set(seqs), reverse=True):
        deletion = find_deletion(connection, reader, table_id, seq)
        if deletion is None:
            continue
        if deletion.is_large and rows is None:
            if len(set(seqs)) > 1:
                raise OneAtATime(deletion.row_count)
            is_undo = deletion.is_whole and deletion.info.undone_by is None
            return Chosen([], whole=seq) if is_undo else Chosen([], large=seq)
        some = _some(connection, reader, table_id, deletion, rows)
        is_undo = deletion.is_whole and len(some) == deletion.count and deletion.info.undone_by is None
        whole = seq if is_undo and not chosen else None
        chosen += some
        ensure_few(len(chosen))
    return Chosen(chosen, whole)


def _some(
    connection: Connection, reader: RowReader, table_id: int, deletion: Deletion, rows: Collection[int] | None
) -> list[Entry]:
    if rows is None:
        return deletion.entries[::-1]
    if deletion.is_large:
        return find_rows(connection, reader, table_id, deletion.seq, rows)[::-1]
    return [entry for entry in reversed(deletion.entries) if entry.is_row and entry.row_id in rows]


def _restore(
    connection: Connection, actor: Actor, table_id: int, chosen: Sequence[Entry], via: Via
) -> tuple[RestoreResult, bool]:
    """And whether the search index has to be built again."""
    table = editable(connection, actor, table_id)
    if not chosen:
        return RestoreResult(None, 0, 0, 0), False
    made = Reversal(connection, table, table.seq).make([entry.reversed for entry in chosen])
    if not made.changed:
        return RestoreResult(None, 0, 0, len(made.left)), False
    seq = record(connection, actor, via, table_id, Kind.RESTORE, made.changed, added_rows=made.added_rows)
    columns = sum(entry.is_column for entry in made.changed)
    return RestoreResult(seq, made.added_rows, columns, len(made.left)), made.index_again
