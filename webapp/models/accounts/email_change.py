"""Changing one's e-mail address: requested, confirmed by a link sent to the new one, announced at the old one."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.accounts.one_time_token import OneTimeToken, Purpose, TokenUnusable
from webapp.models.accounts.user import User
from webapp.models.base import utc_now
from webapp.models.mail import Mailer


async def pending_email(session: AsyncSession, user_id: int) -> str | None:
    """The address that awaits confirmation."""
    pending = select(OneTimeToken.email).where(
        OneTimeToken.user_id == user_id,
        OneTimeToken.purpose == Purpose.CHANGE_EMAIL,
        OneTimeToken.used_at.is_(None),
        OneTimeToken.expires_at > utc_now(),
    )
    return await session.scalar(pending.order_by(OneTimeToken.id.desc()).limit(1))


async def find_email_change(session: AsyncSession, user_id: int, token: str) -> str:
    """The new address, for a page that asks before it changes. Raises `TokenUnusable`, also if somebody else asked."""
    found = await session.scalar(OneTimeToken.usable(Purpose.CHANGE_EMAIL, token))
    if found is None or found.user_id != user_id:
        raise TokenUnusable
    return found.email or ""


async def request_email_change(work: UnitOfWork, source: AuditSource, mailer: Mailer, user_id: int, email: str) -> None:
    """Only the owner of the new address learns whether it has an account already: the mail to it says so."""
    user = await User.find(work.session, user_id)
    taken_by = await work.session.scalar(User.with_address(email))
    token = await OneTimeToken.issue(work, Purpose.CHANGE_EMAIL, user_id=user_id, email=email)
    if taken_by is None:
        await mailer.send(work, "email_change", email, user_id=user.id, token=token, old_email=user.email)
    else:
        await mailer.send(work, "email_taken", email, user_id=taken_by)
    await mailer.send(work, "email_change_asked", user.email, user_id=user.id, new_email=email)
    await AuditEvent.record(work, Event.EMAIL_CHANGE_ASKED, source, user, new=email)


async def confirm_email_change(work: UnitOfWork, source: AuditSource, mailer: Mailer, user_id: int, token: str) -> str:
    """Return the new address. Links sent to the old one, or made pointless by the new one, stop working.

    Raises `TokenUnusable`, also if somebody else asked, and `EmailTaken` if somebody else has got the address since.
    """
    found = await OneTimeToken.redeem(work, Purpose.CHANGE_EMAIL, token)
    if found.user_id != user_id:
        raise TokenUnusable
    user = await work.session.get_one(User, user_id)
    before, user.email, user.verified_at = user.email, found.email or "", utc_now()
    await user.flush_email(work)
    await OneTimeToken.withdraw(work, user.id, Purpose.CHANGE_EMAIL, Purpose.RESET, Purpose.VERIFY)
    await mailer.send(work, "email_changed", before, user_id=user.id, new_email=user.email)
    await AuditEvent.record(work, Event.EMAIL_CHANGED, source, user, before=before)
    return user.email
