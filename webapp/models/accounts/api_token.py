"""API tokens: what programs send instead of signing in.

A token is `rowcast_` and 43 random characters; the prefix lets secret scanners recognise it. The database stores its
SHA-256 and its first letters, by which its owner recognises it.
"""

import secrets
from datetime import datetime

from sqlalchemy import ForeignKey, and_, bindparam, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.session import digest
from webapp.models.accounts.user import ACTOR_COLUMNS, User
from webapp.models.base import Base, utc_now
from webapp.models.policy import Scope

PREFIX = "rowcast_"
SHOWN = len(PREFIX) + 4  # characters that stay readable


class ApiToken(Base):
    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    scope: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    start: Mapped[str]  # such as "rowcast_k7Qd"
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    @classmethod
    async def issue(
        cls, work: UnitOfWork, user_id: int, *, name: str, scope: Scope, expires_at: datetime | None
    ) -> tuple["ApiToken", str]:
        """Return the row, and the token itself, which cannot be read again."""
        token = PREFIX + secrets.token_urlsafe(32)
        made = cls(
            user_id=user_id,
            name=name,
            scope=scope,
            token_hash=digest(token),
            start=token[:SHOWN],
            expires_at=expires_at,
        )
        work.session.add(made)
        await work.session.flush()
        return made, token

    @classmethod
    async def revoke(cls, work: UnitOfWork, user_id: int, token_id: int) -> bool:
        """Return False if this person has no such active token."""
        ended = await work.session.execute(
            update(cls)
            .where(cls.id == token_id, cls.user_id == user_id, cls.revoked_at.is_(None))
            .values(revoked_at=utc_now())
            .returning(cls.id)
        )
        return ended.scalar_one_or_none() is not None

    @classmethod
    async def revoke_all(cls, work: UnitOfWork, user_id: int) -> None:
        await work.session.execute(
            update(cls).where(cls.user_id == user_id, cls.revoked_at.is_(None)).values(revoked_at=utc_now())
        )

    @classmethod
    async def touch(cls, work: UnitOfWork, token_id: int) -> None:
        await work.session.execute(update(cls).where(cls.id == token_id).values(used_at=utc_now()))


# A token and its owner, as plain columns, if both are still active. Parameters: `token_hash` and `now`.
USABLE = (
    select(
        *ACTOR_COLUMNS,
        ApiToken.id.label("token_id"),
        ApiToken.scope,
        ApiToken.used_at,
    )
    .join(User, and_(User.id == ApiToken.user_id, User.is_active))
    .where(
        ApiToken.token_hash == bindparam("token_hash"),
        ApiToken.revoked_at.is_(None),
        or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > bindparam("now", type_=ApiToken.expires_at.type)),
    )
)
