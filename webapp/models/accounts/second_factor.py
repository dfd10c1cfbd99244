"""The second factor: a code from an authenticator app (TOTP, RFC 6238), or a recovery code instead."""

import hmac
import time
from dataclasses import dataclass

import pyotp
from sqlalchemy import exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.db.errors import UserError
from webapp.db.sealing import BrokenSeal, Sealer
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.accounts.one_time_token import OneTimeToken, Purpose
from webapp.models.accounts.passkey import LastFactor, Passkey
from webapp.models.accounts.recovery_code import RecoveryCode
from webapp.models.accounts.session import Session
from webapp.models.accounts.user import User
from webapp.models.base import utc_now
from webapp.models.mail import Mailer

STEP_SECONDS = 30  # one code each
MAX_DRIFT = 1  # steps by which a clock may be wrong, either way
DIGITS = 6


@dataclass(frozen=True, slots=True)
class NewTotp:
    """The secret of an app that has yet to show its first code; and the version of the credentials it replaces."""

    secret: str
    replaces: str  # `User.credentials_version`; empty for a first app


class ReplacedMeanwhile(UserError):
    def __init__(self) -> None:
        super().__init__(
            "Your password or your authenticator app has changed since this page was made. Nothing was changed now; "
            'open the page "Two-factor authentication" again.'
        )


async def has_totp(session: AsyncSession, user_id: int) -> bool:
    """Whether they have an authenticator app."""
    return bool(await session.scalar(select(User.totp_secret.is_not(None)).where(User.id == user_id)))


async def has_second_factor(session: AsyncSession, user_id: int) -> bool:
    """Whether they have an authenticator app or a passkey."""
    has_passkey = exists().where(Passkey.user_id == User.id)
    has_either = select(or_(User.totp_secret.is_not(None), has_passkey)).where(User.id == user_id)
    return bool(await session.scalar(has_either))


async def turn_on_totp(
    work: UnitOfWork, source: AuditSource, mailer: Mailer, sealer: Sealer, user_id: int, secret: str, code: str
) -> list[str] | None:
    """Return new recovery codes; None if this is not the code of the secret. Raises `UserError` if it is on already."""
    step = matching_step(secret, code)
    if step is None:
        return None
    user = await User.find(work.session, user_id)
    if user.totp_secret is not None:
        raise UserError("Two-factor authentication is already on. To use another app, replace the one you have.")
    _set_totp(user, secret, step, sealer)
    await Session.require_new_proof(work, user_id)
    await AuditEvent.record(work, Event.FACTOR_ADDED, source, user)
    await mailer.send(work, "second_factor_added", user.email, user_id=user.id)
    return await RecoveryCode.replace(work, user_id)


async def replace_totp(
    work: UnitOfWork, source: AuditSource, mailer: Mailer, sealer: Sealer, user_id: int, new: NewTotp, code: str
) -> bool:
    """Another authenticator app takes the place of the one they have; recovery codes stay.

    Return False if this is not the code of the new secret: then nothing changes. Doing it twice is doing it once.
    Raises `ReplacedMeanwhile` if the credentials are others by now than those that the new secret was made to replace.
    """
    step = matching_step(new.secret, code)
    if step is None:
        return False
    user = await User.find(work.session, user_id)
    if user.totp_secret is not None and _decrypt(user.totp_secret, sealer) == new.secret:
        return True
    if user.totp_secret is None or user.credentials_version != new.replaces:
        raise ReplacedMeanwhile
    _set_totp(user, new.secret, step, sealer)
    await OneTimeToken.withdraw(work, user_id, Purpose.SECOND_STEP)
    await Session.require_new_proof(work, user_id)
    await AuditEvent.record(work, Event.FACTOR_REPLACED, source, user)
    await mailer.send(work, "second_factor_replaced", user.email, user_id=user.id)
    return True


async def turn_off_totp(
    work: UnitOfWork,
    source: AuditSource,
    mailer: Mailer,
    sealer: Sealer,
    user_id: int,
    code: str,
    *,
    must_keep_factor: bool,
) -> bool:
    """Return False if the code, or recovery code, is not valid. Raises `LastFactor` if they must have another."""
    if must_keep_factor and await work.session.scalar(Passkey.of(user_id).limit(1)) is None:
        raise LastFactor("a passkey")
    if not await verify_code(work, source, sealer, user_id, code):
        return False
    user = await User.find(work.session, user_id)
    user.totp_secret, user.totp_step, user.totp_added_at = None, 0, None
    await RecoveryCode.remove(work, user_id)
    await AuditEvent.record(work, Event.FACTOR_REMOVED, source, user)
    await mailer.send(work, "second_factor_removed", user.email, user_id=user.id, is_demanded=must_keep_factor)
    return True


