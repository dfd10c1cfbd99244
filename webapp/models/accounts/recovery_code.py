"""Recovery codes: each lets somebody who has lost the second factor sign in once."""

import secrets
from datetime import datetime
from textwrap import wrap

from sqlalchemy import ForeignKey, UniqueConstraint, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.accounts.user import User
from webapp.models.base import Base, hash_token, utc_now
from webapp.models.mail import Mailer

CODES = 10
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without easily confused characters
CODE_LENGTH = 24  # characters of 31: 118 bits, so that a plain SHA-256 of it need not be slow (OWASP ASVS 5.0, 6.5.2)


class RecoveryCode(Base):
    __tablename__ = "recovery_codes"
    __table_args__ = (UniqueConstraint("user_id", "code_hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    code_hash: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    used_at: Mapped[datetime | None]

    @classmethod
    async def replace(cls, work: UnitOfWork, user_id: int) -> list[str]:
        """Return a new set such as `k7qd-2mxa-...`; the old ones stop working. They cannot be read again."""
        await cls.remove(work, user_id)
        codes = ["".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH)) for _ in range(CODES)]
        work.session.add_all(cls(user_id=user_id, code_hash=hash_token(code)) for code in codes)
        return ["-".join(wrap(code, 4)) for code in codes]

    @classmethod
    async def remove(cls, work: UnitOfWork, user_id: int) -> None:
        await work.session.execute(delete(cls).where(cls.user_id == user_id))

    @classmethod
    async def redeem(cls, work: UnitOfWork, user_id: int, code: str) -> bool:
        """Use one up; case, spaces and dashes are ignored."""
        plain = "".join(character for character in code.lower() if character.isalnum())
        used = update(cls).where(cls.user_id == user_id, cls.code_hash == hash_token(plain), cls.used_at.is_(None))
        return await work.session.scalar(used.values(used_at=utc_now()).returning(cls.id)) is not None

    @classmethod
    async def count_unused(cls, session: AsyncSession, user_id: int) -> int:
        unused = select(func.count()).where(cls.user_id == user_id, cls.used_at.is_(None))
        return await session.scalar(unused) or 0

    @classmethod
    async def version(cls, session: AsyncSession, user_id: int) -> str:
        """Tells one set of this person's codes from the next: when it was created."""
        return str(await session.scalar(select(func.max(cls.created_at)).where(cls.user_id == user_id)))


async def renew_recovery_codes(
    work: UnitOfWork, source: AuditSource, mailer: Mailer, user_id: int, version: str | None
) -> list[str] | None:
    """Return new codes in place of those of this `version`; None if those have been replaced already.

    So a reload of the page that shows them, which repeats its POST, does not make others.
    """
    if await RecoveryCode.version(work.session, user_id) != version:
        return None
    user = await User.find(work.session, user_id)
    await AuditEvent.record(work, Event.RECOVERY_CODES_MADE, source, user)
    await mailer.send(work, "recovery_codes_made", user.email, user_id=user.id)
    return await RecoveryCode.replace(work, user_id)
