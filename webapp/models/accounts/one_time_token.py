"""One-time tokens: in mailed links, and to connect the steps of one sign-in.

Like a session's, a token is random, and the database stores its SHA-256.
"""

import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Select, and_, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.user import User
from webapp.models.base import Base, hash_token, utc_now
from webapp.models.mail import Mailer


class Purpose(StrEnum):
    """What a token may be used for, exclusively."""

    VERIFY = "verify"  # confirm the address
    RESET = "reset"  # choose a new password
    CHANGE_EMAIL = "change-email"  # confirm the new address
    INVITE = "invite"  # create an account by invitation
    SECOND_STEP = "second-step"  # the password was right, the second factor is still to come
    CHALLENGE = "challenge"  # what a passkey has to sign
    PROVIDER = "provider"  # somebody was sent to the provider of single sign-on


LIFETIMES = {
    Purpose.VERIFY: timedelta(days=3),
    Purpose.RESET: timedelta(hours=1),
    Purpose.CHANGE_EMAIL: timedelta(hours=24),
    Purpose.INVITE: timedelta(days=7),
    Purpose.SECOND_STEP: timedelta(minutes=10),
    Purpose.CHALLENGE: timedelta(minutes=5),
    Purpose.PROVIDER: timedelta(minutes=10),
}
BY_HAND = {"by_hand": True}  # in the data of a link that was passed on
RETENTION = timedelta(days=30)  # how long a row is kept after its token has expired


class TokenUnusable(UserError):
    """Does not say which reason applies, since a stranger may be asking."""

    def __init__(self) -> None:
        super().__init__("This link does not work any more: it was used already, or it is too old. Ask for a new one.")


class PassedOnByHand(UserError):
    def __init__(self) -> None:
        super().__init__(
            "Somebody passed this link on by hand, so it does not show that mail reaches you. Only a mailed link "
            "confirms an address: ask for a new one."
        )


class OneTimeToken(Base):
    __tablename__ = "one_time_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    # Whom it is for; None for people without an account.
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    # The address it was sent to: the new one of a change, the invited one.
    email: Mapped[str | None] = mapped_column(index=True)
    # Data specific to the purpose: the role of an invitation, the state of a challenge. "by_hand": somebody has passed
    # the link on, so using it does not show that its address reaches anybody.
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]

    @classmethod
    async def issue(
        cls,
        work: UnitOfWork,
        purpose: Purpose,
        *,
        user_id: int | None = None,
        email: str | None = None,
        data: dict[str, Any] | None = None,
        ends_earlier: bool = True,
    ) -> str:
        """Create a token; earlier ones for the same purpose and person stop working.

        Tokens for signing in leave earlier ones alone: two devices may be in the middle of signing in.
        """
        if user_id is not None and ends_earlier:
            await cls.withdraw(work, user_id, purpose)
        token = secrets.token_urlsafe(32)
        work.session.add(
            cls(
                purpose=purpose,
                token_hash=hash_token(token),
                user_id=user_id,
                email=email,
                data=data or {},
                expires_at=utc_now() + LIFETIMES[purpose],
            )
        )
        return token

    @classmethod
    def is_over(cls, now: datetime) -> ColumnElement[bool]:
        """Whether it is of no use to anybody. What strangers ask for by themselves is not kept once it has expired."""
        is_strangers = cls.purpose.in_((Purpose.CHALLENGE, Purpose.PROVIDER))
        return or_(cls.expires_at < now - RETENTION, and_(is_strangers, cls.expires_at < now))

    @classmethod
    def is_usable(cls) -> ColumnElement[bool]:
        return and_(cls.used_at.is_(None), cls.expires_at > utc_now())

    @classmethod
    def usable(cls, purpose: Purpose, token: str) -> Select["OneTimeToken"]:
        """The token for a page that precedes its use: looking does not use it up, because mail scanners look too."""
        return select(cls).where(cls.token_hash == hash_token(token), cls.purpose == purpose, cls.is_usable())

    @classmethod
    async def redeem(cls, work: UnitOfWork, purpose: Purpose, token: str) -> "OneTimeToken":
        """Use it up. Of several concurrent calls exactly one wins; the others raise `TokenUnusable`."""
        used_up = update(cls).where(cls.token_hash == hash_token(token), cls.purpose == purpose, cls.is_usable())
        token_id = await work.session.scalar(used_up.values(used_at=utc_now()).returning(cls.id))
        if token_id is None:
            raise TokenUnusable
        return await work.session.get_one(cls, token_id, populate_existing=True)

    @classmethod
    async def redeem_link(cls, work: UnitOfWork, purpose: Purpose, token: str) -> tuple["OneTimeToken", User]:
        """Use it up; return it and whose it is. Raises `TokenUnusable`, also if the account is inactive or has another
        address by now.
        """
        link = await cls.redeem(work, purpose, token)
        user = await work.session.get(User, link.user_id)
        if user is None or not user.is_active or user.email != link.email:
            raise TokenUnusable
        return link, user

    @classmethod
    async def withdraw(cls, work: UnitOfWork, user_id: int, *purposes: Purpose) -> None:
        """Revoke the unused ones."""
        await work.session.execute(
            update(cls)
            .where(cls.user_id == user_id, cls.purpose.in_(purposes), cls.used_at.is_(None))
            .values(used_at=utc_now())
        )

    @classmethod
    async def mark_by_hand(cls, work: UnitOfWork, token: str) -> None:
        """Somebody is given the link by hand."""
        link = await work.session.scalar(select(cls).where(cls.token_hash == hash_token(token)))
        if link is not None:
            link.data = {**link.data, **BY_HAND}

    @property
    def is_by_hand(self) -> bool:
        return BY_HAND.items() <= self.data.items()


async def send_link(
    work: UnitOfWork, mailer: Mailer, purpose: Purpose, user: User, template: str, **context: str
) -> None:
    """Mail a link to somebody with an account. It grants something once, so asking again ends the link before it.

    Without mail no link confirms an address, so none is made: nobody could pass it on.
    """
    if purpose is Purpose.VERIFY and not mailer.confirms_addresses:
        return
    token = await OneTimeToken.issue(work, purpose, user_id=user.id, email=user.email)
    await mailer.send(work, template, user.email, user_id=user.id, token=token, **context)
