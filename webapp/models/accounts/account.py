"""One's own account: registering, confirming and changing the address, the profile, and deleting it."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.accounts.last_owner import LastOwner, ensure_other_owner, is_last_owner
from webapp.models.accounts.one_time_token import (
    OneTimeToken,
    PassedOnByHand,
    Purpose,
    TokenUnusable,
    send_link,
)
from webapp.models.accounts.outcomes import forget_person
from webapp.models.accounts.people import DeleteUserData
from webapp.models.accounts.user import User
from webapp.models.base import utc_now
from webapp.models.mail import Mailer


async def register(
    work: UnitOfWork, source: AuditSource, mailer: Mailer, *, email: str, password_hash: str, is_open: bool
) -> User:
    """Create one's own account, as `User.register` says. Whoever owns the server needs to confirm no address."""
    user = await User.register(work, email=email, password_hash=password_hash, is_open=is_open)
    await AuditEvent.record(work, Event.REGISTERED, source.acting_as(user), user, role=user.role)
    if user.verified_at is None:
        await send_link(work, mailer, Purpose.VERIFY, user, "verification")
    return user


async def verify_email(work: UnitOfWork, source: AuditSource, user_id: int, token: str) -> None:
    """Only a mailed link confirms an address. Raises `TokenUnusable`, also if the link is somebody else's, and
    `PassedOnByHand` for any other.
    """
    link, user = await OneTimeToken.redeem_link(work, Purpose.VERIFY, token)
    if user.id != user_id:
        raise TokenUnusable
    if link.is_by_hand:
        raise PassedOnByHand
    if user.verified_at is None:
        user.verified_at = utc_now()
        await AuditEvent.record(work, Event.VERIFIED, source, user)


async def resend_verification(work: UnitOfWork, mailer: Mailer, user_id: int) -> None:
    """Send a new link; earlier ones stop working."""
    await send_link(work, mailer, Purpose.VERIFY, await User.find(work.session, user_id), "verification")


async def change_profile(work: UnitOfWork, source: AuditSource, user_id: int, values: Mapping[str, str]) -> None:
    """`values` are new ones of `name`, `time_zone` and `number_style`."""
    user = await User.find(work.session, user_id)
    changed = [name for name, value in values.items() if getattr(user, name) != value]
    for name in changed:
        setattr(user, name, values[name])
    if changed:
        await AuditEvent.record(work, Event.PROFILE_CHANGED, source, user, changed=changed)


async def pending_email(session: AsyncSession, user_id: int) -> str | None:
    """The address that awaits confirmation."""
    is_pending = (OneTimeToken.purpose == Purpose.CHANGE_EMAIL, OneTimeToken.is_usable())
    pending = select(OneTimeToken.email).where(OneTimeToken.user_id == user_id, *is_pending)
    return await session.scalar(pending.order_by(OneTimeToken.id.desc()).limit(1))


async def find_email_change(session: AsyncSession, user_id: int, token: str) -> str:
    """The new address, for a page that asks before it changes. Raises `TokenUnusable`, also if somebody else asked."""
    link = await session.scalar(OneTimeToken.usable(Purpose.CHANGE_EMAIL, token))
    if link is None or link.user_id != user_id:
        raise TokenUnusable
    return link.email or ""


async def request_email_change(work: UnitOfWork, source: AuditSource, mailer: Mailer, user_id: int, email: str) -> None:
    """Only the owner of the new address learns whether it has an account already: the mail to it says so."""
    user = await User.find(work.session, user_id)
    taken_by = await work.session.scalar(User.id_by_email(email))
    token = await OneTimeToken.issue(work, Purpose.CHANGE_EMAIL, user_id=user_id, email=email)
    if taken_by is None:
        await mailer.send(work, "email_change", email, user_id=user.id, token=token, old_email=user.email)
    else:
        await mailer.send(work, "email_taken", email, user_id=taken_by)
    await mailer.send(work, "email_change_asked", user.email, user_id=user.id, new_email=email)
    await AuditEvent.record(work, Event.EMAIL_CHANGE_ASKED, source, user, new=email)


async def confirm_email_change(work: UnitOfWork, source: AuditSource, mailer: Mailer, user_id: int, token: str) -> str:
    """Return the new address, confirmed if the link was mailed. Links sent to the old one, or made pointless by the new
    one, stop working.

    Raises `TokenUnusable`, also if somebody else asked, and `EmailTaken` if somebody else has got the address since.
    """
    link = await OneTimeToken.redeem(work, Purpose.CHANGE_EMAIL, token)
    if link.user_id != user_id:
        raise TokenUnusable
    user = await work.session.get_one(User, user_id)
    before, user.email, user.verified_at = user.email, link.email or "", None if link.is_by_hand else utc_now()
    await user.flush_email(work)
    await OneTimeToken.withdraw(work, user.id, Purpose.CHANGE_EMAIL, Purpose.RESET, Purpose.VERIFY)
    await mailer.send(work, "email_changed", before, user_id=user.id, new_email=user.email)
    await AuditEvent.record(work, Event.EMAIL_CHANGED, source, user, before=before)
    return user.email


async def withdraw_email_change(work: UnitOfWork, source: AuditSource, user_id: int) -> None:
    """The address stays; links to confirm another one stop working. Raises `NotFound`."""
    user = await User.find(work.session, user_id)
    new = await pending_email(work.session, user_id)
    await OneTimeToken.withdraw(work, user_id, Purpose.CHANGE_EMAIL)
    if new is not None:
        await AuditEvent.record(work, Event.EMAIL_CHANGE_WITHDRAWN, source, user, new=new)


async def reason_to_keep(session: AsyncSession, user_id: int) -> str | None:
    """Why this account cannot be deleted yet, in words; None if it can."""
    return str(LastOwner()) if await is_last_owner(session, await User.find(session, user_id)) else None


async def delete_account(
    work: UnitOfWork,
    source: AuditSource,
    mailer: Mailer,
    user_id: int,
    delete_user_data: DeleteUserData,
) -> None:
    """Delete one's own account; `delete_user_data` deletes what other features store for this person.

    One unit of work: there is never an account without its tables, or tables without their owner. Deleting it twice is
    deleting it once. Raises `LastOwner`.
    """
    user = await work.session.get(User, user_id)
    if user is None:
        return
    await ensure_other_owner(work, user)
    await AuditEvent.record(work, Event.DELETED, source, user, role=user.role)
    await mailer.send(work, "account_deleted", user.email)
    await delete_user_data(work, user.id)
    await forget_person(work, user)
    await work.session.delete(user)
