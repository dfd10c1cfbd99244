"""Reads the audit log."""

from typing import Any

from sqlalchemy import select

from webapp.extensions import db
from webapp.models import AuditEvent
from webapp.web.application import Application


async def events(app: Application, event: str | None = None) -> list[AuditEvent]:
    """Oldest first, after all pending writes."""
    await db.of(app).wait_for_writes()
    async with db.of(app).reading() as session:
        found = (await session.scalars(select(AuditEvent).order_by(AuditEvent.id))).all()
    return [one for one in found if event in (None, one.event)]


async def names(app: Application) -> list[str]:
    return [one.event for one in await events(app)]


def who(event: AuditEvent) -> tuple[Any, ...]:
    return event.actor, event.subject, event.address
