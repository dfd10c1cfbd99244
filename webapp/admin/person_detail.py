"""What an administrator can read about a person: how and where they sign in, and their history."""

from dataclasses import dataclass
from datetime import datetime

from quart import url_for
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.admin.audit import AuditEntry, present_event
from webapp.admin.audit_query import concerns
from webapp.extensions import config, db
from webapp.models import ApiToken, AuditEvent, Passkey, Session, User, utc_now
from webapp.models.accounts.people_query import PersonSummary
from webapp.models.accounts.session import IS_ACTIVE
from webapp.models.errors import NotFound
from webapp.web.user_agents import describe_user_agent
from webapp.web.user_data import summarize_user_data

MAX_EVENTS = 25
MAX_DEVICES = 50


@dataclass(frozen=True, slots=True)
class SignedInDevice:
    agent: str
    address: str
    created_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class PersonDetail:
    user: User
    passkeys: int
    tokens: int
    user_data: list[str]
    devices: list[SignedInDevice]
    history: list[AuditEntry]
    history_url: str


async def fetch_person_detail(person: PersonSummary) -> PersonDetail:
    """Raises `NotFound` if they are removed meanwhile."""
    async with db().reading() as session:
        passkeys = select(func.count()).where(Passkey.user_id == person.id).scalar_subquery()
        is_usable = ApiToken.revoked_at.is_(None) & (ApiToken.expires_at.is_(None) | (ApiToken.expires_at > utc_now()))
        tokens = select(func.count()).where(ApiToken.user_id == person.id, is_usable).scalar_subquery()
        found = (await session.execute(select(User, passkeys, tokens).where(User.id == person.id))).one_or_none()
        if found is None:
            raise NotFound("person")
        user, passkey_count, token_count = found
        devices = await _devices(session, person.id)
        events = select(AuditEvent).where(concerns(person.id)).order_by(AuditEvent.id.desc()).limit(MAX_EVENTS)
        history = [present_event(event) for event in await session.scalars(events)]
    return PersonDetail(
        user=user,
        passkeys=passkey_count,
        tokens=token_count,
        user_data=await summarize_user_data(person.id),
        devices=devices,
        history=history,
        history_url=url_for("admin.audit_index", person=user.email),
    )


async def _devices(session: AsyncSession, user_id: int) -> list[SignedInDevice]:
    active = select(Session).join(User, User.id == Session.user_id).where(Session.user_id == user_id, IS_ACTIVE)
    newest = active.order_by(Session.seen_at.desc()).limit(MAX_DEVICES)
    return [
        SignedInDevice(describe_user_agent(found.agent), found.address, found.created_at, found.seen_at)
        for found in await session.scalars(newest, Session.active_parameters(config()))
    ]
