"""A sign-in on one device: what the cookie's token stands for, and how it starts, is confirmed and ends.

The cookie carries a random token and the database its SHA-256. A changed address or browser is shown on the devices
page and never signs anybody out.
"""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Connection, ForeignKey, Select, and_, bindparam, false, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.statements import OFTEN
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.audit import MAX_AGENT, AuditEvent, AuditSource, Event
from webapp.models.accounts.user import ACTOR_COLUMNS, ChangedMeanwhile, User
from webapp.models.base import Base, hash_token, utc_now

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
MAX_SESSIONS = 200  # of each person, as many as the page of devices lists; the one unseen for longest ends first
MAX_TOUCH_INTERVAL = timedelta(minutes=5)


class SessionLimits(Protocol):
    """How long a sign-in is valid, in seconds: in any case, without use, and without use if it is remembered."""

    session_lifetime: int
    session_idle: int
    session_remember: int


def touch_interval(limits: SessionLimits) -> timedelta:
    """How often "seen" is written: a tenth of the shortest time after which an unused sign-in expires, or less."""
    return min(MAX_TOUCH_INTERVAL, timedelta(seconds=min(limits.session_idle, limits.session_remember) / 10))


class Session(Base):
    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    agent: Mapped[str]
    address: Mapped[str]
    # Whether the cookie survives closing the browser.
    remembered: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    seen_at: Mapped[datetime] = mapped_column(default=utc_now)
    # The last proof of identity: by password and second factor, or by passkey.
    authenticated_at: Mapped[datetime] = mapped_column(default=utc_now)
    revoked_at: Mapped[datetime | None]
    # Whether two factors were used: a password and a code, or a passkey.
    is_strong: Mapped[bool] = mapped_column(default=False, server_default=false())

    @classmethod
    async def start(
        cls,
        work: UnitOfWork,
        user_id: int,
        source: AuditSource,
        *,
        remembered: bool,
        is_strong: bool = False,
        proved_at: datetime | None = None,
    ) -> str:
        """Start a sign-in. Return the token for the cookie, which cannot be read from the database again."""
        token = secrets.token_urlsafe(32)
        work.session.add(
            cls(
                user_id=user_id,
                token_hash=hash_token(token),
                agent=source.agent[:MAX_AGENT],
                address=source.address,
                remembered=remembered,
                is_strong=is_strong,
                authenticated_at=proved_at or utc_now(),
            )
        )
        await work.session.execute(update(User).where(User.id == user_id).values(seen_at=utc_now()))
        return token

    @classmethod
    async def revoke(cls, work: UnitOfWork, session_id: int) -> None:
        await work.session.execute(
            update(cls).where(cls.id == session_id, cls.revoked_at.is_(None)).values(revoked_at=utc_now())
        )

    @classmethod
    async def revoke_all(cls, work: UnitOfWork, user_id: int, *, except_id: int | None = None) -> int:
        """End all of a person's sign-ins, or all but one; return how many."""
        active = (cls.user_id == user_id, cls.revoked_at.is_(None), cls.id.is_distinct_from(except_id))
        revoked = update(cls).where(*active).values(revoked_at=utc_now())
        return len((await work.session.scalars(revoked.returning(cls.id))).all())

    @classmethod
    async def revoke_oldest(cls, work: UnitOfWork, user_id: int) -> None:
        """End those of a person's sign-ins that were not seen for longest, beyond `MAX_SESSIONS`."""
        theirs = (cls.user_id == user_id, cls.revoked_at.is_(None))
        newest = select(cls.id).where(*theirs).order_by(cls.seen_at.desc(), cls.id.desc()).limit(MAX_SESSIONS)
        await work.session.execute(update(cls).where(*theirs, cls.id.not_in(newest)).values(revoked_at=utc_now()))

    @classmethod
    async def require_new_proof(cls, work: UnitOfWork, user_id: int) -> None:
        """A factor was added: whatever this person's sign-ins have shown before no longer counts as recent."""
        await work.session.execute(
            update(cls).where(cls.user_id == user_id).values(authenticated_at=NEVER, is_strong=false())
        )

    @staticmethod
    def touch(connection: Connection, seen: Mapping[int, tuple[int, AuditSource]]) -> None:
        """Note that the people with these sign-ins were seen just now, and where: by sign-in, the person and that."""
        now = utc_now()
        places = [
            {"session_id": session_id, "now": now, "agent": source.agent[:MAX_AGENT], "address": source.address}
            for session_id, (_, source) in seen.items()
        ]
        connection.execute(_TOUCH_SESSION, places)
        connection.execute(
            _TOUCH_USER, [{"user_id": user_id, "now": now} for user_id in {user for user, _ in seen.values()}]
        )

    @classmethod
    def active_of(cls, user_id: int) -> Select["Session"]:
        """This person's that have not ended. Parameters: `active_parameters`."""
        return select(cls).join(User, User.id == cls.user_id).where(cls.user_id == user_id, IS_ACTIVE)

    @staticmethod
    def parameters(token: str, limits: SessionLimits) -> dict[str, Any]:
        """Those of `ACTIVE_SESSION`, for the sign-in with this token."""
        return {"token_hash": hash_token(token), **Session.active_parameters(limits)}

    @staticmethod
    def active_parameters(limits: SessionLimits) -> dict[str, Any]:
        """Those of `IS_ACTIVE`."""
        now = utc_now()
        return {
            "created_after": now - timedelta(seconds=limits.session_lifetime),
            "seen_after": now - timedelta(seconds=limits.session_idle),
            "remembered_seen_after": now - timedelta(seconds=limits.session_remember),
        }


