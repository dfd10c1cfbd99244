"""An identity at the provider of single sign-on that signs in to an account: its issuer and subject, for ever after."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, Select, UniqueConstraint, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.accounts.passkey import Passkey
from webapp.models.accounts.user import User
from webapp.models.base import Base, utc_now
from webapp.models.errors import NotFound
from webapp.models.mail import Mailer

MAX_IDENTITIES = 10  # per person


class LastWayIn(UserError):
    def __init__(self) -> None:
        super().__init__(
            "Nothing else signs in to your account. Add a passkey, or a password where this server takes one, then "
            "remove this."
        )


class TooManyIdentities(UserError):
    def __init__(self) -> None:
        super().__init__(
            f"{MAX_IDENTITIES} sign-ins are linked to this account already. Remove those that are not used any more."
        )


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a provider has said about the person who signed in there; verified to come from it, and made for us now."""

    issuer: str
    subject: str
    email: str  # as the provider writes it; "": it says none
    is_email_verified: bool
    name: str
    groups: frozenset[str]
    authenticated_at: datetime | None  # when they last proved there who they are; None: the provider does not say


class Identity(Base):
    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("issuer", "subject", name="uq_identities_issuer"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    issuer: Mapped[str]
    # What the provider calls the person; addresses change hands, this never does.
    subject: Mapped[str]
    # The address there at the last sign-in, for the person to recognise it by.
    email: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    used_at: Mapped[datetime | None]

    @classmethod
    def of(cls, user_id: int) -> Select["Identity"]:
        """This person's, oldest first."""
        return select(cls).where(cls.user_id == user_id).order_by(cls.id)

    @classmethod
    def asserted(cls, who: Assertion) -> Select["Identity"]:
        return select(cls).where(cls.issuer == who.issuer, cls.subject == who.subject)


async def add_identity(work: UnitOfWork, source: AuditSource, user: User, who: Assertion) -> Identity:
    """The provider has verified the address, which is that of the account: it counts as confirmed from now on.

    Raises `TooManyIdentities`.
    """
    if len((await work.session.scalars(Identity.of(user.id))).all()) >= MAX_IDENTITIES:
        raise TooManyIdentities
    identity = Identity(user_id=user.id, issuer=who.issuer, subject=who.subject, email=who.email)
    work.session.add(identity)
    await AuditEvent.record(work, Event.IDENTITY_ADDED, source, user, issuer=who.issuer, identity=who.email)
    if user.verified_at is None:
        user.verified_at = utc_now()
        await AuditEvent.record(work, Event.VERIFIED, source, user)
    return identity


async def has_identity(session: AsyncSession, user_id: int) -> bool:
    return await session.scalar(Identity.of(user_id).limit(1)) is not None


async def end_identities(work: UnitOfWork, source: AuditSource, user: User) -> None:
    """No provider signs in to this account any more."""
    for identity in (await work.session.scalars(Identity.of(user.id))).all():
        await work.session.delete(identity)
        details = {"issuer": identity.issuer, "identity": identity.email}
        await AuditEvent.record(work, Event.IDENTITY_REMOVED, source, user, **details)


async def remove_identity(
    work: UnitOfWork,
    source: AuditSource,
    mailer: Mailer,
    user_id: int,
    identity_id: int,
    *,
    has_password: bool,
    issuer: str,
    provider_name: str,
) -> None:
    """`has_password` says whether the server takes this person's password; `issuer` is the provider of today, others
    sign in nobody any more. Raises `NotFound`, `LastWayIn`.
    """
    identity = await work.session.get(Identity, identity_id)
    if identity is None or identity.user_id != user_id:
        raise NotFound("linked sign-in")
    user = await User.find(work.session, user_id)
    others = Identity.of(user_id).where(Identity.id != identity_id, Identity.issuer == issuer).limit(1)
    has_other = await work.session.scalar(others) or await work.session.scalar(Passkey.of(user_id).limit(1))
    if identity.issuer == issuer and not (has_other or (has_password and user.password_hash)):
        raise LastWayIn
    await work.session.delete(identity)
    details = {"issuer": identity.issuer, "identity": identity.email}
    await AuditEvent.record(work, Event.IDENTITY_REMOVED, source, user, **details)
    await mailer.send(work, "identity_removed", user.email, user_id=user.id, provider=provider_name)
