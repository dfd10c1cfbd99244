"""Getting an account, by oneself or by invitation, and confirming its address."""

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.accounts.links import redeem_link, send_verification
from webapp.models.accounts.one_time_token import OneTimeToken, Purpose, TokenUnusable
from webapp.models.accounts.people import ActingUser, NotAllowed, ensure_can_grant
from webapp.models.accounts.user import User, actor_from
from webapp.models.base import utc_now
from webapp.models.mail import Mailer
from webapp.models.policy import Role


async def register(
    work: UnitOfWork, source: AuditSource, mailer: Mailer, *, email: str, password_hash: str, is_open: bool
) -> User:
    """Create one's own account, as `User.register` says. Whoever owns the server needs to confirm no address."""
    user = await User.register(work, email=email, password_hash=password_hash, is_open=is_open)
    await AuditEvent.record(work, Event.REGISTERED, source.acting_as(user), user, role=user.role)
    if user.verified_at is None:
        await send_verification(work, mailer, user)
    return user


async def accept_invitation(
    work: UnitOfWork, source: AuditSource, *, token: str, name: str, password_hash: str
) -> User:
    """Create the account somebody was invited to. This verifies the address, because the link was sent there.

    Raises `TokenUnusable`, and `EmailTaken` if the address has got an account in the meantime.
    """
    invitation = await OneTimeToken.redeem(work, Purpose.INVITE, token)
    role, inviter = Role(invitation.data.get("role", Role.MEMBER)), invitation.data.get("inviter")
    await _ensure_inviter_may(work, source, invitation.data.get("inviter_id"), role)
    email = invitation.email or ""
    user = await User.create(work, email=email, name=name, password_hash=password_hash, role=role, is_verified=True)
    await AuditEvent.record(work, Event.REGISTERED, source.acting_as(user), user, role=role, inviter=inviter)
    return user


async def verify_email(work: UnitOfWork, source: AuditSource, token: str) -> None:
    """Raises `TokenUnusable`."""
    _, user = await redeem_link(work, Purpose.VERIFY, token)
    if user.verified_at is None:
        user.verified_at = utc_now()
        await AuditEvent.record(work, Event.VERIFIED, source, user)


async def resend_verification(work: UnitOfWork, mailer: Mailer, user_id: int) -> None:
    """Send a new link; earlier ones stop working."""
    await send_verification(work, mailer, await User.find(work.session, user_id))


async def _ensure_inviter_may(work: UnitOfWork, source: AuditSource, inviter_id: int | None, role: Role) -> None:
    """Raises `TokenUnusable` if the inviter may no longer grant this role. Command-line invitations have no inviter."""
    if inviter_id is None:
        return
    inviter = await work.session.get(User, inviter_id)
    if inviter is None:
        raise TokenUnusable
    by = ActingUser(actor_from(inviter), source.acting_as(inviter))
    try:
        await ensure_can_grant(work, by, role)
    except NotAllowed as error:
        raise TokenUnusable from error
