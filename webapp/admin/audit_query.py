"""The audit log as its URL describes it: filtered, newest first, with keyset pagination."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, Select, String, cast, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.admin.audit_wording import EVENTS, GROUPS
from webapp.db.functions import begins_with, contains
from webapp.models import AuditEvent
from webapp.models.base import MAX_ID
from webapp.web.days import begin_of, end_of, parse_day

PAGE_SIZE = 100  # events
MAX_TEXT = 200  # characters of a filter
SEARCHED = (AuditEvent.event, AuditEvent.actor, AuditEvent.subject, AuditEvent.address, AuditEvent.agent)


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """`event` is one event or a group; `person` is actor or subject; days are in the reader's time zone."""

    event: str = ""
    person: str = ""
    address: str = ""
    since: str = ""
    until: str = ""
    q: str = ""

    @classmethod
    def from_args(cls, args: Mapping[str, str]) -> "AuditQuery":
        """Invalid parameters are ignored."""
        values = {field.name: args.get(field.name, "").replace("\0", "").strip()[:MAX_TEXT] for field in fields(cls)}
        is_valid = {"event": values["event"] in {*EVENTS, *GROUPS}} | {
            name: parse_day(values[name]) is not None for name in ("since", "until")
        }
        return cls(**{name: value for name, value in values.items() if is_valid.get(name, True)})

    def args(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value}


def audit_statement(query: AuditQuery, zone: tzinfo = UTC, before: int | None = None) -> Select["AuditEvent"]:
    statement = select(AuditEvent).order_by(AuditEvent.id.desc()).where(*_conditions(query, zone))
    return statement if before is None else statement.where(AuditEvent.id < max(0, min(before, MAX_ID)))


async def audit_page(
    session: AsyncSession, query: AuditQuery, zone: tzinfo, before: int | None
) -> tuple[Sequence[AuditEvent], int | None]:
    """A page, and where the next one starts."""
    events = (await session.scalars(audit_statement(query, zone, before).limit(PAGE_SIZE + 1))).all()
    return events[:PAGE_SIZE], events[PAGE_SIZE - 1].id if len(events) > PAGE_SIZE else None


def is_about(user_id: int) -> ColumnElement[bool]:
    """What somebody did and what was done to them."""
    return or_(AuditEvent.actor_id == user_id, AuditEvent.subject_id == user_id)


def _conditions(query: AuditQuery, zone: tzinfo) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if query.event in GROUPS:
        conditions.append(begins_with(AuditEvent.event, f"{query.event}."))
    elif query.event:
        conditions.append(AuditEvent.event == query.event)
    if query.person:
        conditions.append(or_(contains(AuditEvent.actor, query.person), contains(AuditEvent.subject, query.person)))
    if query.address:
        conditions.append(begins_with(AuditEvent.address, query.address))
    if since := parse_day(query.since):
        conditions.append(AuditEvent.at >= begin_of(since, zone))
    if until := parse_day(query.until):
        conditions.append(AuditEvent.at < end_of(until, zone))
    return [*conditions, *(_mentions(word) for word in query.q.split())]


def _mentions(word: str) -> ColumnElement[bool]:
    """In the event's wording, or anywhere in the recorded details."""
    worded = [event for event, wording in EVENTS.items() if word.lower() in wording.lower()]
    details = cast(AuditEvent.details, String)
    return or_(AuditEvent.event.in_(worded), *(contains(column, word) for column in (*SEARCHED, details)))
