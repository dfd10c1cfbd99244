"""A sign-in on one device: what the cookie's token stands for, and how it ends.

The cookie carries a random token and the database its SHA-256, so a copy of the database or a backup grants no access.
A changed address or browser is shown on the devices page and never signs anybody out.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, and_, bindparam, delete, false, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column

from settings import Settings
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.user import ACTOR_COLUMNS, User
from webapp.models.base import Base, utc_now

TOUCH_EVERY = timedelta(minutes=5)  # "seen" is written at most this often
MAX_DEVICE = 200  # characters of a user agent that are stored


@dataclass(frozen=True, slots=True)
class Device:
    """Where a request comes from, as shown on the devices page."""

    agent: str
    address: str


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
        cls, work: UnitOfWork, user_id: int, device: Device, *, remembered: bool, is_strong: bool = False
    ) -> str:
        """Start a sign-in. Return the token for the cookie, which cannot be read from the database again."""
        token = secrets.token_urlsafe(32)
        work.session.add(
            cls(
                user_id=user_id,
                token_hash=digest(token),
                agent=device.agent[:MAX_DEVICE],
                address=device.address,
                remembered=remembered,
                is_strong=is_strong,
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
        ended = await work.session.execute(
            update(cls)
            .where(cls.user_id == user_id, cls.revoked_at.is_(None), cls.id.is_distinct_from(except_id))
            .values(revoked_at=utc_now())
            .returning(cls.id)
        )
        return len(ended.scalars().all())

    @classmethod
    async def confirm(cls, work: UnitOfWork, session_id: int, *, is_strong: bool) -> tuple[str, bool]:
        """Record a new proof of identity: sensitive actions are allowed for a while.

        Return a new token for the cookie, which replaces the previous one, and whether it is remembered: a token that
        was copied earlier gains nothing from the proof.
        """
        token = secrets.token_urlsafe(32)
        session = await work.session.get_one(cls, session_id)
        session.token_hash, session.authenticated_at = digest(token), utc_now()
        session.is_strong = session.is_strong or is_strong
        return token, session.remembered

    @classmethod
    async def touch(cls, work: UnitOfWork, session_id: int, user_id: int, device: Device) -> None:
        now = utc_now()
        await work.session.execute(
            update(cls)
            .where(cls.id == session_id)
            .values(seen_at=now, agent=device.agent[:MAX_DEVICE], address=device.address)
        )
        await work.session.execute(update(User).where(User.id == user_id).values(seen_at=now))

    @classmethod
    async def forget_ended(cls, work: UnitOfWork, user_id: int, settings: Settings) -> None:
        """Delete sign-ins that can never be used again."""
        oldest = utc_now() - timedelta(seconds=settings.session_lifetime)
        await work.session.execute(delete(cls).where(cls.user_id == user_id, cls.created_at < oldest))

    @staticmethod
    def alive(token: str, settings: Settings) -> dict[str, Any]:
        """The parameters of `ACTIVE_SESSION` for the sign-in with this token."""
        return {"token_hash": digest(token), **Session.lasting(settings)}

    @staticmethod
    def lasting(settings: Settings) -> dict[str, Any]:
        """The parameters of `IS_ACTIVE`."""
        now = utc_now()
        return {
            "born_after": now - timedelta(seconds=settings.session_lifetime),
            "seen_after": now - timedelta(seconds=settings.session_idle),
            "remembered_after": now - timedelta(seconds=settings.session_remember),
        }


# True of sign-ins that have not ended and whose account is active.
IS_ACTIVE = and_(
    User.is_active,
    Session.revoked_at.is_(None),
    Session.created_at > bindparam("born_after"),
    or_(
        Session.seen_at > bindparam("seen_after"),
        and_(Session.remembered, Session.seen_at > bindparam("remembered_after")),
    ),
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
)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
