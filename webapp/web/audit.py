"""Who acts and from where, for the audit log."""

from typing import Any

from quart import g, request

from webapp.extensions import Extension, db
from webapp.models import AuditEvent, AuditSource, Event, User
from webapp.web.local_limit import LocalLimit
from webapp.web.networks import network_of
from webapp.web.request_context import remote_address

MAX_REFUSALS = 10  # of one kind, in ten minutes, of one person, or of strangers in one network
MAX_STRANGERS_REFUSALS = 200  # of one kind, in ten minutes, of all strangers: they have as many networks as they like
MAX_PATH = 200  # characters of a refused URL

recorded_refusals = Extension("recorded_refusals", lambda app: LocalLimit(MAX_REFUSALS, 600))
strangers_refusals = Extension("strangers_refusals", lambda app: LocalLimit(MAX_STRANGERS_REFUSALS, 600))


def audit_source() -> AuditSource:
    """The signed-in person, once `load_current_user()` has loaded them, or a stranger."""
    address, agent = remote_address(), request.user_agent.string
    actor = g.get("actor")
    return AuditSource(actor.id, actor.email, address, agent) if actor else AuditSource(None, "", address, agent)


def record_soon(event: Event, subject: User | str | None = None, **details: Any) -> None:
    """Record an event that changes nothing else, such as an export; the response does not wait for it.

    Changes are recorded by `AuditEvent.record` in their own unit of work.
    """
    db().write_soon(AuditEvent.record, event, audit_source(), subject, **details)


def may_record_refusal(event: Event) -> bool:
    """Whether `record_refusal` would write one more: for callers that first have to find out whom it concerns."""
    return not any(limit.retry_after(key) for limit, key in _refusal_limits(event))


def record_refusal(event: Event, subject: User | str | None = None, **details: Any) -> None:
    """Record that something was refused, unless there are many alike: nobody can flood the log with them."""
    if (note := count_refusal(event)) is not None:
        record_soon(event, subject, **details, **note)


def count_refusal(event: Event) -> dict[str, str] | None:
    """What else its entry says; None if there are too many alike to record this one."""
    if not may_record_refusal(event):
        return None
    for limit, key in _refusal_limits(event):
        limit.count(key)
    return {} if may_record_refusal(event) else {"note": "more of these are not recorded for ten minutes"}


def _refusal_limits(event: Event) -> list[tuple[LocalLimit, str]]:
    source = audit_source()
    if source.id is not None:
        return [(recorded_refusals(), f"{event} {source.id}")]
    return [(recorded_refusals(), f"{event} {network_of(source.address)}"), (strangers_refusals(), event)]
