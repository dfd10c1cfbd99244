"""The audit log as a file: CSV that is safe to open in a spreadsheet, or NDJSON with everything as recorded."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import tzinfo

from webapp.admin import trail, words
from webapp.admin.trail import Query
from webapp.db.database import Database
from webapp.models import AuditEvent
from webapp.types.text import defuse_formula

AT_ONCE = 1000  # events read and held in memory at a time
MIMETYPES = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
HEADS = ("number", "at", "event", "what", "who_id", "who", "whom_id", "whom", "address", "browser", "details")


async def stream(database: Database, query: Query, zone: tzinfo, kind: str) -> AsyncIterator[bytes]:
    """Newest first. Each block is read in its own session, so a slow reader holds nothing open."""
    if kind == "csv":
        yield _csv([HEADS])
    before: int | None = None
    while True:
        async with database.reading() as session:
            events = (await session.scalars(trail.statement(query, zone, before).limit(AT_ONCE))).all()
        if events:
            yield LINES[kind](events)
        if len(events) < AT_ONCE:
            return
        before = events[-1].id


def _cells(event: AuditEvent) -> list[object]:
    at, what = event.at.isoformat(timespec="seconds"), words.event_in_words(event.event)
    details = json.dumps(event.details, ensure_ascii=False) if event.details else ""
    who: list[object] = [event.actor_id, event.actor, event.subject_id, event.subject]
    return [event.id, at, event.event, what, *who, event.address, event.agent, details]


def _csv_lines(events: Sequence[AuditEvent]) -> bytes:
    return _csv([[_harmless(cell) for cell in _cells(event)] for event in events])


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _harmless(cell: object) -> object:
    """A user agent may contain what a spreadsheet would run as a formula."""
    return defuse_formula(cell) if isinstance(cell, str) else cell


def _json_lines(events: Sequence[AuditEvent]) -> bytes:
    objects = (dict(zip(HEADS, _cells(event), strict=True)) | {"details": event.details} for event in events)
    return "".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in objects).encode()


LINES: dict[str, Callable[[Sequence[AuditEvent]], bytes]] = {"csv": _csv_lines, "ndjson": _json_lines}
