"""The audit log: browsed, and exported as a stream.

The export is CSV that is safe to open in a spreadsheet, or NDJSON with everything as recorded.
"""

import csv
import io
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from quart import Response, request, url_for
from quart.typing import ResponseReturnValue

from webapp.admin import bp
from webapp.admin.audit_query import AuditQuery, audit_page, audit_statement
from webapp.admin.audit_wording import EVENTS, GROUPS, describe_details, describe_event
from webapp.db.database import Database
from webapp.db.errors import UserError
from webapp.extensions import db
from webapp.models import AuditEvent, Event
from webapp.types.text import defuse_formula
from webapp.web.access import Action, may
from webapp.web.audit import record_soon
from webapp.web.formatting import find_time_zone
from webapp.web.fragments import render
from webapp.web.session import current_user
from webapp.web.streaming import streamed
from webapp.web.user_agents import describe_user_agent

BLOCK_SIZE = 1000  # events read and held in memory at a time
MIMETYPES = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
HEADER = ("number", "at", "event", "what", "who_id", "who", "whom_id", "whom", "address", "browser", "details")


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An event as the log shows it."""

    event: AuditEvent
    what: str
    details: str
    agent: str


def present_event(event: AuditEvent) -> AuditEntry:
    return AuditEntry(
        event, describe_event(event.event), describe_details(event.details), describe_user_agent(event.agent)
    )


@bp.get("/audit")
@may(Action.RUN_SERVER)
async def audit_index() -> ResponseReturnValue:
    groups = [
        (group, title, [(str(event), label) for event, label in EVENTS.items() if event.startswith(f"{group}.")])
        for group, title in GROUPS.items()
    ]
    return await render("admin/audit/index.html", "admin/audit/_results.html", groups=groups, **await _log())


@bp.get("/audit/rows")
@may(Action.RUN_SERVER)
async def audit_rows() -> ResponseReturnValue:
    """Earlier events, to append to a page; never a page of its own."""
    return await render("admin/audit/_rows.html", **await _log())


@bp.get("/audit/export")
@may(Action.RUN_SERVER)
async def audit_export() -> Response:
    """Exporting the log is itself logged."""
    query, kind = AuditQuery.from_args(request.args), request.args.get("format", "csv")
    if kind not in SERIALIZERS:
        raise UserError("The audit log can be exported as csv or ndjson.")
    if request.method != "HEAD":
        filters = [f"{name} {value}" for name, value in query.args().items()]
        record_soon(Event.AUDIT_EXPORTED, None, format=kind, filters=filters)
    database, zone = db(), find_time_zone(current_user().time_zone)
    return streamed(lambda: export_audit_log(database, query, zone, kind), MIMETYPES[kind], f"audit-log.{kind}")


async def _log() -> dict[str, Any]:
    """The context of the templates."""
    query, before = AuditQuery.from_args(request.args), request.args.get("before", type=int)
    async with db().reading() as session:
        events, next_before = await audit_page(session, query, find_time_zone(current_user().time_zone), before)
    more = {**query.args(), "before": next_before}
    return {
        "entries": [present_event(event) for event in events],
        "query": query,
        "clear_url": url_for("admin.audit_index"),
        "more_url": url_for("admin.audit_index", **more) if next_before else None,
        "more_rows_url": url_for("admin.audit_rows", **more) if next_before else None,
        "exports": [(kind.upper(), url_for("admin.audit_export", format=kind, **query.args())) for kind in SERIALIZERS],
    }


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


def _csv(rows: Iterable[Iterable[object]]) -> bytes:
    """Some cells are a stranger's words, such as the user agent, which a spreadsheet may run as a formula."""
    text = io.StringIO()
    csv.writer(text).writerows(
        [defuse_formula(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
    )
    return text.getvalue().encode()


def _csv_rows(events: Sequence[AuditEvent]) -> bytes:
    return _csv(map(_cells, events))


def _json_lines(events: Sequence[AuditEvent]) -> bytes:
    objects = (dict(zip(HEADER, _cells(event), strict=True)) | {"details": event.details} for event in events)
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in objects).encode()


SERIALIZERS = {"csv": _csv_rows, "ndjson": _json_lines}
