"""One's data: downloaded as a streamed JSON document, or deleted together with the account.

The document holds everything about a person, without secrets or traces of others.
"""

from collections.abc import AsyncIterator
from typing import Any

from quart import Response, url_for
from quart.typing import ResponseReturnValue
from sqlalchemy import Select, or_, select

from webapp.account import bp
from webapp.account.forms import DeletionForm
from webapp.auth.responses import render_form
from webapp.db.database import Database
from webapp.extensions import db
from webapp.models import ApiToken, AuditEvent, Event, Identity, Passkey, Session, User, utc_now
from webapp.models.accounts.account import delete_account, reason_to_keep
from webapp.web.access import Action, fresh, may
from webapp.web.audit import audit_source, record_soon
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.mailer import mailer
from webapp.web.session import clear_session_cookie, current_user
from webapp.web.streaming import streamed
from webapp.web.templating import to_json
from webapp.web.user_data import delete_user_data, summarize_user_data, user_data

EVENTS_PER_READ = 500

Objects = AsyncIterator[dict[str, Any]]
PROFILE = ("id", "email", "name", "role", "created_at", "verified_at", "seen_at", "time_zone", "number_style")
SESSION = ("agent", "address", "remembered", "created_at", "seen_at", "revoked_at")
PASSKEY = ("name", "created_at", "used_at")
IDENTITY = ("issuer", "subject", "email", "created_at", "used_at")
TOKEN = ("name", "scope", "table_ids", "start", "created_at", "expires_at", "used_at", "revoked_at")
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
        "identities": _rows(database, Identity.of(user_id), IDENTITY),
        "tokens": _rows(database, select(ApiToken).where(ApiToken.user_id == user_id).order_by(ApiToken.id), TOKEN),
        **{part.name: part.export(user_id) for part in user_data()},
        "events": _events(database, user_id),
    }
    async with database.reading() as session:
        record_soon(Event.EXPORTED, await User.find(session, user_id))
    return streamed(lambda: _document(parts), "application/json", f"rowcast-{utc_now():%Y-%m-%d}.json")


@bp.route("/deletion", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@fresh
async def deletion() -> ResponseReturnValue:
    actor = current_user()
    form = await DeletionForm.load()
    if form.validate_on_submit() and form.is_confirmed_by(actor.email):
        await db().write(delete_account, audit_source(), mailer, actor.id, delete_user_data)
        clear_session_cookie()
        flash("Your account is deleted.")
        return redirect_to(url_for("auth.login"), whole=True)
    async with db().reading() as session:
        refusal = await reason_to_keep(session, actor.id)
    return await render_form(
        "account/deletion.html", form, user_data=await summarize_user_data(actor.id), refusal=refusal
    )


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
    """Nothing if they are deleted while the document is sent: its other parts are empty then, too."""
    async with database.reading() as session:
        user = await session.get(User, user_id)
    if user is not None:
        yield _values(user, PROFILE) | {"second_factor": user.totp_secret is not None}


async def _rows(database: Database, statement: Select[Any], fields: tuple[str, ...]) -> Objects:
    async with database.reading() as session:
        rows = (await session.scalars(statement)).all()
    for row in rows:
        yield _values(row, fields)


async def _events(database: Database, user_id: int) -> Objects:
    """What they did and what was done to them. Where others acted from is those people's own data."""
    last_id = 0
    about = or_(AuditEvent.actor_id == user_id, AuditEvent.subject_id == user_id)
    while True:
        later = select(AuditEvent).where(about, AuditEvent.id > last_id)
        async with database.reading() as session:
            events = (await session.scalars(later.order_by(AuditEvent.id).limit(EVENTS_PER_READ))).all()
        for event in events:
            last_id = event.id
            yield _values(event, (*EVENT, "address", "agent") if event.actor_id == user_id else EVENT)
        if len(events) < EVENTS_PER_READ:
            return


def _values(row: object, fields: tuple[str, ...]) -> dict[str, Any]:
    values = ((name, getattr(row, name)) for name in fields)
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in values}
