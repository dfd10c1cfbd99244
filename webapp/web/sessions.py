"""Who is asking: quart-auth carries a token in its signed cookie, the database says what the token is worth.

The cookie alone proves nothing: signing out, or ending a device's session, takes effect with the next request.
"""

from datetime import timedelta

from quart import Quart, Response, current_app, g, request
from quart_auth import Action, AuthUser, QuartAuth

from settings import Settings
from webapp.data.keys import secret_key
from webapp.data.uow import UnitOfWork
from webapp.extensions import config, db
from webapp.models import Actor, Device, Session, utc_now
from webapp.models.session import ALIVE, TOUCH_EVERY
from webapp.web import bearer

_AUTH = "rowcast.auth"


def init_app(app: Quart, settings: Settings) -> None:
    """The keys, and the name and flags of the cookie.

    `__Host-` makes browsers refuse a cookie that did not come over TLS from this very host. Several keys verify and
    the newest signs: a rotation signs nobody out.
    """
    prefix = "__Host-" if settings.is_tls else ""
    app.secret_key = secret_key(settings)
    app.config["SECRET_KEY_FALLBACKS"] = [key.get_secret_value() for key in settings.secret_key_fallbacks]
    app.after_request(_keep_cookies_private)  # before quart-auth's own, so that it runs after it
    app.extensions[_AUTH] = QuartAuth(
        app,
        cookie_name=f"{prefix}rowcast-sign-in",
        cookie_secure=settings.is_tls,
        cookie_http_only=True,
        cookie_samesite="Lax",
        duration=max(settings.session_idle, settings.session_remember),
        # Its `current_user` answers with coroutines, which a template takes for "yes".
        singleton=False,
    )


async def _keep_cookies_private(response: Response) -> Response:
    """Any answer may renew the cookie. One that others may keep, or that is kept for long, then is not."""
    if "Set-Cookie" in response.headers:
        response.headers["Cache-Control"] = "no-store"
    return response


async def load_actor() -> Actor | None:
    """The signed-in person of this request, or whose token it shows: one select, and only for who asks."""
    if "actor" not in g:
        g.actor = await (bearer.load_holder() if bearer.is_shown() else _resume())
    actor: Actor | None = g.actor
    return actor


def loaded_actor() -> Actor | None:
    """The same for code that cannot wait, after somebody has loaded it; else None."""
    actor: Actor | None = g.get("actor")
    return actor


async def sign_in(user_id: int, *, remembered: bool) -> None:
    """Begin a session on this device; one that was there before ends with it."""
    before = await load_actor()
    token = await db().write(_begin, user_id, before, device(), remembered, config())
    carry(token, remembered=remembered)


def carry(token: str, *, remembered: bool) -> None:
    """Put the token of a committed session into the answer's cookie.

    Only after the commit: a cookie is also sent with the error page of what went wrong later.
    """
    _auth().login_user(AuthUser(token, Action.WRITE_PERMANENT if remembered else Action.WRITE))
    g.pop("actor", None)


async def sign_out() -> None:
    actor = await load_actor()
    if actor is not None and actor.session_id is not None:
        await db().write(Session.revoke, actor.session_id)
    _auth().logout_user()
    g.actor = None


def device() -> Device:
    return Device(agent=request.user_agent.string, address=request.remote_addr or "")


def _auth() -> QuartAuth:
    auth: QuartAuth = current_app.extensions[_AUTH]
    return auth


async def _begin(
    work: UnitOfWork, user_id: int, before: Actor | None, device: Device, remembered: bool, settings: Settings
) -> str:
    if before is not None and before.session_id is not None:
        await Session.revoke(work, before.session_id)
    await Session.forget_ended(work, user_id, settings)
    return await Session.start(work, user_id, device, remembered=remembered)


async def _resume() -> Actor | None:
    carried = _auth().load_user()
    if not carried.auth_id:
        return None
    row = await db().fetch_one(ALIVE, Session.alive(carried.auth_id, config()))
    if row is None:
        return None
    now = utc_now()
    if row.seen_at < now - TOUCH_EVERY:
        # Nobody waits for this write; the cookie's own age starts again, signed with today's key.
        db().write_soon(Session.touch, row.session_id, row.id, device())
        carried.action = Action.WRITE_PERMANENT if row.remembered else Action.WRITE
    fresh_since = now - timedelta(seconds=config().session_fresh)
    return Actor(
        id=row.id,
        email=row.email,
        name=row.name,
        role=row.role,
        session_id=row.session_id,
        is_fresh=row.authenticated_at > fresh_since,
        is_verified=row.verified_at is not None,
        time_zone=row.time_zone,
        number_style=row.number_style,
    )
