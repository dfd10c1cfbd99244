"""Who acts and from where, for the audit log."""

from typing import Any

from webapp.extensions import db
from webapp.models import AuditEvent, AuditSource, Event, User
from webapp.web.session import current_user_or_none, device


def audit_source(person: User | None = None) -> AuditSource:
    """The signed-in person; or `person`, who is about to sign in; or a stranger."""
    where = device()
    actor = current_user_or_none()
    if person is not None:
        return AuditSource(person.id, person.email, where.address, where.agent)
    if actor is not None:
        return AuditSource(actor.id, actor.email, where.address, where.agent)
    return AuditSource(None, "", where.address, where.agent)


def record_soon(event: Event, subject: User | str | None = None, **details: Any) -> None:
    """Record an event that changes nothing else, such as a refusal; the response does not wait for it.

    Changes are recorded by `AuditEvent.record` in their own unit of work.
    """
    db().write_soon(AuditEvent.record, event, audit_source(), subject, **details)
