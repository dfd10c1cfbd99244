"""The devices one is signed in on, and signing them out.

A changed browser or address signs nobody out: it is shown here, where unknown devices can be signed out.
"""

from quart import url_for
from quart.typing import ResponseReturnValue

from webapp.account import bp
from webapp.extensions import config, db
from webapp.models import Session
from webapp.models.accounts.session import MAX_SESSIONS, end_all_sessions, end_session
from webapp.models.errors import NotFound
from webapp.web.access import Action, fresh, may, resumable
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.formatting import plural
from webapp.web.fragments import redirect_to, render
from webapp.web.session import current_user
from webapp.web.user_agents import describe_user_agent


@bp.get("/devices")
@may(Action.OWN_ACCOUNT)
async def devices() -> ResponseReturnValue:
    actor = current_user()
    newest = Session.active_of(actor.id).order_by(Session.seen_at.desc()).limit(MAX_SESSIONS)
    async with db().reading() as session:
        sessions = (await session.scalars(newest, Session.active_parameters(config()))).all()
    current_first = sorted(sessions, key=lambda device: device.id != actor.session_id)
    names = [describe_user_agent(device.agent) or "An unknown program" for device in current_first]
    return await render("account/devices.html", devices=list(zip(names, current_first, strict=True)))


@bp.post("/devices/<id:session_id>/end")
@may(Action.OWN_ACCOUNT)
@fresh
@resumable
async def devices_end(session_id: int) -> ResponseReturnValue:
    """The current device is signed out through sign-out, which also deletes its cookie."""
    actor = current_user()
    async with db().reading() as session:
        device = await session.get(Session, session_id)
    if device is None or session_id == actor.session_id:
        raise NotFound("device")
    name = describe_user_agent(device.agent)
    if not await db().write(end_session, audit_source(), actor.id, session_id, device=name):
        raise NotFound("device")
    flash("This device is signed out.")
    return redirect_to(url_for("account.devices"))


@bp.post("/devices/others/end")
@may(Action.OWN_ACCOUNT)
@fresh
@resumable
async def devices_end_others() -> ResponseReturnValue:
    actor = current_user()
    ended = await db().write(end_all_sessions, audit_source(), actor.id, except_id=actor.session_id)
    flash(f"{plural(ended, 'other device is', 'other devices are')} signed out.")
    return redirect_to(url_for("account.devices"))
