"""The job of deleting rows and columns for good: what the change log has about them goes, wherever it stands in it.

The sets stay, and say how many of their entries are gone: what is read in their order finds no gap. A set whose
deletions are to go has been marked (`deletion_purging.py`). Its own entries are removed last, in the transaction that
removes the mark: whatever is interrupted is done again from the beginning. A large set goes some parts at a time, each
with what the rest of the log has of its rows.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update

from webapp.db.functions import listed
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.tables.change_set import (
    Change,
    ChangeSet,
    Entry,
    cells_from_json,
    cells_to_json,
    entries_from_blob,
    entries_of,
    entry_from_row,
    listed_of,
    size_of,
    store_entries,
)
from webapp.models.tables.deletions import (
    rows_to_purge,
    rows_to_purge_of_part,
)
from webapp.models.tables.part_scrubbing import Place, PlaceKind, apply_part, find_places, read_part, scrub_samples
from webapp.models.tables.row_parts import has_parts, row_parts
from webapp.models.tables.table import Column
from webapp.rowstore import row_reader, within
from webapp.rowstore.entries import pack, pack_part

BATCH_ENTRIES = 1_000  # of the sets that are changed in one unit of work; a large one has one of its own
GROUP_ROWS = 20_000  # of a large deletion, about, that go together
UNCHANGED = 50  # entries that reading a part is worth


@dataclass(frozen=True, slots=True)
class Purge:
    """What is to go because of the set `seq`: rows and columns, and where entries may name them, in `seq` itself the
    last. Of a large set it is what its parts up to `last_part` have; `is_last`: there are no more.
    """

    table_id: int
    seq: int
    rows: frozenset[int]
    columns: frozenset[int]
    places: tuple[Place, ...]
    last_part: int = 0
    is_last: bool = True


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What becomes of a set, or a part, that loses `count` entries: its new values, and which of its listed entries go
    or have other texts; nothing, if it has no values. `work` says how much that is, in entries; `freed` are the bytes
    that a part has less.
    """

    place: Place
    work: int
    count: int = 0
    values: dict[str, Any] = field(default_factory=dict)
    gone: list[int] = field(default_factory=list)
    rewritten: list[dict[str, Any]] = field(default_factory=list)
    freed: int = 0


def find_purge(connection: Connection, table_id: int, last: Purge | None = None) -> Purge | None:
    """What is to be done next in a table, after `last`; None if nothing is."""
    seq = connection.scalar(_NEXT, {"table_id": table_id})
    if seq is None:
        return None
    if has_parts(connection, table_id, seq):
        return _find_large(connection, table_id, seq, last.last_part if last is not None and last.seq == seq else 0)
    rows = frozenset(rows_to_purge(connection, row_reader(connection), table_id, seq))
    columns = _purged_columns(connection, table_id, entries_of(connection, table_id, seq))
    own = Place(PlaceKind.SET, seq)
    return Purge(table_id, seq, rows, columns, (*_places(connection, table_id, rows, columns, {own}), own))


def _purged_columns(connection: Connection, table_id: int, entries: Sequence[Entry]) -> frozenset[int]:
    """None, if no entry names one: those that other sets have deleted have their turn with these."""
    columns = frozenset(connection.scalars(_COLUMNS, {"table_id": table_id}))
    return columns if any(entry.is_column and entry.column in columns for entry in entries) else frozenset()


def _find_large(connection: Connection, table_id: int, seq: int, after: int) -> Purge:
    reader, rows, own = row_reader(connection), set[int](), list[Place]()
    numbers = row_parts(connection, table_id, seq, after)
    for after in numbers:
        if some := rows_to_purge_of_part(connection, reader, table_id, seq, after):
            rows |= some
            own.append(Place(PlaceKind.PART, seq, after))
        if len(rows) >= GROUP_ROWS:
            break
    is_last = not numbers or after == numbers[-1]
    own += [Place(PlaceKind.SET, seq)] if is_last else []
    columns = _purged_columns(connection, table_id, listed_of(connection, table_id, seq)) if is_last else frozenset()
    others = _places(connection, table_id, frozenset(rows), columns, set(own)) if rows or columns else []
    return Purge(table_id, seq, frozenset(rows), columns, (*others, *own), after, is_last)


def _places(
    connection: Connection, table_id: int, rows: frozenset[int], columns: frozenset[int], own: set[Place]
) -> list[Place]:
    """Where entries may name these, but for those of the set itself."""
    seqs = set(connection.scalars(_ALL_SETS if columns else _NAMING_SETS, _given(table_id, rows)))
    places = [Place(PlaceKind.SET, seq) for seq in sorted(seqs)]
    places += find_places(connection, table_id, None if columns else (min(rows, default=0), max(rows, default=0)))
    return [place for place in places if place not in own]


def plan_batch(connection: Connection, purge: Purge, done: int) -> list[Scrubbed]:
    """What becomes of the next places after the first `done`, read beforehand: making a large set anew takes a second,
    in which others write. Nothing else changes a set.
    """
    planned, size = list[Scrubbed](), 0
    for place in purge.places[done:]:
        is_set = place.kind == PlaceKind.SET
        planned.append((_scrubbed_set if is_set else _scrubbed_part)(connection, purge, place))
        size += planned[-1].work
        if size >= BATCH_ENTRIES:
            break
    return planned


async def scrub_batch(work: UnitOfWork, purge: Purge, planned: Sequence[Scrubbed]) -> None:
    """Remove what is to go from these places; with the last one the purge is over."""

    def scrub(connection: Connection) -> None:
        for one in planned:
            _apply(connection, purge.table_id, one)
        if planned and planned[-1].place == purge.places[-1]:
            scrub_samples(connection, purge.table_id, purge.rows, is_all=bool(purge.columns))
            if purge.is_last:
                connection.execute(_FINISH, {"key": purge.table_id, "number": purge.seq})

    await work.run(scrub)


