"""Change sets as programs are told them: what can be written as JSON, without what is too large to be told in whole."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, case, func, select

from webapp.models.accounts.user import User
from webapp.models.tables.change_documents import change_document
from webapp.models.tables.change_feed import IS_LARGE, SET_COLUMNS, LoggedSet, logged_set
from webapp.models.tables.change_set import Change, ChangeSet, Entry, Kind, SetState, cells_from_json, entry_from_row
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
    """These sets, in order, as far as they are still there: what programs are told otherwise (`change_document`), with
    texts in whole, and how it was before. One that is too large has an `extent` instead of entries.
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
    logged = logged_set(row, is_listed=entries is not None)
    for entry in entries or ():
        _add(logged, entry)
    told = change_document(logged, longest=None)
    for cell, entry in zip(told["cells"], (entry for entry in entries or () if entry.is_cell), strict=True):
        cell["before"] = entry.before
    return told | {
        "at": row.at.isoformat(),
        "state": row.state or "whole",
        "via": row.via,
        "link": row.link_name or None,
        "form": row.form,
        "note": row.note or None,
        "undo_of": row.undo_of,
        **_details(entries or ()),
    }


def _add(logged: LoggedSet, entry: Entry) -> None:
    if entry.row_id is not None and entry.column is not None:
        logged.cells.append((entry.row_id, entry.column, entry.after or ""))
    elif entry.row_id is not None:
        (logged.deleted if entry.after is None else logged.added).append(entry.row_id)
    elif entry.column is not None:
        logged.columns.append(entry.column)
    else:
        logged.title = entry.after


def _details(entries: Sequence[Entry]) -> dict[str, Any]:
    """What the lists have no place for."""
    return {
        "rows": {
            str(entry.row_id): cells_from_json(text)
            for entry in entries
            if entry.is_row and (text := entry.before if entry.after is None else entry.after) is not None
        },
        "properties": [
            {"column": entry.column, "before": _properties(entry.before), "after": _properties(entry.after)}
            for entry in entries
            if entry.is_column
        ],
        "title_before": next((entry.before for entry in entries if entry.is_title), None),
    }


def _properties(text: str | None) -> Any:
    return None if text is None else json.loads(text)


_NEXT = and_(
    ChangeSet.table_id == bindparam("table_id"),
    ChangeSet.seq > bindparam("after"),
    ChangeSet.seq <= bindparam("after") + MAX_SETS,
)
_SETS = (
    select(ChangeSet.seq, ChangeSet.kind, ChangeSet.state, ChangeSet.rows, ChangeSet.cells, ChangeSet.size, IS_LARGE)
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
        *SET_COLUMNS,
        ChangeSet.at,
        ChangeSet.state,
        ChangeSet.via,
        ChangeSet.link_name,
        ChangeSet.note,
        ChangeSet.undo_of,
        ChangeSet.size,
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
