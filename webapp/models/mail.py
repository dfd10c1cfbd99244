"""The outbox: a mail is stored together with the change it is about, and sent by a job that survives a crash.

A waiting mail contains a link that grants access, so its text is encrypted; once it is sent the text is erased.
"""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, utc_now


class Mail(Base):
    __tablename__ = "mails"

    id: Mapped[str] = mapped_column(primary_key=True)  # 32 hexadecimal digits; also in its Message-ID
    # Whose account it concerns; None for an invitation.
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    recipient: Mapped[str]
    subject: Mapped[str]
    # JSON of the text, the HTML and the link, encrypted; None once it is sent.
    sealed: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    sent_at: Mapped[datetime | None]
    # Why the last attempt failed, in readable words.
    failure: Mapped[str | None]
    tries: Mapped[int] = mapped_column(default=0)
