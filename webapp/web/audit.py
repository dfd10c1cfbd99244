"""Who acts and from where, for the audit log."""

from typing import Any

from quart import g, request

from webapp.extensions import db
from webapp.models import AuditEvent, AuditSource, Event, User


def audit_source() -> AuditSource:
    """The signed-in person, once `load_current_user()` has loaded them, or a stranger."""
    address, agent = request.remote_addr or "", request.user_agent.string
    actor = g.get("actor")
    return AuditSource(actor.id, actor.email, address, agent) if actor else AuditSource(None, "", address, agent)


def record_soon(event: Event, subject: User | str | None = None, **details: Any) -> None:
    """Record an event that changes nothing else, such as a refusal; the response does not wait for it.

    Changes are recorded by `AuditEvent.record` in their own unit of work.
    """
    db().write_soon(AuditEvent.record, event, audit_source(), subject, **details)
