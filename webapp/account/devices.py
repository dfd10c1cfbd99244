"""The devices one is signed in on, and signing them out.

A changed browser or address signs nobody out: it is shown here, where unknown devices can be signed out.
"""

from dataclasses import dataclass
from datetime import datetime

from quart import url_for
from quart.typing import ResponseReturnValue
from sqlalchemy import select

from webapp.account import bp
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import config, db
from webapp.models import Actor, AuditEvent, AuditSource, Event, Session, User
from webapp.models.accounts.session import IS_ACTIVE
from webapp.models.errors import NotFound
from webapp.web.access import Action, fresh, may, resumable
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.formatting import plural
from webapp.web.fragments import redirect_to, render
from webapp.web.session import current_user
from webapp.web.user_agents import describe_user_agent

SHOWN = 200


@dataclass(frozen=True, slots=True)
class Listed:
    """One sign-in as the page shows it."""

    id: int
    words: str
    agent: str
    address: str
    first_seen: datetime
    last_seen: datetime
    is_this: bool
    is_remembered: bool


@bp.get("/devices")
@may(Action.OWN_ACCOUNT)
async def devices() -> ResponseReturnValue:
    person = current_user()
    lasting = select(Session).join(User, User.id == Session.user_id).where(Session.user_id == person.id, IS_ACTIVE)
    async with db().reading() as session:
        found = await session.scalars(lasting.order_by(Session.seen_at.desc()).limit(SHOWN), Session.lasting(config()))
    listed = sorted((_listed(one, person) for one in found), key=lambda one: not one.is_this)
    return await render("account/devices.html", devices=listed)


@bp.post("/devices/<id:session_id>/end")
@may(Action.OWN_ACCOUNT)
@fresh
@resumable
async def devices_end(session_id: int) -> ResponseReturnValue:
    """The current device is signed out through sign-out, which also deletes its cookie."""
    person = current_user()
    if session_id == person.session_id or not await db().write(_end, person.id, session_id, audit_source()):
        raise NotFound("device")
    flash("This device is signed out.")
    return redirect_to(url_for("account.devices"))


@bp.post("/devices/others/end")
@may(Action.OWN_ACCOUNT)
@fresh
@resumable
async def devices_end_others() -> ResponseReturnValue:
    person = current_user()
    ended = await db().write(_end_others, person.id, person.session_id, audit_source())
    flash(f"{plural(ended, 'other device is', 'other devices are')} signed out.")
    return redirect_to(url_for("account.devices"))


def _listed(found: Session, person: Actor) -> Listed:
    return Listed(
        id=found.id,
        words=describe_user_agent(found.agent) or "An unknown program",
        agent=found.agent,
        address=found.address or "unknown",
        first_seen=found.created_at,
        last_seen=found.seen_at,
        is_this=found.id == person.session_id,
        is_remembered=found.remembered,
    )


async def _end(work: UnitOfWork, user_id: int, session_id: int, audit_source: AuditSource) -> bool:
    """Return False if this person has no such sign-in."""
    found = await work.session.get(Session, session_id)
    if found is None or found.user_id != user_id or found.revoked_at is not None:
        return False
    await Session.revoke(work, found.id)
    user = await work.session.get_one(User, user_id)
    await AuditEvent.record(work, Event.SIGNED_OUT, audit_source, user, device=describe_user_agent(found.agent))
    return True


async def _end_others(work: UnitOfWork, user_id: int, session_id: int | None, audit_source: AuditSource) -> int:
    ended = await Session.revoke_all(work, user_id, except_id=session_id)
    if ended:
        user = await work.session.get_one(User, user_id)
        await AuditEvent.record(work, Event.ALL_SIGNED_OUT, audit_source, user, sessions_ended=ended, but_this=True)
    return ended
