"""Where else than in ordinary sets the texts of rows are: in parts of large sets, in plans that wait or are forgotten
later, and in what large changes have left as it was. What is deleted for good goes there, too, a part at a time.
"""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, delete, select, update

from webapp.models.tables.change_log import PART_BYTES
from webapp.models.tables.change_set import ChangeSet, ChangeSetPart, Entry, columns_of, extent_of
from webapp.models.tables.large_change import LargeChange, LargeChangeLeft, LargeChangePart


class PlaceKind(StrEnum):
    SET = "set"  # not in parts
    PART = "part"
    PLAN = "plan"
    LEFT = "left"


class Place(NamedTuple):
    """`of` is the `seq` of a set, or the id of a large change; `number` that of a part."""

    kind: PlaceKind
    of: int
    number: int = 0


def find_places(connection: Connection, table_id: int, extent: tuple[int, int] | None) -> list[Place]:
    """All that may have rows from the first to the last one; None for any."""
    given = {"table_id": table_id}
    parts = _PARTS
    if extent is not None:
        parts = parts.where(ChangeSetPart.first_row <= extent[1], ChangeSetPart.last_row >= extent[0])
    found = [Place(PlaceKind.PART, *row) for row in connection.execute(parts, given)]
    found += [Place(PlaceKind.PLAN, *row) for row in connection.execute(_numbers(LargeChangePart), given)]
    return found + [Place(PlaceKind.LEFT, *row) for row in connection.execute(_numbers(LargeChangeLeft), given)]


def read_part(connection: Connection, table_id: int, place: Place) -> bytes | None:
    """None if it is gone."""
    model: Any = _MODELS[place.kind]
    return connection.scalar(select(model.blob).where(*_at(table_id, place)))


def apply_part(
    connection: Connection,
    table_id: int,
    place: Place,
    kept: Sequence[Entry],
    blob: bytes,
    count: int,
    freed: int,
) -> None:
    """`kept`, packed as `blob`, is what is left of a part that loses `count` entries and `freed` bytes. A part of a set
    goes if nothing is; one of a plan stays, since these are counted.
    """
    model: Any = _MODELS[place.kind]
    where = _at(table_id, place)
    if place.kind == PlaceKind.PLAN or kept:
        connection.execute(update(model).where(*where).values(blob=blob, **_extent(place, kept)))
    else:
        connection.execute(delete(model).where(*where))
    if place.kind == PlaceKind.PART:
        is_gone = not kept
        connection.execute(
            update(ChangeSet)
            .where(ChangeSet.table_id == table_id, ChangeSet.seq == place.of)
            .values(
                purged=ChangeSet.purged + count,
                size=ChangeSet.size - freed - (len(blob) + PART_BYTES if is_gone else 0),
                parts=ChangeSet.parts - int(is_gone),
            )
        )


def scrub_samples(connection: Connection, table_id: int, rows: Collection[int], *, is_all: bool) -> None:
    """The reports of large changes show some rows: none of these any more, or none at all. Why a text was refused may
    quote any row.
    """
    for change_id, report in connection.execute(_REPORTS, {"table_id": table_id}).all():
        samples = report.get("samples") or []
        kept = {"samples": [] if is_all else [sample for sample in samples if sample[0] not in rows]}
        if "refusals" in report:
            kept["refusals"] = []
        if (new := report | kept) != report:
            connection.execute(_SET_REPORT, {"key": change_id, "kept": new})


def _extent(place: Place, kept: Sequence[Entry]) -> dict[str, Any]:
    if place.kind == PlaceKind.PLAN:
        return {}
    if place.kind == PlaceKind.LEFT:
        return {"entries": len(kept)}
    rows, cells = extent_of(kept)
    named = ",".join(map(str, columns_of(kept)))
    extent = {"first_row": min(rows), "last_row": max(rows), "columns": named}
    return {"entries": len(kept), "rows": len(rows), "cells": cells, **extent}


def _at(table_id: int, place: Place) -> tuple[Any, ...]:
    if place.kind == PlaceKind.PART:
        of_set = ChangeSetPart.table_id == table_id, ChangeSetPart.seq == place.of
        return *of_set, ChangeSetPart.number == place.number
    model: Any = _MODELS[place.kind]
    return model.change_id == place.of, model.number == place.number


def _numbers(model: Any) -> Select[int, int]:
    numbers = select(model.change_id, model.number).join(LargeChange, LargeChange.id == model.change_id)
    return numbers.where(LargeChange.table_id == bindparam("table_id")).order_by(model.change_id, model.number)


_MODELS = {PlaceKind.PART: ChangeSetPart, PlaceKind.PLAN: LargeChangePart, PlaceKind.LEFT: LargeChangeLeft}
_PARTS = (
    select(ChangeSetPart.seq, ChangeSetPart.number)
    .where(ChangeSetPart.table_id == bindparam("table_id"))
    .order_by(ChangeSetPart.seq, ChangeSetPart.number)
)
_REPORTS = select(LargeChange.id, LargeChange.report).where(LargeChange.table_id == bindparam("table_id"))
_SET_REPORT = (
    update(LargeChange)
    .where(LargeChange.id == bindparam("key"))
    .values(report=bindparam("kept", type_=LargeChange.report.type))
)
