"""Who is asking: quart-auth carries a token in its signed cookie, and the database holds the session behind it.

The cookie alone proves nothing: signing out, or ending a device's session, takes effect on the next request.
"""

from datetime import datetime, timedelta
from hashlib import sha512
from typing import Any

from itsdangerous import URLSafeTimedSerializer
from quart import Quart, Response, current_app, g
from quart_auth import Action, AuthUser, QuartAuth
from werkzeug.exceptions import Unauthorized

from settings import Settings
from webapp.db.keys import secret_key
from webapp.db.signing import ClockTolerantSigner
from webapp.extensions import config, db
from webapp.models import Actor, Session, User, utc_now
from webapp.models.accounts.people import ActingUser
from webapp.models.accounts.session import (
    ACTIVE_SESSION,
    confirm_session,
    end_all_sessions,
    end_session,
    start_session,
    touch_interval,
)
from webapp.models.accounts.user import ChangedMeanwhile, actor_from
from webapp.web import bearer
from webapp.web.audit import audit_source
from webapp.web.known_devices import remember_device
from webapp.web.last_seen import last_seen
from webapp.web.request_context import add_log_fields

_AUTH = "rowcast.auth"


class _SignInSerializer(URLSafeTimedSerializer):
    """As quart-auth's own, for a clock that may go back."""

    def __init__(self, secret: Any, salt: str) -> None:
        super().__init__(secret, salt, signer=ClockTolerantSigner, signer_kwargs={"digest_method": sha512})


def init_app(app: Quart, settings: Settings) -> None:
    """Set the signing keys and the name and flags of the cookie.

    `__Host-` makes browsers refuse a cookie that did not come over TLS from this very host. All keys verify and the
    newest signs, so a rotation signs nobody out.
    """
    prefix = "__Host-" if settings.is_tls else ""
    app.secret_key = secret_key(settings)
    app.config["SECRET_KEY_FALLBACKS"] = [key.get_secret_value() for key in settings.secret_key_fallbacks]
    app.after_request(_keep_cookies_private)  # registered before quart-auth's, so that it runs after it
    app.extensions[_AUTH] = QuartAuth(
        app,
        cookie_name=f"{prefix}rowcast-sign-in",
        cookie_secure=settings.is_tls,
        cookie_http_only=True,
        cookie_samesite="Lax",
        serializer_class=_SignInSerializer,  # type: ignore[arg-type]  # declared as a private subclass of the same
        duration=max(settings.session_idle, settings.session_remember),
        # Its `current_user` returns coroutines, which are truthy in a template.
        singleton=False,
    )


async def _keep_cookies_private(response: Response) -> Response:
    """Any response may renew the cookie, so one that may be cached becomes uncacheable when it does."""
    if "Set-Cookie" in response.headers:
        response.headers["Cache-Control"] = "no-store"
    return response


async def load_current_user() -> Actor | None:
    """The signed-in person, or the token's owner; None for a stranger. One SELECT per request, when first called."""
    if "actor" not in g:
        g.actor = await (bearer.load_token_owner() if bearer.has_token() else _load_session_owner())
        if g.actor is not None:
            add_log_fields(user=g.actor.id)  # the id only; names stay out of the log
    actor: Actor | None = g.actor
    return actor


def current_user_or_none() -> Actor | None:
    """The same for synchronous code, after `load_current_user`, which runs before every view that is not public."""
    actor: Actor | None = g.get("actor")
    return actor


def current_user() -> Actor:
    """The signed-in person, in a view that is not public. Raises Unauthorized if there is none."""
    if (actor := current_user_or_none()) is None:
        raise Unauthorized
    return actor


def acting_user() -> ActingUser:
    """Who acts in this request, for the verbs that manage people. Raises Unauthorized if there is nobody."""
    return ActingUser(current_user(), audit_source())


async def sign_in(
    user: User,
    *,
    remembered: bool,
    method: str = "password",
    is_strong: bool = False,
    proved_at: datetime | None = None,
) -> None:
    """Start a session on this device; the previous one ends.

    `user` is the row as it was when they proved who they are, by `method`, just now or `proved_at`; `is_strong` says
    that it took two factors. Raises `ChangedMeanwhile`.
    """
    previous = await load_current_user()
    token = await db().write(
        start_session,
        audit_source(),
        user,
        method=method,
        remembered=remembered,
        is_strong=is_strong,
        replaces=previous.session_id if previous else None,
        proved_at=proved_at,
    )
    set_session_cookie(token, remembered=remembered)
    remember_device(user)


async def confirm_identity(method: str = "password", *, is_strong: bool = False) -> None:
    """Record that the signed-in person has proved their identity again. Raises `ChangedMeanwhile`."""
    actor = await load_current_user()
    if actor is None or actor.session_id is None:
        raise Unauthorized
    token, remembered = await db().write(
        confirm_session, audit_source(), actor.session_id, method=method, is_strong=is_strong
    )
    set_session_cookie(token, remembered=remembered)
    async with db().reading() as session:
        user = await session.get(User, actor.id)
    if user is None:  # deleted just now
        raise ChangedMeanwhile
    remember_device(user)
    await load_current_user()  # for a page that is rendered now; nobody if they have confirmed in another window too


def set_session_cookie(token: str, *, remembered: bool) -> None:
    """Put the token of a committed session into the response's cookie.

    Only after the commit, because the cookie is also sent with the error page of a later failure.
    """
    _auth().login_user(AuthUser(token, Action.WRITE_PERMANENT if remembered else Action.WRITE))
    g.pop("actor", None)


async def sign_out(*, everywhere: bool = False) -> None:
    """End the session on this device, or all of this person's."""
    actor = await load_current_user()
    if actor is not None and actor.session_id is not None:
        if everywhere:
            await db().write(end_all_sessions, audit_source(), actor.id)
        else:
            await db().write(end_session, audit_source(), actor.id, actor.session_id)
    clear_session_cookie()


def clear_session_cookie() -> None:
    """Delete the cookie of a session that has ended, for example with its account."""
    _auth().logout_user()
    g.actor = None


def _auth() -> QuartAuth:
    auth: QuartAuth = current_app.extensions[_AUTH]
    return auth


def session_parameters() -> dict[str, Any] | None:
    """Those of `ACTIVE_SESSION` for the cookie of this request; None if it has none."""
    token = _auth().load_user().auth_id
    return Session.parameters(token, config()) if token and isinstance(token, str) else None


async def _load_session_owner() -> Actor | None:
    cookie, parameters = _auth().load_user(), session_parameters()
    row = await db().fetch_one(ACTIVE_SESSION, parameters) if parameters else None
    if row is None:
        return None
    now = utc_now()
    interval = touch_interval(config())
    if not now - interval <= row.seen_at <= now + interval:  # in the future after the clock was set back
        # Written in the background; the cookie's age starts again, signed with today's key.
        last_seen().note(row.session_id, row.id, audit_source())
        cookie.action = Action.WRITE_PERMANENT if row.remembered else Action.WRITE
    # A proof from the future does not stay fresh until the clock has caught up with it.
    is_fresh = now - timedelta(seconds=config().session_fresh) < row.authenticated_at <= now + interval
    return actor_from(row, session_id=row.session_id, is_fresh=is_fresh, is_strong=row.is_strong)
