"""What people did to the rows of a table since a change set, read from the change log on the connection's snapshot."""

from collections.abc import Collection, Iterator
from dataclasses import replace

from webapp.rowstore.entries import Entry, cells_from_json, unpack
from webapp.rowstore.nul_escape import decode
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.values import RowEdit

_SETS = "SELECT seq, kind, undo_of, parts, undone_by FROM change_sets WHERE table_id = ? ORDER BY seq"
_LISTED = (
    'SELECT row_id, "column", before, after FROM changes WHERE table_id = ? AND seq = ? AND row_id IS NOT NULL'
    " ORDER BY number"
)
_BLOB = "SELECT blob FROM change_sets WHERE table_id = ? AND seq = ? AND blob IS NOT NULL"
_PARTS = "SELECT blob FROM change_set_parts WHERE table_id = ? AND seq = ? ORDER BY number"


def edits_since(connection: Connection, table_id: int, seq: int, from_files: Collection[str]) -> Iterator[RowEdit]:
    """In the order in which they were made. Sets of the kinds `from_files` are no edits of people: what they changed is
    told as such (`is_from_file`), if they are in force. What took them back, or forth again, is left out.
    """
    sets = connection.execute(Sql(_SETS, (table_id,)))
    known = {number: (kind, undo_of) for number, kind, undo_of, _, _ in sets}
    for number, kind, _, parts, undone_by in sets:
        is_from_file = _origin(known, number) in from_files
        if number <= seq or (is_from_file and (kind not in from_files or undone_by is not None)):
            continue
        for entry in _entries(connection, table_id, number, is_in_parts=bool(parts)):
            if entry.row_id is not None:
                yield replace(_as_edit(number, entry.row_id, entry), is_from_file=is_from_file)


def _origin(known: dict[int, tuple[str, int | None]], number: int) -> str:
    """The kind of what a set is about in the end: undoing and redoing are steps from it."""
    kind, undo_of = known[number]
    while undo_of is not None and undo_of in known:
        kind, undo_of = known[undo_of]
    return kind


def _entries(connection: Connection, table_id: int, number: int, *, is_in_parts: bool) -> Iterator[Entry]:
    blobs = Sql(_PARTS if is_in_parts else _BLOB, (table_id, number))
    for batch in connection.iterate(blobs):
        for (blob,) in batch:
            yield from unpack(blob)
    for row_id, column, before, after in connection.execute(Sql(_LISTED, (table_id, number))):
        yield Entry(row_id, column, before and decode(before), after and decode(after))


def _as_edit(seq: int, row_id: int, entry: Entry) -> RowEdit:
    if entry.column is not None:
        return RowEdit(seq, row_id, entry.column, entry.before, entry.after)
    cells = entry.before if entry.after is None else entry.after
    return RowEdit(seq, row_id, None, entry.before, entry.after, cells_from_json(cells or "{}"))