async def forget_in_search(work: UnitOfWork, table_id: int, begins: bool) -> bool:
    """Some of what the search index still has about deleted rows; return whether there is more."""
    return await within(work, lambda rows: rows.forget_deleted(table_id, begins=begins))


def _scrubbed_part(connection: Connection, purge: Purge, place: Place) -> Scrubbed:
    blob = read_part(connection, purge.table_id, place)
    before = entries_from_blob(blob) if blob else []
    kept = [left for entry in before if (left := _scrubbed(entry, purge)) is not None]
    if blob is None or kept == before:
        return Scrubbed(place, UNCHANGED)
    new = pack_part(kept)
    values = {"blob": new, "entries": kept}
    return Scrubbed(place, BATCH_ENTRIES, len(before) - len(kept), values, freed=len(blob) - len(new))


def _scrubbed_set(connection: Connection, purge: Purge, place: Place) -> Scrubbed:
    given = {"table_id": purge.table_id, "seq": place.of}
    blob = connection.scalar(_BLOB, given)
    if blob is not None:
        before = entries_from_blob(blob)
        kept = [left for entry in before if (left := _scrubbed(entry, purge)) is not None]
        if kept == before:
            return Scrubbed(place, 1)
        new = pack(kept)
        values = {"blob": new, "size": len(new) if kept else 0}
        return Scrubbed(place, BATCH_ENTRIES, len(before) - len(kept), values)
    gone, rewritten, freed = list[int](), list[dict[str, Any]](), 0
    rows = connection.execute(_LISTED, given).all()
    for number, row_id, column, was, now in rows:
        entry = entry_from_row(row_id, column, was, now)
        left = _scrubbed(entry, purge)
        freed += size_of([entry]) - size_of([left] if left else [])
        if left is None:
            gone.append(number)
            continue
        if left != entry:
            stored = store_entries([left]).listed[0]
            rewritten.append({"of": number, "was": stored["before"], "is": stored["after"]})
    values = {"size": ChangeSet.size - freed} if gone or rewritten else {}
    return Scrubbed(place, len(rows), len(gone), values, gone, rewritten)


def _apply(connection: Connection, table_id: int, one: Scrubbed) -> None:
    if not one.values:
        return
    if one.place.kind != PlaceKind.SET:
        apply_part(connection, table_id, one.place, one.values["entries"], one.values["blob"], one.count, one.freed)
        return
    place = {"key": table_id, "set": one.place.of}
    if one.gone:
        connection.execute(_DELETE, [place | {"of": number} for number in one.gone])
    if one.rewritten:
        connection.execute(_REWRITE, [place | entry for entry in one.rewritten])
    where = ChangeSet.table_id == table_id, ChangeSet.seq == one.place.of
    connection.execute(update(ChangeSet).where(*where).values(purged=ChangeSet.purged + one.count, **one.values))


def _scrubbed(entry: Entry, purge: Purge) -> Entry | None:
    """What is left of an entry."""
    if entry.row_id in purge.rows or entry.column in purge.columns:
        return None
    if purge.columns and entry.is_row:
        return entry._replace(before=_without(entry.before, purge), after=_without(entry.after, purge))
    return entry


def _without(cells: str | None, purge: Purge) -> str | None:
    if cells is None:
        return None
    found = cells_from_json(cells)
    if found.keys().isdisjoint(purge.columns):
        return cells
    return cells_to_json({number: text for number, text in found.items() if number not in purge.columns})


def _given(table_id: int, rows: frozenset[int]) -> dict[str, Any]:
    return {
        "table_id": table_id,
        "ids": json.dumps(sorted(rows)),
        "first": min(rows, default=0),
        "last": max(rows, default=0),
    }


_OF_TABLE = ChangeSet.table_id == bindparam("table_id")
_OF_KEY = ChangeSet.table_id == bindparam("key"), ChangeSet.seq == bindparam("number")
_FINISH = update(ChangeSet).where(*_OF_KEY).values(is_purging=False)
_NEXT = select(func.min(ChangeSet.seq)).where(_OF_TABLE, ChangeSet.is_purging)
_COLUMNS = select(Column.number).where(
    Column.table_id == bindparam("table_id"), Column.is_purged, Column.is_dropped.is_(False)
)
_ALL_SETS = select(ChangeSet.seq).where(_OF_TABLE)
_NAMING_SETS = (
    select(Change.seq)
    .where(Change.table_id == bindparam("table_id"), listed(Change.row_id, "ids"))
    .union(
        select(ChangeSet.seq).where(
            _OF_TABLE,
            ChangeSet.blob.is_not(None),
            ChangeSet.first_row <= bindparam("last"),
            ChangeSet.last_row >= bindparam("first"),
        )
    )
)
_BLOB = select(ChangeSet.blob).where(_OF_TABLE, ChangeSet.seq == bindparam("seq"))
_LISTED = (
    select(Change.number, Change.row_id, Change.column, Change.before, Change.after)
    .where(Change.table_id == bindparam("table_id"), Change.seq == bindparam("seq"))
    .order_by(Change.number)
)
_PLACE = Change.table_id == bindparam("key"), Change.seq == bindparam("set"), Change.number == bindparam("of")
_DELETE = delete(Change).where(*_PLACE)
_REWRITE = update(Change).where(*_PLACE).values(before=bindparam("was"), after=bindparam("is"))
