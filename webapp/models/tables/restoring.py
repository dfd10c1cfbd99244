"""Getting deleted rows and columns back: some of what one or more change sets have deleted, as undo would do it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.policy import Actor
from webapp.models.tables.action_limits import ensure_few
from webapp.models.tables.change_log import publish_change, record
from webapp.models.tables.change_set import Entry, Kind, Via
from webapp.models.tables.deletions import find_deletion
from webapp.models.tables.sheet import editable
from webapp.models.tables.undo import Reversal, revert
from webapp.rowstore import row_writer


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
) -> RestoreResult:
    """Bring back what these sets have deleted and is still in the trash, under the same ids, as one change; of `rows`,
    if given, only those. Restoring again what is back changes nothing. Where that takes a set back as a whole, it is
    the same as undoing it. Raises `NotFound`, `NotAllowed`, `TableNotReady` and `TooManyCells`.
    """
    chosen, whole = await work.run(lambda connection: _choose(connection, actor, table_id, seqs, rows))
    if whole is not None:
        taken = await revert(work, actor, table_id, whole, via)
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
) -> tuple[list[Entry], int | None]:
    """The entries to be taken back, the latest first, and the set that they are all of, if it can be undone."""
    editable(connection, actor, table_id)
    reader, chosen = row_writer(connection), list[Entry]()
    whole: int | None = None
    for seq in sorted(set(seqs), reverse=True):
        deletion = find_deletion(connection, reader, table_id, seq)
        if deletion is None:
            continue
        some = [e for e in reversed(deletion.entries) if rows is None or (e.is_row and e.row_id in rows)]
        is_undo = deletion.is_whole and len(some) == len(deletion.entries) and deletion.info.undone_by is None
        whole = seq if is_undo and not chosen else None
        chosen += some
        ensure_few(len(chosen))
    return chosen, whole


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
