"""A new password for somebody else: a link by which they choose one, or one that the operator sets."""

from dataclasses import dataclass

from sqlalchemy import select

from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.api_token import ApiToken
from webapp.models.accounts.audit import AuditEvent, Event
from webapp.models.accounts.links import send_reset
from webapp.models.accounts.one_time_token import BY_HAND, OneTimeToken, Purpose
from webapp.models.accounts.passkey import Passkey
from webapp.models.accounts.password import set_password
from webapp.models.accounts.people import ActingUser, get_manageable_user, is_last_owner
from webapp.models.accounts.recovery_code import RecoveryCode
from webapp.models.accounts.user import User
from webapp.models.mail import Mailer

OWN_PASSWORD = "Your own password is changed on the page of your account."  # noqa: S105


@dataclass(frozen=True, slots=True)
class PasswordReset:
    token: str | None  # of a link to choose a password; None if one was set
    is_last_owner: bool  # then no owner can sign in with a password until the link is used


async def send_reset_link(work: UnitOfWork, by: ActingUser, mailer: Mailer, user_id: int) -> str:
    """Send a link to choose a new password; until it is used nothing changes. Return the address it is sent to."""
    person = await get_manageable_user(work, by, user_id, myself=OWN_PASSWORD)
    if not person.is_active:
        raise UserError(
            f"{person.email} is deactivated, and could not sign in with a new password. Activate them first."
        )
    await send_reset(work, mailer, person)
    await AuditEvent.record(work, Event.RESET_ASKED, by.source, person)
    return person.email


async def reset_password(
    work: UnitOfWork, by: ActingUser, user_id: int, password_hash: str | None, *, remove_second_factors: bool = False
) -> PasswordReset:
    """Set a password, or with None issue a link to choose one: either way the old one, sign-ins and API tokens end now.

    With a link the last owner may be left without a password: if it gets lost, the operator can issue another.
    """
    person = await get_manageable_user(work, by, user_id, myself=OWN_PASSWORD)
    if remove_second_factors:
        await _remove_second_factors(work, by, person)
    if password_hash is not None:
        await set_password(work, by.source, person.id, password_hash, Event.PASSWORD_RESET)
        return PasswordReset(None, is_last_owner=False)
    is_last = await is_last_owner(work, person)
    await set_password(work, by.source, person.id, "", Event.RESET_ASKED)
    await ApiToken.revoke_all(work, person.id)
    return PasswordReset(await issue_reset_link(work, person), is_last)


async def issue_reset_link(work: UnitOfWork, person: User) -> str:
    """Return the token of a link to be passed on by hand."""
    return await OneTimeToken.issue(work, Purpose.RESET, user_id=person.id, email=person.email, data=BY_HAND)


async def _remove_second_factors(work: UnitOfWork, by: ActingUser, person: User) -> None:
    """The authenticator app with its recovery codes, and all passkeys."""
    if person.totp_secret is not None:
        person.totp_secret = None
        await RecoveryCode.remove(work, person.id)
        await AuditEvent.record(work, Event.FACTOR_REMOVED, by.source, person)
    for passkey in await work.session.scalars(select(Passkey).where(Passkey.user_id == person.id)):
        await work.session.delete(passkey)
        await AuditEvent.record(work, Event.PASSKEY_REMOVED, by.source, person, name=passkey.name)