async def begin_second_step(work: UnitOfWork, user: User, *, remembered: bool, method: str = "password") -> str:
    """The first step, `method`, was right: return the token that connects the second one to it.

    `user` is the row as it was when they proved it. Raises `ChangedMeanwhile`.
    """
    await User.ensure_unchanged(work, user)
    data = {"remembered": remembered, "method": method}
    return await OneTimeToken.issue(work, Purpose.SECOND_STEP, user_id=user.id, data=data, ends_earlier=False)


async def find_second_step(session: AsyncSession, token: str) -> tuple[User, bool, str] | None:
    """Who is half signed in, whether to remember them, and by what; None if nobody is, or no longer."""
    step = await session.scalar(OneTimeToken.usable(Purpose.SECOND_STEP, token))
    user = await session.get(User, step.user_id) if step else None
    if step is None or user is None or not user.is_active or user.totp_secret is None:
        return None
    return user, bool(step.data.get("remembered")), str(step.data.get("method", "password"))


async def complete_second_step(
    work: UnitOfWork, source: AuditSource, mailer: Mailer, sealer: Sealer, user_id: int, code: str, token: str
) -> bool:
    """Use up the code and the step together; return False if the code is not valid.

    Raises `TokenUnusable` if another request was faster.
    """
    user = await User.find(work.session, user_id)
    if not await verify_code(work, source.acting_as(user), sealer, user_id, code):
        return False
    await OneTimeToken.redeem(work, Purpose.SECOND_STEP, token)
    if not is_totp_code(code):
        await mailer.send(work, "recovery_code_used", user.email, user_id=user.id)
    return True


async def verify_code(work: UnitOfWork, source: AuditSource, sealer: Sealer, user_id: int, code: str) -> bool:
    """Whether the code, or recovery code, is valid now; this uses it up. Callers count the tries."""
    user = await work.session.get(User, user_id)
    if user is None or user.totp_secret is None:
        return False
    if is_totp_code(code):
        return await _use_step(work, user, code, sealer)
    if not await RecoveryCode.redeem(work, user_id, code):
        return False
    await AuditEvent.record(work, Event.RECOVERY_CODE_USED, source, user)
    return True


def is_totp_code(code: str) -> bool:
    """Whether it looks like an app's code rather than a recovery code."""
    return len(_digits(code)) == DIGITS and code.isascii()


def matching_step(secret: str, code: str, *, after: int = 0, now: float | None = None) -> int | None:
    """The time step, later than `after`, that this code belongs to; None for a wrong or used code."""
    totp, digits = pyotp.TOTP(secret, digits=DIGITS, interval=STEP_SECONDS), _digits(code)
    current = int(time.time() if now is None else now) // STEP_SECONDS
    steps = range(max(after + 1, current - MAX_DRIFT), current + MAX_DRIFT + 1)
    matching = [step for step in steps if hmac.compare_digest(totp.at(step * STEP_SECONDS).encode(), digits.encode())]
    return matching[0] if matching else None


async def _use_step(work: UnitOfWork, user: User, code: str, sealer: Sealer) -> bool:
    """If two people submit the same code concurrently, one gets in: the row accepts each step once."""
    secret = _decrypt(user.totp_secret or "", sealer)
    if secret is None:  # recovery codes still work
        return False
    step = matching_step(secret, code, after=user.totp_step)
    if step is None:
        return False
    used = update(User).where(User.id == user.id, User.totp_step < step).values(totp_step=step)
    return await work.session.scalar(used.returning(User.id)) is not None


def _set_totp(user: User, secret: str, step: int, sealer: Sealer) -> None:
    """`step` is that of the code just shown, which is used up."""
    user.totp_secret, user.totp_step = sealer.encrypt(secret.encode()).decode(), step
    user.totp_added_at = utc_now()


def _decrypt(sealed: str, sealer: Sealer) -> str | None:
    """None if it was encrypted with a lost key."""
    try:
        return sealer.decrypt(sealed).decode()
    except BrokenSeal:
        return None


def _digits(code: str) -> str:
    """Accepts `123 456`, as apps display it."""
    plain = "".join(code.split()).replace("-", "")
    return plain if plain.isascii() and plain.isdigit() else ""
