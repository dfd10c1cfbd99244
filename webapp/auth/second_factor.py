"""The second factor: a code from an authenticator app (TOTP, RFC 6238), or a recovery code instead."""

import hmac
import time

import pyotp
from cryptography.fernet import InvalidToken, MultiFernet
from sqlalchemy import update

from webapp.db.unit_of_work import UnitOfWork
from webapp.models import AuditEvent, AuditSource, Event, RecoveryCode, User

STEP = 30  # seconds per code
DRIFT = 1  # steps of tolerated clock drift, either way
DIGITS = 6


async def verify_code(work: UnitOfWork, user_id: int, typed: str, seal: MultiFernet, doer: AuditSource) -> bool:
    """Whether the code is valid now; this uses it up. Callers count the tries."""
    user = await work.session.get(User, user_id)
    if user is None or user.totp_secret is None:
        return False
    if is_code(typed):
        return await _use_step(work, user, typed, seal)
    if not await RecoveryCode.redeem(work, user_id, typed):
        return False
    await AuditEvent.record(work, Event.RECOVERY_CODE_USED, doer, user)
    return True


def is_code(typed: str) -> bool:
    """Whether it looks like an app's code rather than a recovery code."""
    return len(_digits(typed)) == DIGITS and all(character.isascii() for character in typed)


def matching_step(secret: str, typed: str, *, after: int = 0, now: float | None = None) -> int | None:
    """The time step, later than `after`, that this code belongs to; None for a wrong or used code."""
    totp, typed = pyotp.TOTP(secret, digits=DIGITS, interval=STEP), _digits(typed)
    current = int(time.time() if now is None else now) // STEP
    steps = range(max(after + 1, current - DRIFT), current + DRIFT + 1)
    fitting = [step for step in steps if hmac.compare_digest(totp.at(step * STEP).encode(), typed.encode())]
    return fitting[0] if fitting else None


async def _use_step(work: UnitOfWork, user: User, typed: str, seal: MultiFernet) -> bool:
    """If two people submit the same code concurrently, one gets in: the row accepts each step once."""
    try:
        secret = seal.decrypt(user.totp_secret or "").decode()
    except InvalidToken:  # encrypted with a lost key: recovery codes still work
        return False
    step = matching_step(secret, typed, after=user.totp_step)
    if step is None:
        return False
    taken = await work.session.execute(
        update(User).where(User.id == user.id, User.totp_step < step).values(totp_step=step).returning(User.id)
    )
    return taken.scalar_one_or_none() is not None


def _digits(typed: str) -> str:
    """Accepts `123 456`, as apps display it."""
    plain = "".join(typed.split()).replace("-", "")
    return plain if plain.isascii() and plain.isdigit() else ""
