"""Rows as programs send them: added, changed, replaced by key and deleted, all of them or none.

What does not fit is reported for each row. Each verb writes one change set, as the same action on a page does. Raises
`NotFound`, `NotAllowed` and `TableNotReady`, like everything that edits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.policy import Action, Actor
from webapp.models.tables.action_limits import ensure_few
from webapp.models.tables.change_log import publish_change
from webapp.models.tables.change_set import Kind, Via
from webapp.models.tables.editing import take_out_rows
from webapp.models.tables.row_input import Cells, InputStyle, RowInput, RowWriting
from webapp.models.tables.sheet import Sheet, editable
from webapp.models.tables.versions import Versions

MAX_ROWS = 10_000  # of one request


@dataclass(frozen=True, slots=True)
class WrittenRows:
    """`seq` is the change set, None if nothing changed; `ids` the rows in the order in which they were sent; `added`
    those that are new.
    """

    seq: int | None
    ids: Sequence[int]
    added: Sequence[int] = ()


async def add_typed_rows(
    work: UnitOfWork, actor: Actor, table_id: int, rows: Sequence[Cells], style: InputStyle, via: Via = Via.API
) -> WrittenRows:
    """Behind the last. Raises `RowsRefused`, `TooManyCells` and `TooMuchText`."""
    ensure_few(sum(map(len, rows)))

    def add(writing: RowWriting) -> WrittenRows:
        ids = writing.insert(dict(enumerate(writing.texts(rows))))
        return WrittenRows(writing.record(Kind.ADD_ROWS, len(ids), via), ids, ids)

    return await _write(work, actor, table_id, style, add)


async def change_typed_rows(
    work: UnitOfWork,
    actor: Actor,
    table_id: int,
    rows: Sequence[RowInput],
    style: InputStyle,
    *,
    versions: Versions = None,
    replaces: bool = False,
    via: Via = Via.API,
) -> WrittenRows:
    """Change these cells of these rows; with `replaces` all others are emptied. `versions` are of the first row.

    Raises `RowsRefused`, `VersionMismatch`, `TooManyCells` and `TooMuchText`.
    """
    ensure_few(sum(len(row.cells) for row in rows))

    def change(writing: RowWriting) -> WrittenRows:
        writing.expect(rows, versions)
        texts = writing.texts([row.cells for row in rows])
        if replaces:
            ensure_few(len(rows) * len(writing.sheet.fields))
            texts = [dict.fromkeys(writing.sheet.fields, "") | row for row in texts]
        writing.change({place: row.id for place, row in enumerate(rows)}, texts)
        return WrittenRows(writing.record(Kind.CELLS, 0, via), [row.id for row in rows])

    return await _write(work, actor, table_id, style, change)


async def put_typed_rows(
    work: UnitOfWork,
    actor: Actor,
    table_id: int,
    keys: Sequence[str],
    rows: Sequence[Cells],
    style: InputStyle,
    via: Via = Via.API,
) -> WrittenRows:
    """Change the rows that have the same texts in the columns `keys`, and add those that no row has.

    Raises `RowsRefused`, also for a key that several rows have, `KeyRefused`, `TooManyCells` and `TooMuchText`.
    """
    ensure_few(sum(map(len, rows)))

    def put(writing: RowWriting) -> WrittenRows:
        texts = writing.texts(rows)
        fields = writing.key(keys)
        there = writing.find(fields, rows, texts)
        numbers = {field.number for field in fields}
        changed = [
            {number: text for number, text in row.items() if place in there and number not in numbers}
            for place, row in enumerate(texts)
        ]
        writing.change(there, changed)
        new = {place: row for place, row in enumerate(texts) if place not in there}
        added = writing.insert(new)
        ids = there | dict(zip(new, added, strict=True))
        kind = Kind.ADD_ROWS if len(added) == len(writing.sheet.entries) else Kind.CELLS
        return WrittenRows(writing.record(kind, len(added), via), [ids[place] for place in range(len(rows))], added)

    return await _write(work, actor, table_id, style, put)


async def delete_typed_rows(
    work: UnitOfWork,
    actor: Actor,
    table_id: int,
    rows: Sequence[RowInput],
    style: InputStyle,
    *,
    versions: Versions = None,
    via: Via = Via.API,
) -> WrittenRows:
    """Raises `RowsRefused` if one is gone already or holds something else, `VersionMismatch` and `TooMuchText`."""

    def delete(writing: RowWriting) -> WrittenRows:
        writing.expect(rows, versions)
        writing.ensure_fine()
        result = take_out_rows(writing.sheet.connection, actor, table_id, [row.id for row in rows], via)
        return WrittenRows(result.seq, [row.id for row in rows])

    return await _write(work, actor, table_id, style, delete)


async def _write(
    work: UnitOfWork,
    actor: Actor,
    table_id: int,
    style: InputStyle,
    verb: Callable[[RowWriting], WrittenRows],
) -> WrittenRows:
    def run(connection: Connection) -> WrittenRows:
        sheet = Sheet(connection, editable(connection, actor, table_id, Action.EDIT_ROWS))
        return verb(RowWriting(sheet, actor, style))

    result = await work.run(run)
    if result.seq is not None:
        publish_change(work, table_id, result.seq)
    return result
