"""What signs in to an account besides its password, for its person to recognise, or to recognise as somebody else's."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.models.accounts.audit import AuditEvent, Event
from webapp.models.accounts.identity import Identity
from webapp.models.accounts.passkey import Passkey
from webapp.models.accounts.user import User
from webapp.models.base import utc_now

PROMOTION_SHOWN = timedelta(days=30)  # how long sign-ins say which passkeys a promotion ended


@dataclass(frozen=True, slots=True)
class SignInMethods:
    has_password: bool
    has_totp: bool
    totp_added_at: datetime | None  # None also if that was not recorded
    passkeys: list[Passkey] = field(default_factory=list)  # oldest first
    ended_passkeys: list[str] = field(default_factory=list)  # names of those that promotions ended lately
    identities: list[Identity] = field(default_factory=list)  # at the provider of single sign-on, oldest first


async def sign_in_methods(session: AsyncSession, user_id: int) -> SignInMethods:
    user = await session.get(User, user_id)
    if user is None:  # deleted since
        return SignInMethods(has_password=False, has_totp=False, totp_added_at=None)
    passkeys = list(await session.scalars(Passkey.of(user_id)))
    ended, identities = await _ended(session, user_id), list(await session.scalars(Identity.of(user_id)))
    has_password, has_totp = bool(user.password_hash), user.totp_secret is not None
    return SignInMethods(has_password, has_totp, user.totp_added_at, passkeys, ended, identities)


async def _ended(session: AsyncSession, user_id: int) -> list[str]:
    is_recent = (AuditEvent.event == Event.ROLE_CHANGED, AuditEvent.at > utc_now() - PROMOTION_SHOWN)
    changes = select(AuditEvent.details).where(AuditEvent.subject_id == user_id, *is_recent)
    return [
        name
        for details in await session.scalars(changes.order_by(AuditEvent.id))
        for name in details.get("passkeys_ended", [])
    ]
