"""All data about a person as one streamed JSON document, without secrets or traces of others."""

from collections.abc import AsyncIterator
from typing import Any

from quart import Response
from quart.typing import ResponseReturnValue
from sqlalchemy import Select, or_, select

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

Objects = AsyncIterator[dict[str, Any]]
PROFILE = ("id", "email", "name", "role", "created_at", "verified_at", "seen_at", "time_zone", "number_style")
SESSION = ("agent", "address", "remembered", "created_at", "seen_at", "revoked_at")
PASSKEY = ("name", "created_at", "used_at")
TOKEN = ("name", "scope", "start", "created_at", "expires_at", "used_at", "revoked_at")
EVENT = ("at", "event", "actor", "subject", "details")


@bp.get("/export")
@may(Action.OWN_ACCOUNT)
async def export() -> ResponseReturnValue:
    return await render("account/export.html", user_data=await summarize_user_data(current_user().id))


@bp.post("/export")
@may(Action.OWN_ACCOUNT)
@fresh
async def export_create() -> Response:
    database, user_id = db(), current_user().id
    parts: dict[str, Objects] = {
        "profile": _profile(database, user_id),
        "sessions": _rows(database, select(Session).where(Session.user_id == user_id).order_by(Session.id), SESSION),
        "passkeys": _rows(database, Passkey.of(user_id), PASSKEY),
        "tokens": _rows(database, select(ApiToken).where(ApiToken.user_id == user_id).order_by(ApiToken.id), TOKEN),
        **{part.name: part.export(user_id) for part in user_data()},
        "events": _events(database, user_id),
    }
    async with database.reading() as session:
        record_soon(Event.EXPORTED, await User.find(session, user_id))
    return streamed(lambda: _document(parts), "application/json", f"rowcast-{utc_now():%Y-%m-%d}.json")


async def _document(parts: dict[str, Objects]) -> AsyncIterator[bytes]:
    """One list per part, one object per line."""
    opening = "{\n"
    for name, objects in parts.items():
        yield f"{opening}{to_json(name)}: [".encode()
        separator = "\n"
        async for values in objects:
            yield f"{separator}{to_json(values)}".encode()
            separator = ",\n"
        yield b"\n]"
        opening = ",\n"
    yield b"\n}\n"


async def _profile(database: Database, user_id: int) -> Objects:
    async with database.reading() as session:
        user = await User.find(session, user_id)
    yield _values(user, PROFILE) | {"second_factor": user.totp_secret is not None}


async def _rows(database: Database, statement: Select[Any], fields: tuple[str, ...]) -> Objects:
    async with database.reading() as session:
        found = (await session.scalars(statement)).all()
    for row in found:
        yield _values(row, fields)


async def _events(database: Database, user_id: int) -> Objects:
    """What they did and what was done to them. Where others acted from is those people's own data."""
    last = 0
    about = or_(AuditEvent.actor_id == user_id, AuditEvent.subject_id == user_id)
    while True:
        statement = select(AuditEvent).where(about, AuditEvent.id > last).order_by(AuditEvent.id).limit(AT_ONCE)
        async with database.reading() as session:
            found = (await session.scalars(statement)).all()
        for event in found:
            last = event.id
            yield _values(event, (*EVENT, "address", "agent") if event.actor_id == user_id else EVENT)
        if len(found) < AT_ONCE:
            return


def _values(row: object, fields: tuple[str, ...]) -> dict[str, Any]:
    values = ((name, getattr(row, name)) for name in fields)
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in values}
