"""Who does something and from where, for the audit log."""

from typing import Any

from webapp.extensions import db
from webapp.models import AuditEvent, Doer, Event, User
from webapp.web.sessions import device, loaded_actor


def doer(person: User | None = None) -> Doer:
    """Whoever is signed in; or `person`, who is about to be; or a stranger."""
    where = device()
    actor = loaded_actor()
    if person is not None:
        return Doer(person.id, person.email, where.address, where.agent)
    if actor is not None:
        return Doer(actor.id, actor.email, where.address, where.agent)
    return Doer(None, "", where.address, where.agent)


def record_soon(event: Event, subject: User | str | None = None, **details: Any) -> None:
    """Write down what changed nothing else, such as a refusal; the answer does not wait for it.

    What changes something is written by `AuditEvent.record` in its own unit of work.
    """
    db().write_soon(AuditEvent.record, event, doer(), subject, **details)
