"""The audit log as a file: CSV that is safe to open in a spreadsheet, or NDJSON with everything as recorded."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import tzinfo

from webapp.admin.audit_query import AuditQuery, audit_statement
from webapp.admin.audit_wording import describe_event
from webapp.db.database import Database
from webapp.models import AuditEvent
from webapp.types.text import defuse_formula

BLOCK_SIZE = 1000  # events read and held in memory at a time
MIMETYPES = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
HEADER = ("number", "at", "event", "what", "who_id", "who", "whom_id", "whom", "address", "browser", "details")


async def export_audit_log(database: Database, query: AuditQuery, zone: tzinfo, kind: str) -> AsyncIterator[bytes]:
    """Newest first. Each block is read in its own session, so a slow reader holds nothing open."""
    if kind == "csv":
        yield _csv([HEADER])
    before: int | None = None
    while True:
        async with database.reading() as session:
            events = (await session.scalars(audit_statement(query, zone, before).limit(BLOCK_SIZE))).all()
        if events:
            yield SERIALIZERS[kind](events)
        if len(events) < BLOCK_SIZE:
            return
        before = events[-1].id


def _cells(event: AuditEvent) -> list[object]:
    at, what = event.at.isoformat(timespec="seconds"), describe_event(event.event)
    details = json.dumps(event.details, ensure_ascii=False) if event.details else ""
    who: list[object] = [event.actor_id, event.actor, event.subject_id, event.subject]
    return [event.id, at, event.event, what, *who, event.address, event.agent, details]


def _csv_rows(events: Sequence[AuditEvent]) -> bytes:
    return _csv([[_escape_formula(cell) for cell in _cells(event)] for event in events])


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _escape_formula(cell: object) -> object:
    """A user agent may contain what a spreadsheet would run as a formula."""
    return defuse_formula(cell) if isinstance(cell, str) else cell


def _json_lines(events: Sequence[AuditEvent]) -> bytes:
    objects = (dict(zip(HEADER, _cells(event), strict=True)) | {"details": event.details} for event in events)
    return "".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in objects).encode()


SERIALIZERS: dict[str, Callable[[Sequence[AuditEvent]], bytes]] = {"csv": _csv_rows, "ndjson": _json_lines}