# True of sign-ins that have not ended and whose account is active.
IS_ACTIVE = and_(
    User.is_active,
    Session.revoked_at.is_(None),
    Session.created_at > bindparam("created_after"),
    or_(
        Session.seen_at > bindparam("seen_after"),
        and_(Session.remembered, Session.seen_at > bindparam("remembered_seen_after")),
    ),
)

_TOUCH_SESSION = (
    update(Session.__table__)  # type: ignore[arg-type]
    .where(Session.id == bindparam("session_id"))
    .values(seen_at=bindparam("now"), agent=bindparam("agent"), address=bindparam("address"))
)
_TOUCH_USER = (
    update(User.__table__)  # type: ignore[arg-type]
    .where(User.id == bindparam("user_id"))
    .values(seen_at=bindparam("now"))
)

# A sign-in and its person, as plain columns, if both are active. Built once: every request runs it, and building it
# takes as long as running it.
ACTIVE_SESSION = (
    select(
        *ACTOR_COLUMNS,
        Session.id.label("session_id"),
        Session.remembered,
        Session.is_strong,
        Session.seen_at,
        Session.authenticated_at,
    )
    .join(User, User.id == Session.user_id)
    .where(Session.token_hash == bindparam("token_hash"), IS_ACTIVE)
    .execution_options(**OFTEN)
)


async def start_session(
    work: UnitOfWork,
    source: AuditSource,
    user: User,
    *,
    method: str,
    remembered: bool,
    is_strong: bool,
    replaces: int | None = None,
    proved_at: datetime | None = None,
) -> str:
    """Sign the person in on this device, where the session `replaces` ends. Return the token for the cookie.

    `user` is the row as it was when they proved who they are, by `method`, just now or `proved_at`; `is_strong` says
    that it took two factors. Raises `ChangedMeanwhile`.
    """
    if replaces is not None:
        await Session.revoke(work, replaces)
    person = await User.ensure_unchanged(work, user)
    details = {"method": method, "remembered": remembered}
    await AuditEvent.record(work, Event.SIGNED_IN, source.acting_as(person), person, **details)
    token = await Session.start(
        work, person.id, source, remembered=remembered, is_strong=is_strong, proved_at=proved_at
    )
    await Session.revoke_oldest(work, person.id)
    return token


async def confirm_session(
    work: UnitOfWork, source: AuditSource, session_id: int, *, method: str, is_strong: bool
) -> tuple[str, bool]:
    """Record a new proof of identity: sensitive actions are allowed for a while.

    Return a new token for the cookie, which replaces the previous one, and whether it is remembered: a token that was
    copied earlier gains nothing from the proof. Raises `ChangedMeanwhile` if the sign-in has ended.
    """
    session = await work.session.get(Session, session_id)
    if session is None or session.revoked_at is not None:
        raise ChangedMeanwhile
    token = secrets.token_urlsafe(32)
    session.token_hash, session.authenticated_at = hash_token(token), utc_now()
    session.is_strong = session.is_strong or is_strong
    person = await work.session.get_one(User, session.user_id)
    await AuditEvent.record(work, Event.CONFIRMED, source, person, method=method)
    return token, session.remembered


async def record_of_session(
    work: UnitOfWork, event: Event, source: AuditSource, parameters: dict[str, Any] | None, /, **details: Any
) -> None:
    """Record an event of a request that was refused before its person was looked up. `parameters` are those of
    `ACTIVE_SESSION`, if the request has a cookie.
    """
    row = (await work.session.execute(ACTIVE_SESSION, parameters)).first() if parameters else None
    if row is not None:
        source = replace(source, id=row.id, name=row.email)
    await AuditEvent.record(work, event, source, None, **details)


async def end_session(
    work: UnitOfWork, source: AuditSource, user_id: int, session_id: int, *, device: str | None = None
) -> bool:
    """Sign the person out on one device, described for the audit log. Return False if they are signed out there."""
    session = await work.session.get(Session, session_id)
    if session is None or session.user_id != user_id or session.revoked_at is not None:
        return False
    session.revoked_at = utc_now()
    person = await work.session.get_one(User, user_id)
    details = {} if device is None else {"device": device}
    await AuditEvent.record(work, Event.SIGNED_OUT, source, person, **details)
    return True


async def end_all_sessions(work: UnitOfWork, source: AuditSource, user_id: int, *, except_id: int | None = None) -> int:
    """Sign the person out on all devices, or on all but one; return on how many."""
    ended = await Session.revoke_all(work, user_id, except_id=except_id)
    if ended:
        person = await work.session.get_one(User, user_id)
        details = {} if except_id is None else {"but_this": True}
        await AuditEvent.record(work, Event.ALL_SIGNED_OUT, source, person, sessions_ended=ended, **details)
    return ended
