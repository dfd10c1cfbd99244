"""Change sets as programs are told them: what can be written as JSON, without what is too large to be told in whole."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, case, func, or_, select

from webapp.models.accounts.user import User
from webapp.models.tables.change_set import Change, ChangeSet, Entry, Kind, SetState, cells_from_json, entry_from_row
from webapp.models.tables.set_author import AUTHOR_NAME
from webapp.models.tables.table_form import TableForm
from webapp.models.tables.webhook import WebhookEvent

MAX_SETS: Final = 100  # that are looked at for one message
MAX_ENTRIES: Final = 1_000  # of all sets of a message, but for the first
MAX_BYTES: Final = 256 * 1024  # of the same, about

ROWS = (WebhookEvent.ROWS_ADDED, WebhookEvent.ROWS_CHANGED, WebhookEvent.ROWS_DELETED)
# What a set does whose entries are not looked at. Any other may have done anything to rows.
OF_KIND: dict[str, tuple[WebhookEvent, ...]] = {
    Kind.CELLS: (WebhookEvent.ROWS_CHANGED,),
    Kind.ADD_ROWS: (WebhookEvent.ROWS_ADDED,),
    Kind.DELETE_ROWS: (WebhookEvent.ROWS_DELETED,),
    Kind.IMPORT: (WebhookEvent.ROWS_ADDED,),
    Kind.COLUMNS: (WebhookEvent.COLUMNS,),
    Kind.TITLE: (WebhookEvent.TABLE,),
}


@dataclass(frozen=True, slots=True)
class Summary:
    """A change set without its entries."""

    seq: int
    events: frozenset[WebhookEvent]
    entries: int  # that would be told
    size: int  # bytes of these, about


def summaries_after(connection: Connection, table_id: int, after: int) -> list[Summary]:
    """The next sets, at most `MAX_SETS`, in order; none from one on that a large change is still making."""
    given = {"table_id": table_id, "after": after}
    entries: dict[int, list[Any]] = {}
    for row in connection.execute(_EVENTS, given):
        entries[row.seq] = [row.added, row.changed, row.deleted, row.columns, row.title]
    found = []
    for row in connection.execute(_SETS, given):
        if row.state == SetState.GROWING:
            break
        flags = entries.get(row.seq)
        events = {event for event, is_there in zip(WebhookEvent, flags or (), strict=False) if is_there}
        if row.is_large or flags is None:
            events.update(OF_KIND.get(row.kind, ROWS))
        is_told = _is_told(row)
        found.append(
            Summary(row.seq, frozenset(events), max(row.rows, row.cells) if is_told else 0, row.size if is_told else 0)
        )
    return found


def tell(connection: Connection, table_id: int, seqs: Collection[int]) -> list[dict[str, Any]]:
    """These sets, in order, as far as they are still there. What `cells`, `added` and `deleted` hold are the exact
    texts of the log; one that is too large has none of these, but `is_cut`.
    """
    given = {"table_id": table_id, "seqs": list(seqs)}
    rows = connection.execute(_TOLD, given).all()
    whole = [row.seq for row in rows if _is_told(row)]
    entries: dict[int, list[Entry]] = {seq: [] for seq in whole}
    for row in connection.execute(_ENTRIES, {"table_id": table_id, "seqs": whole}):
        entries[row.seq].append(entry_from_row(row.row_id, row.column, row.before, row.after))
    return [_told(row, entries.get(row.seq)) for row in rows]


def _is_told(row: Any) -> bool:
    """Whether its entries are: those of a blob or of parts would be too many."""
    return not row.is_large and row.kind != Kind.IMPORT and row.size <= MAX_BYTES


def _told(row: Any, entries: list[Entry] | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "seq": row.seq,
        "at": row.at.isoformat(),
        "kind": row.kind,
        "state": row.state or "whole",
        "by": {"id": row.actor_id, "name": row.name} if row.actor_id is not None else None,
        "via": row.via,
        "link": row.link_name or None,
        "form": row.form,
        "note": row.note or None,
        "undo_of": row.undo_of,
        "row_count": row.rows,
        "cell_count": row.cells,
        "columns_touched": [int(number) for number in row.columns.split(",") if number],
        "is_cut": entries is None,
    }
    return told | (_contents(entries) if entries is not None else {"row_range": [row.first_row, row.last_row]})


def _contents(entries: list[Entry]) -> dict[str, Any]:
    return {
        "cells": [
            {"row": entry.row_id, "column": entry.column, "before": entry.before, "after": entry.after}
            for entry in entries
            if entry.is_cell
        ],
        "added": [
            {"row": entry.row_id, "cells": cells_from_json(entry.after)}
            for entry in entries
            if entry.is_row and entry.after is not None
        ],
        "deleted": [
            {"row": entry.row_id, "cells": cells_from_json(entry.before)}
            for entry in entries
            if entry.is_row and entry.after is None and entry.before is not None
        ],
        "columns": [
            {"column": entry.column, "before": _properties(entry.before), "after": _properties(entry.after)}
            for entry in entries
            if entry.is_column
        ],
        "title": next(
            ({"before": entry.before, "after": entry.after} for entry in entries if entry.is_title),
            None,
        ),
    }


def _properties(text: str | None) -> Any:
    return None if text is None else json.loads(text)


_IS_LARGE = or_(ChangeSet.blob.is_not(None), ChangeSet.parts > 0, ChangeSet.state != "").label("is_large")
_NEXT = and_(
    ChangeSet.table_id == bindparam("table_id"),
    ChangeSet.seq > bindparam("after"),
    ChangeSet.seq <= bindparam("after") + MAX_SETS,
)
_SETS = (
    select(ChangeSet.seq, ChangeSet.kind, ChangeSet.state, ChangeSet.rows, ChangeSet.cells, ChangeSet.size, _IS_LARGE)
    .where(_NEXT)
    .order_by(ChangeSet.seq)
)
_IS_CELL = and_(Change.row_id.is_not(None), Change.column.is_not(None))
_IS_ROW = and_(Change.row_id.is_not(None), Change.column.is_(None))


def _has(condition: Any) -> Any:
    return func.max(case((condition, 1), else_=0))


_EVENTS = (
    select(
        Change.seq,
        _has(and_(_IS_ROW, Change.after.is_not(None))).label("added"),
        _has(_IS_CELL).label("changed"),
        _has(and_(_IS_ROW, Change.after.is_(None))).label("deleted"),
        _has(and_(Change.row_id.is_(None), Change.column.is_not(None))).label("columns"),
        _has(and_(Change.row_id.is_(None), Change.column.is_(None))).label("title"),
    )
    .where(
        Change.table_id == bindparam("table_id"),
        Change.seq > bindparam("after"),
        Change.seq <= bindparam("after") + MAX_SETS,
    )
    .group_by(Change.seq)
)
_THESE = and_(ChangeSet.table_id == bindparam("table_id"), ChangeSet.seq.in_(bindparam("seqs", expanding=True)))
_TOLD = (
    select(
        ChangeSet.seq,
        ChangeSet.at,
        ChangeSet.kind,
        ChangeSet.state,
        ChangeSet.actor_id,
        ChangeSet.via,
        ChangeSet.link_name,
        ChangeSet.note,
        ChangeSet.undo_of,
        ChangeSet.rows,
        ChangeSet.cells,
        ChangeSet.columns,
        ChangeSet.first_row,
        ChangeSet.last_row,
        ChangeSet.size,
        _IS_LARGE,
        AUTHOR_NAME.label("name"),
        TableForm.name.label("form"),
    )
    .outerjoin(User, User.id == ChangeSet.actor_id)
    .outerjoin(TableForm, TableForm.id == ChangeSet.form_id)
    .where(_THESE)
    .order_by(ChangeSet.seq)
)
_ENTRIES = (
    select(Change.seq, Change.row_id, Change.column, Change.before, Change.after)
    .where(Change.table_id == bindparam("table_id"), Change.seq.in_(bindparam("seqs", expanding=True)))
    .order_by(Change.seq, Change.number)
)
