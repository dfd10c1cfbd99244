"""The outbox: a mail is stored together with the change it is about, and sent by a job that survives a crash.

A waiting mail contains a link that grants access, so its text is encrypted; once it is sent the text is erased.
"""

import json
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import ColumnElement, ForeignKey, and_, update
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.sealing import BrokenSeal, Sealer
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.base import Base, utc_now

RETRY_AFTER = (5, 30, 120, 600, 3600)  # seconds between attempts
MAX_TRIES = len(RETRY_AFTER) + 1
RETENTION = timedelta(days=30)  # no mailed link is valid longer


@dataclass(frozen=True, slots=True)
class Letter:
    """The contents of a mail."""

    recipient: str
    subject: str
    text: str
    html: str
    link: str = ""  # the link, for an administrator to pass on


class Mailer(Protocol):
    """Writes a mail from a template into the outbox, in the unit of work of the change it is about.

    Verbs are given one; `webapp.web.mailer` has the one that renders `templates/mail/` and links to this server.
    """

    @property
    def confirms_addresses(self) -> bool:
        """Whether mails reach people. Links that confirm an address are of no use to anybody else."""
        ...

    async def send(
        self,
        work: UnitOfWork,
        /,
        template: str,
        recipient: str,
        *,
        user_id: int | None = None,
        token: str | None = None,
        **context: Any,
    ) -> None:
        """`user_id` is whose account it concerns; `token` is the one-time token in its link, if it has one."""
        ...


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

    @property
    def is_given_up(self) -> bool:
        """Whether it will not be retried automatically."""
        return self.tries >= MAX_TRIES

    def letter(self, sealer: Sealer) -> Letter | None:
        """Decrypt the contents; None once it is sent, or if its key has been lost."""
        try:
            return Letter(**json.loads(sealer.decrypt(self.sealed))) if self.sealed else None
        except BrokenSeal:
            return None

    @classmethod
    def is_expired(cls) -> ColumnElement[bool]:
        return and_(cls.sealed.is_not(None), cls.created_at < utc_now() - RETENTION)


async def post_mail(work: UnitOfWork, letter: Letter, sealer: Sealer, user_id: int | None = None) -> Mail:
    """Put the letter into the outbox."""
    mail = Mail(
        id=secrets.token_hex(16),
        user_id=user_id,
        recipient=letter.recipient,
        subject=letter.subject,
        sealed=sealer.encrypt(json.dumps(asdict(letter)).encode()).decode(),
    )
    work.session.add(mail)
    return mail


async def record_attempt(work: UnitOfWork, mail_id: str, failure: str | None, *, is_final: bool = False) -> int:
    """Record that the mail was handed over, or why not. Return the number of attempts so far; 0 if the mail is gone.

    After a final failure no further attempt is made.
    """
    mail = await work.session.get(Mail, mail_id)
    if mail is None:
        return 0
    mail.tries = MAX_TRIES if is_final else mail.tries + 1
    mail.failure = failure
    if failure is None:
        mail.sent_at, mail.sealed = utc_now(), None
    return mail.tries


async def erase_expired_mails(work: UnitOfWork) -> None:
    """Links in mails this old have expired: erase the text, keep the rest as a record."""
    expired = update(Mail).where(Mail.is_expired())
    await work.session.execute(expired.values(sealed=None, failure="It was not sent in 30 days."))
