"""The audit log as its URL describes it: filtered, newest first, with keyset pagination."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, String, or_, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.admin.audit_wording import EVENTS, GROUPS
from webapp.models import AuditEvent
from webapp.models.base import MAX_ID

PAGE = 100  # events
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
        given = {field.name: args.get(field.name, "").replace("\0", "").strip()[:MAX_TEXT] for field in fields(cls)}
        known = given["event"] in {*EVENTS, *GROUPS}
        days = {name: given[name] if _day(given[name]) else "" for name in ("since", "until")}
        return cls(**given | days | ({} if known else {"event": ""}))

    def args(self) -> dict[str, Any]:
        given = {field.name: str(getattr(self, field.name)) for field in fields(self)}
        return {name: value for name, value in given.items() if value}


def audit_statement(query: AuditQuery, zone: tzinfo = UTC, before: int | None = None) -> Select["AuditEvent"]:
    found = select(AuditEvent).order_by(AuditEvent.id.desc()).where(*_conditions(query, zone))
    return found if before is None else found.where(AuditEvent.id < min(before, MAX_ID))


async def audit_page(
    session: AsyncSession, query: AuditQuery, zone: tzinfo, before: int | None
) -> tuple[Sequence[AuditEvent], int | None]:
    """A page, and where the next one starts."""
    found = (await session.scalars(audit_statement(query, zone, before).limit(PAGE + 1))).all()
    return found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None


def concerns(user_id: int) -> ColumnElement[bool]:
    """What somebody did and what was done to them."""
    return or_(AuditEvent.actor_id == user_id, AuditEvent.subject_id == user_id)


def _conditions(query: AuditQuery, zone: tzinfo) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.event:
        is_group = query.event in GROUPS
        found.append(
            AuditEvent.event.startswith(f"{query.event}.", autoescape=True)
            if is_group
            else AuditEvent.event == query.event
        )
    if query.person:
        found.append(or_(_contains(AuditEvent.actor, query.person), _contains(AuditEvent.subject, query.person)))
    if query.address:
        found.append(AuditEvent.address.startswith(query.address, autoescape=True))
    if since := _day(query.since):
        found.append(AuditEvent.at >= _midnight(since, zone))
    if until := _day(query.until):
        found.append(AuditEvent.at < _midnight(until + timedelta(days=1), zone))
    return [*found, *(_mentions(word) for word in query.q.split())]


def _mentions(word: str) -> ColumnElement[bool]:
    """In the event's wording, or anywhere in the recorded details."""
    worded = [event for event, wording in EVENTS.items() if word.lower() in wording.lower()]
    details = type_coerce(AuditEvent.details, String)
    return or_(AuditEvent.event.in_(worded), *(_contains(column, word) for column in (*SEARCHED, details)))


def _contains(column: SQLColumnExpression[str], text: str) -> ColumnElement[bool]:
    return column.contains(text, autoescape=True)


def _day(text: str) -> date | None:
    """Days at the limits of the calendar have no next day, and nothing happened on them."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1900 < day.year < 9000 else None


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone)
