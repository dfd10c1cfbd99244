"""Parts of large change sets by what became of rows: which ones have rows that came or went, and which rows went.

A part is read at a time; those that have nothing but cells are not read at all.
"""

import zlib
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, bindparam, exists, func, select
from sqlalchemy.orm import aliased

from webapp.models.tables.change_set import ChangeSet, ChangeSetPart, Entry, SetState, entries_from_blob

_DELETED_MARK = b",null]"  # how the entry of a deleted row ends in the JSON of a blob


def has_parts(connection: Connection, table_id: int, seq: int) -> bool:
    return connection.scalar(_ANY, {"table_id": table_id, "seq": seq}) is not None


def count_rows(connection: Connection, table_id: int, seq: int) -> tuple[int, bool]:
    """How many rows came or went with this set, and whether its parts have nothing else."""
    rows, cells = connection.execute(_COUNTS, {"table_id": table_id, "seq": seq}).one()
    return rows or 0, not cells


def row_parts(connection: Connection, table_id: int, seq: int, after: int = 0) -> list[int]:
    """The numbers of the parts behind `after` that have rows which came or went."""
    return list(connection.scalars(_NUMBERS, {"table_id": table_id, "seq": seq, "after": after}))


def parts_of_rows(connection: Connection, table_id: int, seq: int, ids: Collection[int]) -> list[int]:
    """The numbers of the parts that may have some of these rows, as rows that came or went."""
    given = {"table_id": table_id, "seq": seq, "after": 0}
    return sorted({number for row in ids for number in connection.scalars(_NUMBERS_OF_ROW, given | {"row": row})})


def deleted_in_part(connection: Connection, table_id: int, seq: int, number: int) -> list[Entry]:
    """The entries of rows that were deleted."""
    blob = connection.scalar(_BLOB, {"table_id": table_id, "seq": seq, "number": number})
    if blob is None or _DELETED_MARK not in zlib.decompress(blob):  # making entries takes longer
        return []
    return [entry for entry in entries_from_blob(blob) if entry.is_row and entry.after is None]


def rows_in_later_parts(connection: Connection, table_id: int, seq: int, ids: Collection[int]) -> set[int]:
    """Those of the rows that came or went with a later large set."""
    wanted, found = set(ids), set[int]()
    given = {"table_id": table_id, "seq": seq, "first": min(ids), "last": max(ids)}
    for later, number in connection.execute(_LATER, given).all():
        blob = connection.scalar(_BLOB, {"table_id": table_id, "seq": later, "number": number})
        found |= {entry.place[0] for entry in entries_from_blob(blob) if entry.is_row} if blob else set()
    return found & wanted


def is_taken_back(connection: Connection, table_id: int, seq: int) -> bool:
    """Whether a later large set has taken back all of this one, even if that was taken back again: then this one is not
    what has deleted its rows.
    """
    return connection.scalar(_TAKEN_BACK, {"table_id": table_id, "seq": seq}) is not None


_OF_TABLE = ChangeSetPart.table_id == bindparam("table_id")
_OF_SET = _OF_TABLE, ChangeSetPart.seq == bindparam("seq")
_HAS_ROWS = ChangeSetPart.entries > ChangeSetPart.cells
_ANY = select(ChangeSetPart.number).where(*_OF_SET).limit(1)
_COUNTS: Any = select(func.sum(ChangeSetPart.entries - ChangeSetPart.cells), func.sum(ChangeSetPart.cells)).where(
    *_OF_SET
)
_NUMBERS = (
    select(ChangeSetPart.number)
    .where(*_OF_SET, ChangeSetPart.number > bindparam("after"), _HAS_ROWS)
    .order_by(ChangeSetPart.number)
)
_NUMBERS_OF_ROW = _NUMBERS.where(
    ChangeSetPart.first_row <= bindparam("row"), ChangeSetPart.last_row >= bindparam("row")
)
_BLOB = select(ChangeSetPart.blob).where(*_OF_SET, ChangeSetPart.number == bindparam("number"))
_LATER = (
    select(ChangeSetPart.seq, ChangeSetPart.number)
    .where(
        _OF_TABLE,
        ChangeSetPart.seq > bindparam("seq"),
        ChangeSetPart.first_row <= bindparam("last"),
        ChangeSetPart.last_row >= bindparam("first"),
        _HAS_ROWS,
    )
    .order_by(ChangeSetPart.seq, ChangeSetPart.number)
)
_back = aliased(ChangeSet)
_TAKEN_BACK = select(ChangeSet.seq).where(
    ChangeSet.table_id == bindparam("table_id"),
    ChangeSet.seq == bindparam("seq"),
    exists().where(
        _back.table_id == ChangeSet.table_id,
        _back.undo_of == ChangeSet.seq,
        _back.parts > 0,
        _back.state == SetState.WHOLE,
        _back.rows >= ChangeSet.rows,
    ),
)
