"""The audit log: browsed, and exported as a stream."""

from dataclasses import dataclass
from typing import Any

from quart import Response, request, url_for
from quart.typing import ResponseReturnValue

from webapp.admin import bp
from webapp.admin.audit_export import MIMETYPES, SERIALIZERS, export_audit_log
from webapp.admin.audit_query import AuditQuery, audit_page
from webapp.admin.audit_wording import EVENTS, GROUPS, describe_details, describe_event
from webapp.db.errors import UserError
from webapp.extensions import db
from webapp.models import AuditEvent, Event
from webapp.web.access import Action, may
from webapp.web.audit import record_soon
from webapp.web.formatting import find_time_zone
from webapp.web.fragments import render
from webapp.web.session import current_user
from webapp.web.streaming import streamed
from webapp.web.user_agents import describe_user_agent


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An event as the log shows it."""

    event: AuditEvent
    what: str
    details: str
    agent: str


@dataclass(frozen=True, slots=True)
class AuditLogPage:
    entries: list[AuditEntry]
    query: AuditQuery
    clear_url: str
    more_url: str | None
    more_rows_url: str | None
    exports: list[tuple[str, str]]


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
    return await render("admin/audit/index.html", "admin/audit/_results.html", log=await _log(), groups=groups)


@bp.get("/audit/rows")
@may(Action.RUN_SERVER)
async def audit_rows() -> ResponseReturnValue:
    """Earlier events, to append to a page; never a page of its own."""
    return await render("admin/audit/_rows.html", log=await _log())


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


async def _log() -> AuditLogPage:
    query, before = AuditQuery.from_args(request.args), request.args.get("before", type=int)
    async with db().reading() as session:
        events, further = await audit_page(session, query, find_time_zone(current_user().time_zone), before)
    more: dict[str, Any] = {**query.args(), "before": further}
    return AuditLogPage(
        entries=[present_event(event) for event in events],
        query=query,
        clear_url=url_for("admin.audit_index"),
        more_url=url_for("admin.audit_index", **more) if further else None,
        more_rows_url=url_for("admin.audit_rows", **more) if further else None,
        exports=[(kind.upper(), url_for("admin.audit_export", format=kind, **query.args())) for kind in SERIALIZERS],
    )
