"""Webhooks of a table: an address that is sent the table's changes, and what became of each delivery.

A webhook has a cursor in the change log, so that nothing has to be written for it when rows change: what is behind its
`seq` has been delivered, or was not asked for. Its secret is encrypted with the server's key, because it signs.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, ForeignKey, Index, and_
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, utc_now

WEBHOOKS_TOPIC: Final = "webhooks"  # of the broker: there is another one, or something to send besides changes
KEPT_FOR: Final = timedelta(days=30)  # deliveries, and the latest of each webhook
KEPT: Final = 100


class WebhookEvent(StrEnum):
    """What a webhook can be about. A change set has one of these for each thing it does."""

    ROWS_ADDED = "rows.added"
    ROWS_CHANGED = "rows.changed"
    ROWS_DELETED = "rows.deleted"
    COLUMNS = "columns"
    TABLE = "table"  # its title


class OffReason(StrEnum):
    """Why a webhook was switched off by itself."""

    NONE = ""
    GONE = "gone"  # it answered 410
    FAILING = "failing"  # for days


class DeliveryKind(StrEnum):
    CHANGES = "changes"  # in the order of the log: the next one waits for it
    AGAIN = "again"  # a copy of one of these, sent once
    TEST = "test"  # without changes, sent once


class DeliveryState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


class Webhook(Base):
    __tablename__ = "webhooks"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    table_id: Mapped[int] = mapped_column(ForeignKey("tables.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    url: Mapped[str]
    events: Mapped[list[Any]]  # values of `WebhookEvent`; empty: all, also those to come
    sealed: Mapped[str]  # the secret
    # Those before it, which sign as well until then: one or two, with a space between them.
    sealed_before: Mapped[str | None]
    before_until: Mapped[datetime | None]
    is_on: Mapped[bool] = mapped_column(default=True)
    off_reason: Mapped[str] = mapped_column(default=OffReason.NONE)
    seq: Mapped[int]  # the last change set that needs nothing any more
    # Since when the delivery that waits has failed, and when it is tried again.
    failing_since: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    # Who sends just now, and until when nobody else does.
    lease: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    made_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    made_at: Mapped[datetime] = mapped_column(default=utc_now)

    def earlier_secrets(self, now: datetime) -> list[str]:
        return earlier_secrets(self.sealed_before, self.before_until, now)

    def wants(self, events: Iterable[str]) -> bool:
        return not self.events or not set(self.events).isdisjoint(events)


def earlier_secrets(sealed: str | None, until: datetime | None, now: datetime) -> list[str]:
    """The replaced secrets that still sign, sealed, the newest first."""
    return sealed.split() if sealed is not None and until is not None and until > now else []


class WebhookDelivery(Base):
    """One message, with its last attempt. It has the numbers of its change sets, not their contents."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_webhook_id", "webhook_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    message_id: Mapped[str]  # the same for all attempts, also for those of a copy
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(default=DeliveryState.WAITING)
    after_seq: Mapped[int]  # it has the sets after this one that the webhook is about,
    last_seq: Mapped[int]  # up to this one
    made_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    tried_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    status: Mapped[int | None]  # of the answer
    ms: Mapped[int | None]
    reason: Mapped[str] = mapped_column(default="")  # why it failed, in words
    answer: Mapped[str] = mapped_column(default="")  # the beginning of the answer's body, as text

    @classmethod
    def is_outdated(cls, now: datetime) -> ColumnElement[bool]:
        return and_(cls.made_at < now - KEPT_FOR, cls.state != DeliveryState.WAITING)
