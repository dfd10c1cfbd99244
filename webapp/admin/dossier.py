"""What an administrator can read about a person: how and where they sign in, and their history."""

from dataclasses import dataclass
from datetime import datetime

from quart import url_for
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.admin import trail
from webapp.admin.audit import Entry, entry
from webapp.admin.listing import Listed, living
from webapp.extensions import config, db
from webapp.models import ApiToken, AuditEvent, Passkey, Session, User, utc_now
from webapp.web.user_agents import describe_user_agent
from webapp.web.user_data import summarize_user_data

HISTORY = 25  # events
SESSIONS = 50


@dataclass(frozen=True, slots=True)
class Device:
    agent: str
    address: str
    created_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Dossier:
    created_at: datetime
    verified_at: datetime | None
    has_second_factor: bool
    passkeys: int
    tokens: int
    belongings: list[str]
    devices: list[Device]
    history: list[Entry]
    history_url: str


async def of(person: Listed) -> Dossier:
    async with db().reading() as session:
        user = await session.get_one(User, person.id)
        passkeys = await _count(session, select(func.count()).where(Passkey.user_id == user.id))
        usable = ApiToken.expires_at.is_(None) | (ApiToken.expires_at > utc_now())
        tokens = await _count(
            session, select(func.count()).where(ApiToken.user_id == user.id, ApiToken.revoked_at.is_(None), usable)
        )
        devices = await _devices(session, user.id)
        about = select(AuditEvent).where(trail.about(user.id)).order_by(AuditEvent.id.desc()).limit(HISTORY)
        history = [entry(event) for event in await session.scalars(about)]
    return Dossier(
        created_at=user.created_at,
        verified_at=user.verified_at,
        has_second_factor=user.totp_secret is not None,
        passkeys=passkeys,
        tokens=tokens,
        belongings=await summarize_user_data(user.id),
        devices=devices,
        history=history,
        history_url=url_for("admin.audit_index", person=user.email),
    )


async def _count(session: AsyncSession, statement: Select[int]) -> int:
    return (await session.execute(statement)).scalar_one()


async def _devices(session: AsyncSession, user_id: int) -> list[Device]:
    alive = select(Session).where(Session.user_id == user_id, living(config())).order_by(Session.seen_at.desc())
    return [
        Device(describe_user_agent(found.agent), found.address, found.created_at, found.seen_at)
        for found in await session.scalars(alive.limit(SESSIONS))
    ]
