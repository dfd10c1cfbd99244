"""All data about a person as one streamed JSON document, without secrets or traces of others."""

from collections.abc import AsyncIterator, Callable
from typing import Any

from quart import Response
from quart.typing import ResponseReturnValue
from sqlalchemy import or_, select

from webapp.account import bp
from webapp.db.database import Database
from webapp.extensions import db
from webapp.models import ApiToken, AuditEvent, Event, Passkey, Session, User, utc_now
from webapp.web.access import Action, fresh, may
from webapp.web.audit import record_soon
from webapp.web.fragments import render
from webapp.web.session import current_user
from webapp.web.streaming import streamed
from webapp.web.templating import to_json
from webapp.web.user_data import summarize_user_data, user_data

AT_ONCE = 500  # events per read

Things = AsyncIterator[dict[str, Any]]


@bp.get("/export")
@may(Action.OWN_ACCOUNT)
async def export() -> ResponseReturnValue:
    return await render("account/export.html", lost=await summarize_user_data(current_user().id))


@bp.post("/export")
@may(Action.OWN_ACCOUNT)
@fresh
async def export_create() -> Response:
    person, database = current_user(), db()
    parts: dict[str, Callable[[], Things]] = {
        "profile": lambda: _profile(database, person.id),
        "sessions": lambda: _sessions(database, person.id),
        "passkeys": lambda: _passkeys(database, person.id),
        "tokens": lambda: _tokens(database, person.id),
        **{kept.name: _later(kept.export(person.id)) for kept in user_data()},
        "events": lambda: _events(database, person.id),
    }
    async with database.reading() as session:
        user = await session.get_one(User, person.id)
    record_soon(Event.EXPORTED, user)
    return streamed(lambda: _document(parts), "application/json", f"rowcast-{utc_now():%Y-%m-%d}.json")


def _later(things: Things) -> Callable[[], Things]:
    return lambda: things


async def _document(parts: dict[str, Callable[[], Things]]) -> AsyncIterator[bytes]:
    """One list per part, one object per line."""
    opening = "{\n"
    for name, part in parts.items():
        yield f"{opening}{to_json(name)}: [".encode()
        mark = "\n"
        async for thing in part():
            yield f"{mark}{to_json(thing)}".encode()
            mark = ",\n"
        yield b"\n]"
        opening = ",\n"
    yield b"\n}\n"


async def _profile(database: Database, user_id: int) -> Things:
    async with database.reading() as session:
        user = await session.get_one(User, user_id)
    told = _told(
        user, "id", "email", "name", "role", "created_at", "verified_at", "seen_at", "time_zone", "number_style"
    )
    yield told | {"second_factor": user.totp_secret is not None}


async def _sessions(database: Database, user_id: int) -> Things:
    fields = ("agent", "address", "remembered", "created_at", "seen_at", "revoked_at")
    async with database.reading() as session:
        found = list(await session.scalars(select(Session).where(Session.user_id == user_id).order_by(Session.id)))
    for one in found:
        yield _told(one, *fields)


async def _passkeys(database: Database, user_id: int) -> Things:
    async with database.reading() as session:
        found = list(await session.scalars(select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.id)))
    for one in found:
        yield _told(one, "name", "created_at", "used_at")


async def _tokens(database: Database, user_id: int) -> Things:
    fields = ("name", "scope", "start", "created_at", "expires_at", "used_at", "revoked_at")
    async with database.reading() as session:
        found = list(await session.scalars(select(ApiToken).where(ApiToken.user_id == user_id).order_by(ApiToken.id)))
    for one in found:
        yield _told(one, *fields)


async def _events(database: Database, user_id: int) -> Things:
    """What they did and what was done to them. Where others acted from is those people's own data."""
    last = 0
    about = or_(AuditEvent.actor_id == user_id, AuditEvent.subject_id == user_id)
    while True:
        statement = select(AuditEvent).where(about, AuditEvent.id > last).order_by(AuditEvent.id).limit(AT_ONCE)
        async with database.reading() as session:
            found = list(await session.scalars(statement))
        for one in found:
            last = one.id
            own = ("address", "agent") if one.actor_id == user_id else ()
            yield _told(one, "at", "event", "actor", "subject", "details", *own)
        if len(found) < AT_ONCE:
            return


def _told(thing: object, *fields: str) -> dict[str, Any]:
    values = ((name, getattr(thing, name)) for name in fields)
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in values}
