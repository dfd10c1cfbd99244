"""What a webhook is sent: which change sets go into one message, and the message as JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from webapp.models.tables.change_feed import read_columns
from webapp.models.tables.table import Table
from webapp.models.tables.told_changes import MAX_BYTES, MAX_ENTRIES, summaries_after, tell
from webapp.models.tables.webhook import DeliveryKind

CHANGED: Final = "table.changed"
TEST: Final = "test"


@dataclass(frozen=True, slots=True)
class Range:
    """The change sets after `after` up to `up_to`; `is_wanted`: whether the webhook is about any of them."""

    after: int
    up_to: int
    is_wanted: bool


@dataclass(frozen=True, slots=True)
class Message:
    """What a delivery has to say. `events` are those that the webhook wants; empty: all."""

    id: str
    kind: str
    table_id: int
    after: int
    up_to: int
    events: tuple[str, ...]
    made_at: datetime


def next_range(connection: Connection, table_id: int, after: int, events: tuple[str, ...]) -> Range | None:
    """What goes into the next message: at least one set, however large, and more while they are small. None if there is
    nothing yet.
    """
    log_from = connection.scalar(_LOG_FROM, {"table_id": table_id})
    if log_from is None:
        return None
    up_to, is_wanted = max(after, log_from - 1), log_from > after + 1  # what is not kept any more is told as missing
    entries = size = 0
    for summary in summaries_after(connection, table_id, up_to):
        if not events or not summary.events.isdisjoint(events):
            entries, size = entries + summary.entries, size + summary.size
            if is_wanted and (entries > MAX_ENTRIES or size > MAX_BYTES):
                break
            is_wanted = True
        up_to = summary.seq
    return Range(after, up_to, is_wanted) if up_to > after else None


def write_message(connection: Connection, message: Message, origin: str) -> bytes | None:
    """As JSON in UTF-8, the same for each attempt unless the log or the table has changed; None if the table is gone.
    `origin` is where this server's addresses begin.
    """
    table = connection.execute(_TABLE, {"table_id": message.table_id}).first()
    if table is None:
        return None
    is_test = message.kind == DeliveryKind.TEST
    changes = [] if is_test else _changes(connection, message, table.log_from, origin)
    written = {
        "id": message.id,
        "type": TEST if is_test else CHANGED,
        "timestamp": changes[-1]["at"] if changes else message.made_at.isoformat(),
        "table": {
            "id": message.table_id,
            "title": table.title,
            "url": f"{origin}/tables/{message.table_id}",
            "columns": [
                {"number": field.number, "title": field.title, "type": field.type}
                for field in read_columns(connection, message.table_id).fields
            ],
        },
        "seq": message.up_to,
        "missing": None if is_test else _missing(message, table.log_from),
        "changes": changes,
    }
    return json.dumps(written, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _changes(connection: Connection, message: Message, log_from: int, origin: str) -> list[dict[str, Any]]:
    wanted: Mapping[int, list[str]] = {
        summary.seq: sorted(summary.events)
        for summary in summaries_after(connection, message.table_id, max(message.after, log_from - 1))
        if summary.seq <= message.up_to and (not message.events or not summary.events.isdisjoint(message.events))
    }
    told = tell(connection, message.table_id, wanted)
    address = f"{origin}/api/v1/tables/{message.table_id}/changes?after="
    return [{"events": wanted[each["seq"]], "url": f"{address}{each['seq'] - 1}"} | each for each in told]


def _missing(message: Message, log_from: int) -> list[int] | None:
    """The first and the last number of the sets that are not kept any more."""
    last = min(log_from - 1, message.up_to)
    return [message.after + 1, last] if last > message.after else None


_LOG_FROM = select(Table.log_from).where(Table.id == bindparam("table_id"), Table.deleted_at.is_(None))
_TABLE = select(Table.title, Table.log_from).where(Table.id == bindparam("table_id"), Table.deleted_at.is_(None))
