"""Who changed these cells last, and when: for those whose change met another's."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from sqlalchemy import Connection, bindparam, func, or_, select

from webapp.models.accounts.user import User
from webapp.models.tables.change_set import Change, ChangeSet, Entry, parts_of
from webapp.models.tables.set_author import AUTHOR_NAME
from webapp.models.tables.table_form import TableForm

MAX_BLOBS = 5  # large sets that are looked through, newest first
MAX_IDS = 500  # rows per statement
MAX_SOUGHT = 20  # rows that are looked up one by one in a set, of which each needs a part at most

Place = tuple[int, int]  # row and column, 0 for anything in the row


@dataclass(frozen=True, slots=True)
class LatestChange:
    """`name` is None for an account that is gone."""

    seq: int
    name: str | None
    at: datetime


def latest_changes(connection: Connection, table_id: int, places: Collection[Place]) -> dict[Place, LatestChange]:
    """The newest change of each cell, or of its row as a whole. Those that the log does not have are left out, as are
    those that a large set may have changed since which was not looked through.
    """
    wanted = _Wanted(places)
    rows = sorted(wanted.rows)
    for first in range(0, len(rows), MAX_IDS):
        given = {"table_id": table_id, "rows": rows[first : first + MAX_IDS]}
        for seq, row_id, column in connection.execute(_LISTED, given):
            wanted.found(seq, row_id or 0, column)
    if rows:
        large = {"table_id": table_id, "first": rows[0], "last": rows[-1]}
        for number, (seq, has_parts) in enumerate(connection.execute(_LARGE, large).all()):
            if number == MAX_BLOBS:
                wanted.forget_before(seq)
            elif has_parts and len(rows) <= MAX_SOUGHT:
                for row_id in rows:
                    wanted.found_in(seq, chain.from_iterable(parts_of(connection, table_id, seq, row_id)))
            else:
                wanted.found_in(seq, chain.from_iterable(parts_of(connection, table_id, seq)))
    return _with_names(connection, table_id, wanted.newest)


class _Wanted:
    def __init__(self, places: Collection[Place]) -> None:
        self.newest: dict[Place, int] = {}
        self.rows: dict[int, list[Place]] = {}
        for place in places:
            self.rows.setdefault(place[0], []).append(place)

    def found(self, seq: int, row_id: int, column: int | None) -> None:
        for place in self.rows.get(row_id, ()):
            if column is None or place[1] in (0, column):
                self.newest[place] = max(seq, self.newest.get(place, 0))

    def forget_before(self, seq: int) -> None:
        self.newest = {place: newest for place, newest in self.newest.items() if newest > seq}

    def found_in(self, seq: int, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if entry.row_id is not None:
                self.found(seq, entry.row_id, entry.column)


def _with_names(connection: Connection, table_id: int, newest: dict[Place, int]) -> dict[Place, LatestChange]:
    known = dict[int, LatestChange]()
    seqs = sorted(set(newest.values()))
    for first in range(0, len(seqs), MAX_IDS):
        given = {"table_id": table_id, "seqs": seqs[first : first + MAX_IDS]}
        for seq, at, name, form in connection.execute(_SETS, given):
            known[seq] = LatestChange(seq, name or (f"the form {form}" if form else None), at)
    return {place: known[seq] for place, seq in newest.items() if seq in known}


_LISTED = (
    select(func.max(Change.seq), Change.row_id, Change.column)
    .where(Change.table_id == bindparam("table_id"), Change.row_id.in_(bindparam("rows", expanding=True)))
    .group_by(Change.row_id, Change.column)
)
_LARGE = (
    select(ChangeSet.seq, ChangeSet.parts > 0)
    .where(
        ChangeSet.table_id == bindparam("table_id"),
        or_(ChangeSet.blob.is_not(None), ChangeSet.parts > 0),
        ChangeSet.first_row <= bindparam("last"),
        ChangeSet.last_row >= bindparam("first"),
    )
    .order_by(ChangeSet.seq.desc())
    .limit(MAX_BLOBS + 1)
)
_SETS = (
    select(ChangeSet.seq, ChangeSet.at, AUTHOR_NAME, TableForm.name)
    .outerjoin(User, User.id == ChangeSet.actor_id)
    .outerjoin(TableForm, TableForm.id == ChangeSet.form_id)
    .where(ChangeSet.table_id == bindparam("table_id"), ChangeSet.seq.in_(bindparam("seqs", expanding=True)))
)
