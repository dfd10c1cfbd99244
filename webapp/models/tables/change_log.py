"""Writing the change log: called by every verb that changes rows, cells or columns, in the verb's own transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, func, insert, select, update

from webapp.db.statements import OFTEN
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.base import utc_now
from webapp.models.errors import NotFound
from webapp.models.policy import Actor
from webapp.models.tables.change_set import (
    ChangeSet,
    ChangeSetPart,
    Entry,
    Kind,
    SetState,
    Via,
    columns_of,
    extent_of,
    insert_entries,
    insert_listed,
    listed_of,
    size_of,
    store_entries,
)
from webapp.models.tables.table import Table

PART_BYTES: Final = 60  # of a part without its entries, about
ACCESS_CHANGED: Final = "access"  # an event of a table's topic: whoever shows it looks again who may see it


@dataclass(frozen=True, slots=True)
class TableChanged:
    """An event of a table's topic: there are change sets up to `seq`; whoever shows the table reads them.

    `page` is the open page that asked for this one, if any: it need not be told what it did itself.
    """

    table_id: int
    seq: int
    page: str | None = None


@dataclass(frozen=True, slots=True)
class TableRewritten:
    """An event of a table's topic: many rows may have changed since the last set; whoever shows some reads them again.

    A large change has taken its number when it began. Here it has ended.
    """

    table_id: int


def topic_of(table_id: int) -> str:
    return f"table:{table_id}"


def publish_change(work: UnitOfWork, table_id: int, seq: int) -> None:
    """A subscriber that misses some of them reads everything since what it has all the same."""
    work.publish(topic_of(table_id), TableChanged(table_id, seq, work.page), key=str(seq))


def publish_rewritten(work: UnitOfWork, table_id: int) -> None:
    work.publish(topic_of(table_id), TableRewritten(table_id), key="rewritten")


def publish_access(work: UnitOfWork, table_id: int) -> None:
    """Who may see the table has changed, or that it exists: open pages find out at once."""
    work.publish(topic_of(table_id), ACCESS_CHANGED, key=ACCESS_CHANGED)


def record(
    connection: Connection,
    actor: Actor | None,
    via: Via,
    table_id: int,
    kind: Kind,
    entries: Sequence[Entry],
    *,
    undo_of: int | None = None,
    added_rows: int = 0,
    note: str = "",
    form_id: int | None = None,
) -> int:
    """Write a change set and return its `seq`; `added_rows` is by how many the table has more rows than before.

    The table's row is locked from here to the commit, so the order of `seq` is the order of commits. Raises `NotFound`.
    """
    seq = _take_seq(connection, table_id, added_rows)
    rows, cells = extent_of(entries)
    stored = store_entries(entries)
    connection.execute(
        _INSERT,
        {
            "table_id": table_id,
            "seq": seq,
            "at": utc_now(),
            **_maker(actor, via),
            "form_id": form_id,
            "kind": kind,
            "rows": len(rows),
            "cells": cells,
            "columns": ",".join(map(str, columns_of(entries))),
            "first_row": min(rows, default=None),
            "last_row": max(rows, default=None),
            "undo_of": undo_of,
            "note": note,
            "size": stored.size,
            "blob": stored.blob,
        },
    )
    insert_entries(connection, table_id, seq, stored)
    return seq


def _maker(actor: Actor | None, via: Via) -> dict[str, Any]:
    if actor is None or actor.link_id is None:
        return {"actor_id": actor.id if actor else None, "via": via, "link_id": None, "link_name": ""}
    return {"actor_id": None, "via": Via.LINK, "link_id": actor.link_id, "link_name": actor.name}


def record_import(connection: Connection, user_id: int, table_id: int, rows: int, filename: str) -> int:
    """Write the change set of an import whose rows are all in, and return its `seq`. It has no entries: its rows are
    those from 1 to `rows`. Raises `NotFound`.
    """
    seq = _take_seq(connection, table_id, 0)
    made = {"table_id": table_id, "seq": seq, "at": utc_now(), "actor_id": user_id, "via": Via.IMPORT}
    extent = {"rows": rows, "cells": 0, "first_row": 1 if rows else None, "last_row": rows or None, "size": 0}
    connection.execute(_INSERT, made | extent | {"kind": Kind.IMPORT, "note": filename})
    return seq


def record_large(
    connection: Connection, table_id: int, user_id: int | None, about: Mapping[str, Any], columns: Sequence[Entry] = ()
) -> int:
    """Write the set of a large change that begins, and return its `seq`. `about`: what is planned; `columns`: what it
    has done to columns. Raises `NotFound`.
    """
    seq = _take_seq(connection, table_id, 0)
    made = {"table_id": table_id, "seq": seq, "at": utc_now(), "actor_id": user_id, "size": 0}
    connection.execute(_INSERT, made | dict(about) | {"state": SetState.GROWING})
    insert_listed(connection, table_id, seq, columns)
    return seq


def complete_large(connection: Connection, table_id: int, seq: int, state: SetState) -> None:
    """Nothing is added to this set any more: from now on it says what it has."""
    given, listed = {"table_id": table_id, "seq": seq}, listed_of(connection, table_id, seq)
    parts, size, rows, cells, first, last = connection.execute(_PARTS, given).one()
    columns = {int(each) for some in connection.scalars(_PART_COLUMNS, given) for each in some.split(",") if each}
    columns.update(columns_of(listed))
    counts = {"parts": parts, "rows": rows, "cells": cells, "first_row": first, "last_row": last}
    counts["size"] = size + size_of(listed)
    named = ",".join(map(str, sorted(columns)))
    connection.execute(_COMPLETE, {"key": table_id, "number": seq, "state": state, "columns": named, **counts})
    connection.execute(_TOUCH, {"key": table_id, "now": utc_now()})


def mark_undone(connection: Connection, table_id: int, seq: int, by: int) -> None:
    """`seq` was taken back by the set `by`. What `seq` itself had taken back is in force again, and so on."""
    current: int | None = seq
    undone_by: int | None = by
    while current is not None:
        connection.execute(_SET_UNDONE_BY, {"key": table_id, "number": current, "by": undone_by})
        undone_by = current if undone_by is None else None
        current = connection.scalar(_UNDO_OF, {"table_id": table_id, "seq": current})


def take_row_ids(connection: Connection, table_id: int, count: int) -> range:
    """Reserve the ids of new rows, which are never used again. Raises `NotFound`."""
    end = connection.scalar(_TAKE_ROW_IDS, {"key": table_id, "count": count})
    if end is None:
        raise NotFound("table")
    return range(end - count, end)


def _take_seq(connection: Connection, table_id: int, added_rows: int) -> int:
    seq = connection.scalar(_TAKE_SEQ, {"key": table_id, "added": added_rows, "now": utc_now()})
    if seq is None:
        raise NotFound("table")
    return int(seq)


_COMPLETED = ("parts", "size", "rows", "cells", "first_row", "last_row", "columns", "state")
_INSERT = insert(ChangeSet).execution_options(**OFTEN)
_TAKE_SEQ = (
    update(Table)
    .where(Table.id == bindparam("key"), Table.deleted_at.is_(None))  # nothing changes in the trash
    .values(
        seq=Table.seq + 1,
        row_count=Table.row_count + bindparam("added"),
        changed_at=bindparam("now", type_=Table.changed_at.type),
    )
    .returning(Table.seq)
    .execution_options(**OFTEN)
)
_TAKE_ROW_IDS = (
    update(Table)
    .where(Table.id == bindparam("key"))
    .values(next_row_id=Table.next_row_id + bindparam("count"))
    .returning(Table.next_row_id)
)
_UNDO_OF = select(ChangeSet.undo_of).where(
    ChangeSet.table_id == bindparam("table_id"), ChangeSet.seq == bindparam("seq")
)
_SET_UNDONE_BY = (
    update(ChangeSet)
    .where(ChangeSet.table_id == bindparam("key"), ChangeSet.seq == bindparam("number"))
    .values(undone_by=bindparam("by"))
)
_OF_SET = and_(ChangeSetPart.table_id == bindparam("table_id"), ChangeSetPart.seq == bindparam("seq"))
_PARTS = select(
    func.count(),
    func.coalesce(func.sum(func.length(ChangeSetPart.blob) + PART_BYTES), 0),
    func.coalesce(func.sum(ChangeSetPart.rows), 0),
    func.coalesce(func.sum(ChangeSetPart.cells), 0),
    func.min(ChangeSetPart.first_row),
    func.max(ChangeSetPart.last_row),
).where(_OF_SET)
_PART_COLUMNS = select(ChangeSetPart.columns).distinct().where(_OF_SET)
_COMPLETE = (
    update(ChangeSet)
    .where(ChangeSet.table_id == bindparam("key"), ChangeSet.seq == bindparam("number"))
    .values(**{name: bindparam(name) for name in _COMPLETED})
)
_TOUCH = (
    update(Table).where(Table.id == bindparam("key")).values(changed_at=bindparam("now", type_=Table.changed_at.type))
)
