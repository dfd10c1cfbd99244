"""What the change log says of rows that are not there: the cells that each had when it was deleted the last time."""

from collections.abc import Collection, Iterable

from webapp.rowstore.entries import Entry, unpack
from webapp.rowstore.nul_escape import decode
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.statement import Sql

NO_END = 2**62  # later than any change set

_LISTED = (
    "SELECT seq, row_id, before, after FROM changes WHERE table_id = ? AND seq > ? AND seq < ? AND"
    ' "column" IS NULL AND '
)
_BLOBS = (
    "SELECT seq, blob FROM change_sets WHERE table_id = ? AND seq > ? AND seq < ? AND blob IS NOT NULL AND"
    " kind <> 'cells' AND last_row >= ? AND first_row <= ?"
)
_PARTS = (
    "SELECT seq, blob FROM change_set_parts WHERE table_id = ? AND seq > ? AND seq < ? AND entries > cells AND"
    " last_row >= ? AND first_row <= ?"
)


def latest_deletions(
    connection: Connection, table_id: int, after: int, ids: Collection[int], until: int = NO_END
) -> dict[int, str | None]:
    """Of those rows that came or went with a set between `after` and `until` the cells, as JSON, that the last one has
    deleted; None for a row that it has brought.
    """
    if not ids:
        return {}
    found, wanted = dict[int, tuple[int, str | None]](), set(ids)

    def take(seq: int, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if entry.is_row and entry.row_id in wanted and seq > found.get(entry.row_id, (0, None))[0]:
                found[entry.row_id] = seq, None if entry.after is not None else entry.before

    chosen = connection.dialect.is_one_of("row_id", sorted(wanted))
    listed = Sql(_LISTED + chosen.text, (table_id, after, until, *chosen.values))
    for seq, row_id, before, now in connection.execute(listed):
        take(seq, [Entry(row_id, None, before and decode(before), now)])
    for statement in (_BLOBS, _PARTS):
        for seq, blob in connection.execute(Sql(statement, (table_id, after, until, min(wanted), max(wanted)))):
            take(seq, unpack(blob))
    return {row_id: before for row_id, (_, before) in found.items()}
