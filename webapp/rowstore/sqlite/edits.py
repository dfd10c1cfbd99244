"""What people did to the rows of a table since a change set, read from the change log on the connection's snapshot."""

import json
import sqlite3
import zlib
from collections.abc import Collection, Iterator
from typing import Any

from webapp.rowstore.nul_escape import decode
from webapp.rowstore.values import RowEdit

Entry = tuple[int | None, int | None, str | None, str | None]

_SETS = "SELECT seq, kind, undo_of, blob IS NOT NULL FROM change_sets WHERE table_id = ? ORDER BY seq"
_LISTED = (
    'SELECT row_id, "column", before, after FROM changes WHERE table_id = ? AND seq = ? AND row_id IS NOT NULL'
    " ORDER BY number"
)
_BLOB = "SELECT blob FROM change_sets WHERE table_id = ? AND seq = ?"


def edits_since(connection: sqlite3.Connection, table_id: int, seq: int, without: Collection[str]) -> Iterator[RowEdit]:
    """In the order in which they were made. Sets of the kinds `without` are no edits of people, nor is what took them
    back.
    """
    sets = connection.execute(_SETS, (table_id,)).fetchall()
    known = {number: (kind, undo_of) for number, kind, undo_of, _ in sets}
    for number, _, _, is_blob in sets:
        if number > seq and _origin(known, number) not in without:
            for entry in _entries(connection, table_id, number, is_blob=is_blob):
                if entry[0] is not None:
                    yield _as_edit(number, *entry)


def _origin(known: dict[int, tuple[str, int | None]], number: int) -> str:
    """The kind of what a set is about in the end: undoing and redoing are steps from it."""
    kind, undo_of = known[number]
    while undo_of is not None and undo_of in known:
        kind, undo_of = known[undo_of]
    return kind


def _entries(connection: sqlite3.Connection, table_id: int, number: int, *, is_blob: bool) -> Iterator[Entry]:
    if is_blob:
        yield from _unpack(connection.execute(_BLOB, (table_id, number)).fetchone()[0])
        return
    for row_id, column, before, after in connection.execute(_LISTED, (table_id, number)):
        yield row_id, column, before and decode(before), after and decode(after)


def _unpack(blob: bytes) -> Iterator[Any]:
    yield from json.loads(zlib.decompress(blob))


def _as_edit(seq: int, row_id: int | None, column: int | None, before: str | None, after: str | None) -> RowEdit:
    if column is not None:
        return RowEdit(seq, row_id or 0, column, before, after)
    cells = None if before is None else {int(number): text for number, text in json.loads(before).items()}
    return RowEdit(seq, row_id or 0, None, None, None, cells)
