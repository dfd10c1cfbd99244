"""A passkey (WebAuthn credential): the public half of a key that never leaves somebody's device."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Select, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.accounts.one_time_token import OneTimeToken, Purpose
from webapp.models.accounts.session import Session
from webapp.models.accounts.user import User
from webapp.models.base import Base, utc_now
from webapp.models.errors import NotFound
from webapp.models.mail import Mailer

MAX_PASSKEYS = 20  # per person


class PasskeyNotAdded(UserError):
    """There are too many, or it is known already."""


class LastFactor(UserError):
    """`others` are what can take its place."""

    def __init__(self, others: str) -> None:
        super().__init__(
            "This server requires two-factor authentication, and this is your last second factor. "
            f"Add {others} first, then remove this."
        )


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A verified key that a device has created."""

    credential_id: bytes
    credential: bytes
    sign_count: int


class Passkey(Base):
    __tablename__ = "passkeys"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    # The credential id, and the attested credential data in the standard's format (WebAuthn, 6.5.1).
    credential_id: Mapped[bytes] = mapped_column(unique=True)
    credential: Mapped[bytes]
    # Increases with each use if the device counts; a decrease means that the key was cloned.
    sign_count: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    used_at: Mapped[datetime | None]

    @classmethod
    def of(cls, user_id: int) -> Select["Passkey"]:
        """This person's, oldest first."""
        return select(cls).where(cls.user_id == user_id).order_by(cls.id)

    @classmethod
    async def find(cls, session: AsyncSession, user_id: int, passkey_id: int) -> "Passkey":
        """Raises `NotFound` for somebody else's passkey as for a missing one."""
        passkey = await session.get(cls, passkey_id)
        if passkey is None or passkey.user_id != user_id:
            raise NotFound("passkey")
        return passkey

    @classmethod
    def with_owner(cls, credential_id: bytes) -> Select["Passkey", User]:
        """The passkey and who may sign in with it."""
        joined = select(cls, User).join(User, User.id == cls.user_id)
        return joined.where(cls.credential_id == credential_id, User.is_active)

    @classmethod
    async def end_all(cls, work: UnitOfWork, user_id: int) -> list[str]:
        """Delete this person's; return their names, oldest first."""
        passkeys = (await work.session.scalars(cls.of(user_id))).all()
        for passkey in passkeys:
            await work.session.delete(passkey)
        return [passkey.name for passkey in passkeys]

    @classmethod
    async def use(cls, work: UnitOfWork, passkey_id: int, sign_count: int) -> bool:
        """Return False if the counter did not increase. Many keys do not count and always send 0."""
        increases = or_(cls.sign_count < sign_count, (cls.sign_count == 0) & (sign_count == 0))
        used = update(cls).where(cls.id == passkey_id, increases).values(sign_count=sign_count, used_at=utc_now())
        return await work.session.scalar(used.returning(cls.id)) is not None


async def add_passkey(
    work: UnitOfWork, source: AuditSource, mailer: Mailer, user_id: int, name: str, new: NewCredential
) -> None:
    """Raises `PasskeyNotAdded`."""
    user = await User.find(work.session, user_id)
    if len((await work.session.scalars(Passkey.of(user_id))).all()) >= MAX_PASSKEYS:
        raise PasskeyNotAdded(f"You have {MAX_PASSKEYS} passkeys already. Remove those that are not used any more.")
    work.session.add(Passkey(user_id=user_id, name=name, **asdict(new)))
    try:
        await work.session.flush()
    except IntegrityError as error:
        raise PasskeyNotAdded("This passkey is known already.") from error
    await Session.require_new_proof(work, user_id)
    await AuditEvent.record(work, Event.PASSKEY_ADDED, source, user, name=name)
    await mailer.send(work, "passkey_added", user.email, user_id=user.id, name=name)


async def rename_passkey(work: UnitOfWork, source: AuditSource, user_id: int, passkey_id: int, name: str) -> None:
    """Raises `NotFound`."""
    passkey = await Passkey.find(work.session, user_id, passkey_id)
    before, passkey.name = passkey.name, name
    if name != before:
        user = await User.find(work.session, user_id)
        await AuditEvent.record(work, Event.PASSKEY_RENAMED, source, user, before=before, name=name)


async def remove_passkey(
    work: UnitOfWork, source: AuditSource, mailer: Mailer, user_id: int, passkey_id: int, *, must_keep_factor: bool
) -> str:
    """Return its name. Raises `NotFound`, and `LastFactor` if they must have another factor."""
    passkey = await Passkey.find(work.session, user_id, passkey_id)
    user = await work.session.get_one(User, user_id)
    other = await work.session.scalar(Passkey.of(user_id).where(Passkey.id != passkey_id).limit(1))
    if must_keep_factor and user.totp_secret is None and other is None:
        raise LastFactor("another passkey or an authenticator app")
    await work.session.delete(passkey)
    await AuditEvent.record(work, Event.PASSKEY_REMOVED, source, user, name=passkey.name)
    await mailer.send(work, "passkey_removed", user.email, user_id=user.id, name=passkey.name)
    return passkey.name


async def issue_challenge(work: UnitOfWork, user_id: int | None, state: dict[str, Any]) -> str:
    """Return the token of a challenge for a device.

    It is redeemed by `OneTimeToken.redeem`, in a unit of work of its own: each allows a single try.
    """
    if user_id is not None:
        await User.find(work.session, user_id)
    return await OneTimeToken.issue(work, Purpose.CHALLENGE, user_id=user_id, data=state)
