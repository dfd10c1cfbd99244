"""A passkey (WebAuthn credential): the public half of a key that never leaves somebody's device."""

from datetime import datetime

from sqlalchemy import ForeignKey, Select, select
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, utc_now


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
    def anyone_of(cls, user_id: int) -> Select[int]:
        """A query that returns a row if this person has a passkey."""
        return select(cls.id).where(cls.user_id == user_id).limit(1)
