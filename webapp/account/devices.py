"""The devices one is signed in on, and signing them out.

A changed browser or address signs nobody out: it is shown here, where unknown devices can be signed out.
"""

from dataclasses import dataclass
from datetime import datetime

from quart import url_for
from quart.typing import ResponseReturnValue
from sqlalchemy import select

from webapp.account import bp
from webapp.data.uow import UnitOfWork
from webapp.extensions import config, db
from webapp.models import Actor, AuditEvent, Doer, Event, Session, User
from webapp.models.people import MAX_ID
from webapp.models.problems import NotFound
from webapp.models.session import LASTS
from webapp.web.access import Action, fresh, may, resumable, signed_in
from webapp.web.agents import agent_in_words
from webapp.web.audit import doer
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.words import plural

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
    person = signed_in()
    lasting = select(Session).join(User, User.id == Session.user_id).where(Session.user_id == person.id, LASTS)
    async with db().reading() as session:
        found = await session.scalars(lasting.order_by(Session.seen_at.desc()).limit(SHOWN), Session.lasting(config()))
    listed = sorted((_listed(one, person) for one in found), key=lambda one: not one.is_this)
    return await render("account/devices.html", devices=listed)


@bp.post("/devices/<int:session_id>/end")
@may(Action.OWN_ACCOUNT)
@fresh
@resumable
async def devices_end(session_id: int) -> ResponseReturnValue:
    """The current device is signed out through sign-out, which also deletes its cookie."""
    person = signed_in()
    if session_id == person.session_id or not await db().write(_end, person.id, session_id, doer()):
        raise NotFound("device")
    flash("This device is signed out.")
    return redirect_to(url_for("account.devices"))


@bp.post("/devices/others/end")
@may(Action.OWN_ACCOUNT)
@fresh
@resumable
async def devices_end_others() -> ResponseReturnValue:
    person = signed_in()
    ended = await db().write(_end_others, person.id, person.session_id, doer())
    flash(f"{plural(ended, 'other device is', 'other devices are')} signed out.")
    return redirect_to(url_for("account.devices"))


def _listed(found: Session, person: Actor) -> Listed:
    return Listed(
        id=found.id,
        words=agent_in_words(found.agent) or "An unknown program",
        agent=found.agent,
        address=found.address or "unknown",
        first_seen=found.created_at,
        last_seen=found.seen_at,
        is_this=found.id == person.session_id,
        is_remembered=found.remembered,
    )


async def _end(work: UnitOfWork, user_id: int, session_id: int, doer: Doer) -> bool:
    """Return False if this person has no such sign-in."""
    found = await work.session.get(Session, min(session_id, MAX_ID))
    if found is None or found.user_id != user_id or found.revoked_at is not None:
        return False
    await Session.revoke(work, found.id)
    user = await work.session.get_one(User, user_id)
    await AuditEvent.record(work, Event.SIGNED_OUT, doer, user, device=agent_in_words(found.agent))
    return True


async def _end_others(work: UnitOfWork, user_id: int, session_id: int | None, doer: Doer) -> int:
    ended = await Session.revoke_all(work, user_id, except_id=session_id)
    if ended:
        user = await work.session.get_one(User, user_id)
        await AuditEvent.record(work, Event.ALL_SIGNED_OUT, doer, user, sessions_ended=ended, but_this=True)
    return ended
