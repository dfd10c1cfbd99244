"""A sign-in on one device: what the cookie's token stands for, and how it ends.

The cookie carries a random token, the database its SHA-256: neither a copy of the database nor of a backup lets
anybody in. A changed address or browser is noted for the devices page and never signs anybody out.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Select, and_, case, delete, select, update
from sqlalchemy.orm import Mapped, mapped_column

from settings import Settings
from webapp.data.uow import UnitOfWork
from webapp.models.base import Base, utc_now
from webapp.models.user import User

TOUCH_EVERY = timedelta(minutes=5)  # "seen" is written at most this often
MAX_DEVICE = 200  # characters of a user agent that are kept


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
    # Whether the cookie outlives the browser's window.
    remembered: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    seen_at: Mapped[datetime] = mapped_column(default=utc_now)
    # When the password was last given.
    authenticated_at: Mapped[datetime] = mapped_column(default=utc_now)
    revoked_at: Mapped[datetime | None]

    @classmethod
    async def start(cls, work: UnitOfWork, user_id: int, device: Device, *, remembered: bool) -> str:
        """A new sign-in. The answer is the token for the cookie: nobody can read it from the database again."""
        token = secrets.token_urlsafe(32)
        work.session.add(
            cls(
                user_id=user_id,
                token_hash=digest(token),
                agent=device.agent[:MAX_DEVICE],
                address=device.address,
                remembered=remembered,
            )
        )
        return token

    @classmethod
    async def revoke(cls, work: UnitOfWork, session_id: int) -> None:
        await work.session.execute(
            update(cls).where(cls.id == session_id, cls.revoked_at.is_(None)).values(revoked_at=utc_now())
        )

    @classmethod
    async def touch(cls, work: UnitOfWork, session_id: int, device: Device) -> None:
        await work.session.execute(
            update(cls)
            .where(cls.id == session_id)
            .values(seen_at=utc_now(), agent=device.agent[:MAX_DEVICE], address=device.address)
        )

    @classmethod
    async def forget_ended(cls, work: UnitOfWork, user_id: int, settings: Settings) -> None:
        """Rows of sign-ins that can never be used again."""
        oldest = utc_now() - timedelta(seconds=settings.session_lifetime)
        await work.session.execute(delete(cls).where(cls.user_id == user_id, cls.created_at < oldest))

    @classmethod
    def alive(cls, token: str, settings: Settings) -> Select[int, str, str, str, int, bool, datetime, datetime]:
        """The sign-in of this token with its person, as plain columns, if neither has ended."""
        now = utc_now()
        idle, remember = timedelta(seconds=settings.session_idle), timedelta(seconds=settings.session_remember)
        return (
            select(
                User.id,
                User.email,
                User.name,
                User.role,
                cls.id.label("session_id"),
                cls.remembered,
                cls.seen_at,
                cls.authenticated_at,
            )
            .join(User, and_(User.id == cls.user_id, User.is_active))
            .where(
                cls.token_hash == digest(token),
                cls.revoked_at.is_(None),
                cls.created_at > now - timedelta(seconds=settings.session_lifetime),
                cls.seen_at > case((cls.remembered, now - remember), else_=now - idle),
            )
        )


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
