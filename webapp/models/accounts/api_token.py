"""API tokens: what programs send instead of signing in.

A token is `rowcast_` and 43 random characters; the prefix lets secret scanners recognise it. The database stores its
SHA-256 and its first letters, by which its owner recognises it.
"""

import secrets
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Select, and_, bindparam, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.accounts.user import ACTOR_COLUMNS, User
from webapp.models.base import Base, hash_token, utc_now
from webapp.models.errors import NotFound
from webapp.models.mail import Mailer
from webapp.models.policy import Scope

PREFIX = "rowcast_"
START_LENGTH = len(PREFIX) + 4  # characters that stay readable
MAX_TOKENS = 100  # per person, without the revoked ones


class TokenNameTaken(UserError):
    """This also keeps a reload of the page that shows a new token, which repeats its POST, from making another one."""

    def __init__(self) -> None:
        super().__init__("You have a token with this name already. Choose another name, or revoke that one first.")


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
    # The ids of the only tables that it is for; None: all that its owner may see. Those that are gone stay: it never
    # comes to be for more than it was made for.
    table_ids: Mapped[list[Any] | None] = mapped_column(default=None)

    @classmethod
    def of(cls, user_id: int) -> Select["ApiToken"]:
        """This person's, newest first, without the revoked ones."""
        return select(cls).where(cls.user_id == user_id, cls.revoked_at.is_(None)).order_by(cls.id.desc())

    @classmethod
    async def issue(
        cls,
        work: UnitOfWork,
        user_id: int,
        *,
        name: str,
        scope: Scope,
        expires_at: datetime | None,
        table_ids: Collection[int] | None = None,
    ) -> tuple["ApiToken", str]:
        """Return the row, and the token itself, which cannot be read again."""
        token = PREFIX + secrets.token_urlsafe(32)
        row = cls(
            user_id=user_id,
            name=name,
            scope=scope,
            token_hash=hash_token(token),
            start=token[:START_LENGTH],
            expires_at=expires_at,
            table_ids=None if table_ids is None else sorted(table_ids),
        )
        work.session.add(row)
        await work.session.flush()
        return row, token

    @classmethod
    async def revoke_all(cls, work: UnitOfWork, user_id: int) -> None:
        await work.session.execute(
            update(cls).where(cls.user_id == user_id, cls.revoked_at.is_(None)).values(revoked_at=utc_now())
        )

    @classmethod
    async def touch(cls, work: UnitOfWork, token_id: int) -> None:
        await work.session.execute(update(cls).where(cls.id == token_id).values(used_at=utc_now()))


# True of tokens that are neither revoked nor expired. Parameter: `now`.
IS_USABLE = and_(
    ApiToken.revoked_at.is_(None),
    or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > bindparam("now", type_=ApiToken.expires_at.type)),
)

# A token and its owner, as plain columns, if both are still active. Parameters: `token_hash` and `now`.
USABLE_TOKEN = (
    select(*ACTOR_COLUMNS, ApiToken.id.label("token_id"), ApiToken.scope, ApiToken.used_at, ApiToken.table_ids)
    .join(User, and_(User.id == ApiToken.user_id, User.is_active))
    .where(ApiToken.token_hash == bindparam("token_hash"), IS_USABLE)
)


async def issue_api_token(
    work: UnitOfWork,
    source: AuditSource,
    mailer: Mailer,
    user_id: int,
    *,
    name: str,
    scope: Scope,
    expires_at: datetime | None,
    table_ids: Collection[int] | None = None,
) -> tuple[ApiToken, str]:
    """Return what `ApiToken.issue` does. With `table_ids` it is for these tables only.

    Raises `UserError` if there are too many, and `TokenNameTaken` while one of that name works.
    """
    user, now = await User.find(work.session, user_id), utc_now()
    others = (await work.session.scalars(ApiToken.of(user_id))).all()
    if len(others) >= MAX_TOKENS:
        raise UserError(f"You have {MAX_TOKENS} tokens already. Revoke those that are not used any more.")
    if any(other.name == name and (other.expires_at is None or other.expires_at > now) for other in others):
        raise TokenNameTaken
    token, plain = await ApiToken.issue(
        work, user_id, name=name, scope=scope, expires_at=expires_at, table_ids=table_ids
    )
    limit = {} if token.table_ids is None else {"tables": ", ".join(map(str, token.table_ids))}
    await AuditEvent.record(work, Event.TOKEN_MADE, source, user, name=name, scope=scope, token=token.start, **limit)
    await mailer.send(work, "token_made", user.email, user_id=user.id, name=name)
    return token, plain


async def revoke_api_token(work: UnitOfWork, source: AuditSource, user_id: int, token_id: int) -> None:
    """Raises `NotFound`, also for somebody else's token and for one that is revoked already."""
    token = await work.session.scalar(ApiToken.of(user_id).where(ApiToken.id == token_id))
    if token is None:
        raise NotFound("token")
    token.revoked_at = utc_now()
    user = await work.session.get_one(User, user_id)
    await AuditEvent.record(work, Event.TOKEN_REVOKED, source, user, name=token.name, token=token.start)
