"""Reading the change log: the sets of a table, and what one of them changed; of one row or cell, see `row_history.py`.

All in pages, the newest first, from a `seq` on; the entries of large sets are read only where they are asked for.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, func, select

from webapp.models.accounts.user import User
from webapp.models.base import MAX_ID
from webapp.models.errors import NotFound
from webapp.models.tables.change_set import (
    Change,
    ChangeSet,
    ChangeSetPart,
    Entry,
    Kind,
    entries_from_blob,
    entry_from_row,
    listed_of,
)
from webapp.models.tables.set_author import AUTHOR_NAME
from webapp.models.tables.table_form import TableForm

PAGE_SIZE = 50  # sets
ENTRIES_SIZE = 100  # entries
MAX_STEPS = 8  # from a set to what it takes back, and from that on
SET_BYTES = 100  # of a set without its entries, about
STEPS = (Kind.UNDO, Kind.REDO, Kind.REVERT)


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Which sets; times are in UTC, `until` is not included."""

    person: int | None = None
    column: int | None = None
    kinds: tuple[Kind, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SetInfo:
    """A change set without its entries. `name` is None for an account that is gone; `taken_back` is the set that this
    one takes back, as far as the log has it.
    """

    seq: int
    at: datetime
    actor_id: int | None
    name: str | None
    via: str
    kind: str
    rows: int
    cells: int
    columns: tuple[int, ...]
    first_row: int | None
    last_row: int | None
    undo_of: int | None
    undone_by: int | None
    note: str
    purged: int  # how many of its entries are gone for good
    is_purging: bool
    state: str = ""
    form: str | None = None  # the name of the form that it answers, if it is still known
    taken_back: "SetInfo | None" = None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """`before` is where the next page starts, None at the end. `stopped` says that time ran out before it was full."""

    sets: list[SetInfo]
    before: int | None
    entries: dict[int, list[Entry]]  # of each set, in the history of a row
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class EntriesPage:
    """`after` is the number of the last entry, None if there are no more; counted from 0 in the set."""

    entries: list[Entry]
    after: int | None


def list_sets(
    connection: Connection, table_id: int, wanted: HistoryFilter, before: int | None, size: int = PAGE_SIZE
) -> HistoryPage:
    statement = _sets(table_id).where(*_conditions(wanted)).order_by(ChangeSet.seq.desc()).limit(size + 1)
    if before is not None:
        statement = statement.where(ChangeSet.seq < min(max(before, 0), MAX_ID))
    found = [_info(row) for row in connection.execute(statement)]
    page = found[:size]
    return HistoryPage(_with_originals(connection, table_id, page), page[-1].seq if len(found) > size else None, {})


def find_set(connection: Connection, table_id: int, seq: int) -> SetInfo:
    """Raises `NotFound`."""
    found = connection.execute(_sets(table_id).where(ChangeSet.seq == seq)).first()
    if found is None:
        raise NotFound("change")
    return _with_originals(connection, table_id, [_info(found)])[0]


def list_entries(
    connection: Connection, table_id: int, seq: int, after: int = -1, size: int = ENTRIES_SIZE
) -> EntriesPage:
    given, after = {"table_id": table_id, "seq": seq}, min(max(after, -1), MAX_ID)
    blob, parts = connection.execute(_STORED, given).first() or (None, 0)
    if blob is not None or parts:
        wanted = slice(after + 1, after + size + 2)
        entries = _of_parts(connection, given, wanted) if blob is None else entries_from_blob(blob, part=wanted)
        return EntriesPage(entries[:size], after + size if len(entries) > size else None)
    rows = connection.execute(_LISTED.limit(size + 1), given | {"after": after}).all()
    entries = [entry_from_row(row_id, column, before, text) for _, row_id, column, before, text in rows[:size]]
    return EntriesPage(entries, rows[size - 1][0] if len(rows) > size else None)


def _of_parts(connection: Connection, given: Mapping[str, Any], wanted: slice) -> list[Entry]:
    """Some entries of a large change, of which only the parts are read that have them. Those of columns come first."""
    listed = listed_of(connection, **given)
    found, first = listed[wanted], len(listed)
    for number, count in connection.execute(_PART_SIZES, given).all():
        if first < wanted.stop and first + count > wanted.start:
            here = slice(max(0, wanted.start - first), wanted.stop - first)
            found += entries_from_blob(connection.scalar(_PART, {**given, "number": number}) or b"", part=here)
        first += count
    return found


def sets_by_seq(connection: Connection, table_id: int, seqs: Collection[int]) -> list[SetInfo]:
    """Those that there are, the newest first."""
    statement = _sets(table_id).where(ChangeSet.seq.in_(seqs)).order_by(ChangeSet.seq.desc())
    return _with_originals(connection, table_id, [_info(row) for row in connection.execute(statement)])


def list_people(connection: Connection, table_id: int) -> list[tuple[int, str]]:
    """Whoever has changed something: id and name."""
    actors = select(ChangeSet.actor_id).where(ChangeSet.table_id == table_id).distinct()
    people = select(User.id, User.name, User.email).where(User.id.in_(actors))
    return sorted(((id_, name or email) for id_, name, email in connection.execute(people)), key=lambda one: one[1])


def log_size(connection: Connection, table_id: int) -> tuple[int, int]:
    """How many sets of this table are kept, and how many bytes they take, about."""
    sizes = select(func.count(), func.coalesce(func.sum(ChangeSet.size + SET_BYTES), 0))
    count, size = connection.execute(sizes.where(ChangeSet.table_id == table_id)).one()
    return count, size


def _sets(table_id: int) -> Select[*tuple[Any, ...]]:
    return (
        select(
            ChangeSet.seq,
            ChangeSet.at,
            ChangeSet.actor_id,
            AUTHOR_NAME,
            ChangeSet.via,
            ChangeSet.kind,
            ChangeSet.rows,
            ChangeSet.cells,
            ChangeSet.columns,
            ChangeSet.first_row,
            ChangeSet.last_row,
            ChangeSet.undo_of,
            ChangeSet.undone_by,
            ChangeSet.note,
            ChangeSet.purged,
            ChangeSet.is_purging,
            ChangeSet.state,
            TableForm.name,
        )
        .outerjoin(User, User.id == ChangeSet.actor_id)
        .outerjoin(TableForm, TableForm.id == ChangeSet.form_id)
        .where(ChangeSet.table_id == table_id)
    )


def _info(row: Row[Any]) -> SetInfo:
    values = list(row)
    values[8] = tuple(map(int, filter(None, values[8].split(","))))
    return SetInfo(*values)


def _conditions(wanted: HistoryFilter) -> list[ColumnElement[bool]]:
    conditions = list[ColumnElement[bool]]()
    if wanted.person is not None:
        conditions.append(ChangeSet.actor_id == wanted.person)
    if wanted.column is not None:
        conditions.append(("," + ChangeSet.columns + ",").contains(f",{int(wanted.column)},"))
    if wanted.kinds:
        conditions.append(ChangeSet.kind.in_(wanted.kinds))
    if wanted.since is not None:
        conditions.append(ChangeSet.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(ChangeSet.at < wanted.until)
    return conditions


def _with_originals(
    connection: Connection, table_id: int, sets: Sequence[SetInfo], depth: int = MAX_STEPS
) -> list[SetInfo]:
    """Each with the set that it takes back, and so on: a redo is two steps from what it is about."""
    seqs = {one.undo_of for one in sets if one.undo_of is not None}
    if not seqs or not depth:
        return list(sets)
    rows = connection.execute(_sets(table_id).where(ChangeSet.seq.in_(seqs)))
    originals = _with_originals(connection, table_id, [_info(row) for row in rows], depth - 1)
    known = {one.seq: one for one in originals}
    return [replace(one, taken_back=known.get(one.undo_of or 0)) for one in sets]


_STORED = select(ChangeSet.blob, ChangeSet.parts).where(
    ChangeSet.table_id == bindparam("table_id"), ChangeSet.seq == bindparam("seq")
)
_IN_SET = and_(ChangeSetPart.table_id == bindparam("table_id"), ChangeSetPart.seq == bindparam("seq"))
_PART_SIZES = select(ChangeSetPart.number, ChangeSetPart.entries).where(_IN_SET).order_by(ChangeSetPart.number)
_PART = select(ChangeSetPart.blob).where(_IN_SET, ChangeSetPart.number == bindparam("number"))
_LISTED = (
    select(Change.number, Change.row_id, Change.column, Change.before, Change.after)
    .where(Change.table_id == bindparam("table_id"), Change.seq == bindparam("seq"), Change.number > bindparam("after"))
    .order_by(Change.number)
)
