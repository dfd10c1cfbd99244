"""The audit log as its URL describes it: filtered, newest first, with keyset pagination."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, String, or_, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncSession
from werkzeug.datastructures import MultiDict

from webapp.admin.words import EVENTS, GROUPS
from webapp.models import AuditEvent
from webapp.models.base import MAX_ID

PAGE = 100  # events
MAX_TEXT = 200  # characters of a filter
COLUMNS = (AuditEvent.event, AuditEvent.actor, AuditEvent.subject, AuditEvent.address, AuditEvent.agent)


@dataclass(frozen=True, slots=True)
class Query:
    """`event` is one event or a group; `person` is actor or subject; days are in the reader's time zone."""

    event: str = ""
    person: str = ""
    address: str = ""
    since: str = ""
    until: str = ""
    q: str = ""

    @classmethod
    def from_args(cls, args: "MultiDict[str, str]") -> "Query":
        """Invalid parameters are ignored."""
        given = {field.name: args.get(field.name, "").replace("\0", "").strip()[:MAX_TEXT] for field in fields(cls)}
        known = given["event"] in {*EVENTS, *GROUPS}
        days = {name: given[name] if _day(given[name]) else "" for name in ("since", "until")}
        return cls(**given | days | ({} if known else {"event": ""}))

    def args(self) -> dict[str, Any]:
        given = {field.name: str(getattr(self, field.name)) for field in fields(self)}
        return {name: value for name, value in given.items() if value}


def statement(query: Query, zone: tzinfo = UTC, before: int | None = None) -> Select["AuditEvent"]:
    found = select(AuditEvent).order_by(AuditEvent.id.desc()).where(*_conditions(query, zone))
    return found if before is None else found.where(AuditEvent.id < min(before, MAX_ID))


async def fetch(
    session: AsyncSession, query: Query, zone: tzinfo, before: int | None
) -> tuple[Sequence[AuditEvent], int | None]:
    """A page, and where the next one starts."""
    found = (await session.scalars(statement(query, zone, before).limit(PAGE + 1))).all()
    return found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None


def about(user_id: int) -> ColumnElement[bool]:
    """What somebody did and what was done to them."""
    return or_(AuditEvent.actor_id == user_id, AuditEvent.subject_id == user_id)


def _conditions(query: Query, zone: tzinfo) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.event:
        is_group = query.event in GROUPS
        found.append(
            AuditEvent.event.startswith(f"{query.event}.", autoescape=True)
            if is_group
            else AuditEvent.event == query.event
        )
    if query.person:
        found.append(or_(_holds(AuditEvent.actor, query.person), _holds(AuditEvent.subject, query.person)))
    if query.address:
        found.append(AuditEvent.address.startswith(query.address, autoescape=True))
    if since := _day(query.since):
        found.append(AuditEvent.at >= _midnight(since, zone))
    if until := _day(query.until):
        found.append(AuditEvent.at < _midnight(until + timedelta(days=1), zone))
    return [*found, *(_says(word) for word in query.q.split())]


def _says(word: str) -> ColumnElement[bool]:
    """In the event's wording, or anywhere in the recorded details."""
    spoken = [event for event, words in EVENTS.items() if word.lower() in words.lower()]
    details = type_coerce(AuditEvent.details, String)
    return or_(AuditEvent.event.in_(spoken), *(_holds(column, word) for column in (*COLUMNS, details)))


def _holds(column: SQLColumnExpression[str], text: str) -> ColumnElement[bool]:
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
