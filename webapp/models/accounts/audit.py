"""The audit log: security-relevant events, with who, whom, from where and when. Entries are never changed."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.user import User
from webapp.models.base import Base, utc_now

MAX_AGENT = 200  # characters of a user agent that are stored


class Event(StrEnum):
    """What happened, as "noun.past_participle"."""

    REGISTERED = "account.registered"
    VERIFIED = "account.verified"
    PROFILE_CHANGED = "account.profile_changed"
    EMAIL_CHANGE_ASKED = "account.email_change_asked"
    EMAIL_CHANGE_WITHDRAWN = "account.email_change_withdrawn"
    EMAIL_CHANGED = "account.email_changed"
    EXPORTED = "account.exported"
    DELETED = "account.deleted"
    SIGNED_IN = "session.started"
    SIGN_IN_FAILED = "session.refused"
    CONFIRMED = "session.confirmed"
    SIGNED_OUT = "session.ended"
    ALL_SIGNED_OUT = "session.all_ended"
    RATE_LIMITED = "session.throttled"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105
    PASSWORD_REFUSED = "password.refused"  # noqa: S105
    RESET_ASKED = "password.reset_asked"
    PASSWORD_RESET = "password.reset"  # noqa: S105
    FACTOR_ADDED = "second_factor.added"
    FACTOR_REPLACED = "second_factor.replaced"
    FACTOR_REMOVED = "second_factor.removed"
    FACTOR_REFUSED = "second_factor.refused"
    RECOVERY_CODE_USED = "recovery_code.used"
    RECOVERY_CODES_MADE = "recovery_code.renewed"
    PASSKEY_ADDED = "passkey.added"
    PASSKEY_REFUSED = "passkey.refused"
    PASSKEY_RENAMED = "passkey.renamed"
    PASSKEY_REMOVED = "passkey.removed"
    IDENTITY_ADDED = "identity.added"
    IDENTITY_REMOVED = "identity.removed"
    TOKEN_MADE = "token.made"  # noqa: S105
    TOKEN_REVOKED = "token.revoked"  # noqa: S105
    TOKEN_REFUSED = "token.refused"  # noqa: S105
    INVITED = "person.invited"
    INVITATION_WITHDRAWN = "person.invitation_withdrawn"
    ADDED = "person.added"
    CHANGED = "person.changed"
    ROLE_CHANGED = "person.role_changed"
    ACTIVATED = "person.activated"
    DEACTIVATED = "person.deactivated"
    REMOVED = "person.removed"
    MEMBER_ADDED = "table.member_added"
    MEMBER_CHANGED = "table.member_changed"
    MEMBER_REMOVED = "table.member_removed"
    MEMBER_LEFT = "table.member_left"
    MEMBER_INVITED = "table.member_invited"
    MEMBER_UNINVITED = "table.member_uninvited"
    HANDED_OVER = "table.handed_over"
    FORM_MADE = "table.form_made"
    FORM_SWITCHED = "table.form_switched"
    FORM_RENEWED = "table.form_renewed"
    FORM_DELETED = "table.form_deleted"
    FORM_RESTORED = "table.form_restored"
    TABLE_LINK_MADE = "table.link_made"
    TABLE_LINK_CHANGED = "table.link_changed"
    TABLE_LINK_REVOKED = "table.link_revoked"
    WEBHOOK_MADE = "table.webhook_made"
    WEBHOOK_CHANGED = "table.webhook_changed"
    WEBHOOK_SWITCHED = "table.webhook_switched"
    WEBHOOK_ROTATED = "table.webhook_rotated"
    WEBHOOK_REPLAYED = "table.webhook_replayed"
    WEBHOOK_STOPPED = "table.webhook_stopped"
    WEBHOOK_DELETED = "table.webhook_deleted"
    LINK_REFUSED = "link.refused"
    LINK_COPIED = "mail.link_copied"
    AUDIT_EXPORTED = "audit.exported"
    JOB_RETRIED = "job.retried"
    REFUSED = "access.refused"
    CROSS_SITE = "access.cross_site"


@dataclass(frozen=True, slots=True)
class AuditSource:
    """Who acts, and from where. On the command line there is no person, and the address is empty."""

    id: int | None
    name: str  # the e-mail address at the time
    address: str = ""  # of the network
    agent: str = ""  # the user agent

    def acting_as(self, user: User) -> "AuditSource":
        """The same place, once it is known who acts: somebody who signs up, or proves who they are."""
        return replace(self, id=user.id, name=user.email)


COMMAND_LINE = AuditSource(None, "command line")


class AuditEvent(Base):
    __tablename__ = "audit_events"
    __table_args__ = ({"sqlite_autoincrement": True},)  # ids give the order of the log and are never reused

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    event: Mapped[str] = mapped_column(index=True)
    # Ids and names instead of foreign keys: the log outlives the people in it.
    actor_id: Mapped[int | None] = mapped_column(index=True)
    actor: Mapped[str]
    subject_id: Mapped[int | None] = mapped_column(index=True)
    subject: Mapped[str]
    address: Mapped[str]
    agent: Mapped[str]
    # Further details; never a secret.
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)

    @classmethod
    async def record(
        cls, work: UnitOfWork, /, event: Event, source: AuditSource, subject: User | str | None = None, **details: Any
    ) -> None:
        """Record it in the unit of work of what happened, so that neither exists without the other."""
        person = subject if isinstance(subject, User) else None
        work.session.add(
            cls(
                event=event,
                actor_id=source.id,
                actor=source.name,
                subject_id=person.id if person else None,
                subject=person.email if person else str(subject or ""),
                address=source.address,
                agent=source.agent[:MAX_AGENT],
                details=details,
            )
        )
