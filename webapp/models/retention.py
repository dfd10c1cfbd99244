"""What grows by itself, and how long it is kept. The schedule deletes what is older, a batch at a time; nothing else
deletes by age.

`docs/operations.md` lists every store with its bound; a test compares that list with the tables of the database.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import ColumnElement, and_, delete, inspect, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.api_token import ApiToken
from webapp.models.accounts.audit import AuditEvent
from webapp.models.accounts.one_time_token import OneTimeToken
from webapp.models.accounts.session import Session
from webapp.models.base import Base, utc_now
from webapp.models.idempotency import MAX_AGE, IdempotencyKey
from webapp.models.mail import Mail
from webapp.models.tables.import_model import Import
from webapp.models.tables.large_change import LargeChange
from webapp.models.tables.saved_view import SavedView
from webapp.models.tables.table_form import TableForm
from webapp.models.tables.type_change import TypeChange
from webapp.models.tables.webhook import WebhookDelivery

BATCH = 1_000  # rows deleted in one unit of work: others who write wait for milliseconds
RECORD_RETENTION = timedelta(days=90)  # of records that only explain what happened
IMPORT_RETENTION = timedelta(days=30)  # of imports without a table: their reason can be read for this long


class RetentionLimits(Protocol):
    """The settings that decide."""

    audit_days: int
    session_lifetime: int  # seconds


@dataclass(frozen=True, slots=True)
class Retention:
    model: type[Base]
    is_over: Callable[[datetime, RetentionLimits], ColumnElement[bool]]  # by the time now

    async def has_any(self, session: AsyncSession, limits: RetentionLimits) -> bool:
        """Looked up first, because a needless write would make others wait."""
        key = self._key
        return await session.scalar(select(key).where(self.is_over(utc_now(), limits)).limit(1)) is not None

    async def delete_batch(self, work: UnitOfWork, limits: RetentionLimits) -> None:
        key = self._key
        oldest = select(key).where(self.is_over(utc_now(), limits)).order_by(key).limit(BATCH)
        await work.session.execute(delete(self.model).where(key.in_(oldest)))

    @property
    def _key(self) -> ColumnElement[Any]:
        return inspect(self.model).primary_key[0]


RETENTIONS = (
    Retention(AuditEvent, lambda now, limits: AuditEvent.at < now - timedelta(days=limits.audit_days)),
    Retention(Session, lambda now, limits: Session.created_at < now - timedelta(seconds=limits.session_lifetime)),
    Retention(OneTimeToken, lambda now, _: OneTimeToken.is_over(now)),
    Retention(Mail, lambda now, _: and_(Mail.sealed.is_(None), Mail.created_at < now - RECORD_RETENTION)),
    Retention(
        ApiToken,
        lambda now, _: or_(ApiToken.revoked_at < now - RECORD_RETENTION, ApiToken.expires_at < now - RECORD_RETENTION),
    ),
    Retention(Import, lambda now, _: Import.has_ended(now - IMPORT_RETENTION)),
    Retention(TypeChange, lambda now, _: TypeChange.is_outdated(now - RECORD_RETENTION)),
    Retention(LargeChange, lambda now, _: LargeChange.is_outdated(now - RECORD_RETENTION)),
    Retention(SavedView, lambda now, _: SavedView.is_gone(now)),
    Retention(TableForm, lambda now, _: TableForm.deleted_at < now - RECORD_RETENTION),
    Retention(WebhookDelivery, lambda now, _: WebhookDelivery.is_outdated(now)),
    Retention(IdempotencyKey, lambda now, _: IdempotencyKey.created_at < now - MAX_AGE),
)
