"""What becomes of a webhook after an attempt: the next message, a pause that gets longer, or the end."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import delete, select

from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.accounts.user import User
from webapp.models.mail import Mailer
from webapp.models.tables.table import Table
from webapp.models.tables.webhook import KEPT, DeliveryKind, DeliveryState, OffReason, Webhook, WebhookDelivery
from webapp.models.tables.webhook_sending import Claim

GONE = 410
LONGEST_PAUSE = 3600.0  # seconds between two attempts
JITTER = 0.2  # of a pause, so that what failed together is not tried together
SERVER = AuditSource(None, "server")


@dataclass(frozen=True, slots=True)
class Attempt:
    """`reason` is why it failed, in words; empty: it was taken. `retry_after`: seconds that the answer asks for."""

    at: datetime
    ms: int
    status: int | None = None
    reason: str = ""
    answer: str = ""
    retry_after: float = 0.0


class RetryLimits(Protocol):
    """The settings that decide."""

    webhook_retry: float  # seconds before the second attempt
    webhook_days: int


async def record_attempt(
    work: UnitOfWork, mailer: Mailer | None, limits: RetryLimits, claim: Claim, holder: str, attempt: Attempt
) -> None:
    """Note it and give the lease back. Nothing happens if the webhook is gone or another sender has it by now."""
    webhook = await work.session.get(Webhook, claim.webhook_id)
    delivery = await work.session.get(WebhookDelivery, claim.delivery_id)
    if webhook is None or delivery is None or webhook.lease != holder:
        return
    webhook.lease = webhook.lease_until = None
    was_waiting = delivery.state == DeliveryState.WAITING  # else a replay has replaced it meanwhile
    delivery.attempts += 1
    delivery.tried_at, delivery.ms, delivery.status = attempt.at, attempt.ms, attempt.status
    delivery.reason, delivery.answer = attempt.reason, attempt.answer
    if not attempt.reason:
        delivery.state = DeliveryState.DELIVERED
    elif delivery.kind != DeliveryKind.CHANGES:
        delivery.state = DeliveryState.FAILED
    if delivery.kind == DeliveryKind.CHANGES and was_waiting:
        if attempt.reason:
            await _after_failure(work, mailer, limits, webhook, delivery, attempt)
        else:
            webhook.seq, webhook.failing_since, webhook.due_at = delivery.last_seq, None, None
    await _forget_old(work, webhook.id)


async def release(work: UnitOfWork, claim: Claim, holder: str) -> None:
    """The server stops in the middle of it: the next one need not wait until the lease is over."""
    webhook = await work.session.get(Webhook, claim.webhook_id)
    if webhook is not None and webhook.lease == holder:
        webhook.lease = webhook.lease_until = None


def pause_after(attempts: int, first: float, asked: float = 0.0) -> float:
    """Seconds until the next attempt: twice as long each time, up to an hour, and as long as the answer asks for."""
    pause = min(first * 2.0 ** min(attempts - 1, 30), LONGEST_PAUSE)
    return max(pause * random.uniform(1 - JITTER, 1 + JITTER), min(asked, LONGEST_PAUSE))  # noqa: S311  (no secret)


async def _after_failure(
    work: UnitOfWork,
    mailer: Mailer | None,
    limits: RetryLimits,
    webhook: Webhook,
    delivery: WebhookDelivery,
    attempt: Attempt,
) -> None:
    if webhook.failing_since is None or webhook.failing_since > attempt.at:  # a clock set back
        webhook.failing_since = attempt.at
    if attempt.status == GONE:
        await _switch_off(work, mailer, webhook, OffReason.GONE, attempt.reason)
    elif attempt.at - webhook.failing_since >= timedelta(days=limits.webhook_days):
        await _switch_off(work, mailer, webhook, OffReason.FAILING, attempt.reason)
    else:
        pause = pause_after(delivery.attempts, limits.webhook_retry, attempt.retry_after)
        webhook.due_at = attempt.at + timedelta(seconds=pause)


async def _switch_off(work: UnitOfWork, mailer: Mailer | None, webhook: Webhook, reason: OffReason, words: str) -> None:
    """The delivery stays where it is: switched on again, the webhook goes on with it."""
    webhook.is_on, webhook.off_reason, webhook.due_at = False, reason, None
    table = await work.session.get_one(Table, webhook.table_id)
    details = {"table_id": table.id, "webhook_id": webhook.id, "reason": reason.value}
    await AuditEvent.record(work, Event.WEBHOOK_STOPPED, SERVER, webhook.name, **details)
    owner = await work.session.get(User, table.owner_id)
    if mailer is not None and owner is not None and owner.is_active:
        await mailer.send(
            work,
            "webhook_off",
            owner.email,
            user_id=owner.id,
            page=f"/tables/{table.id}/webhooks/{webhook.id}",
            name=webhook.name,
            title=table.title,
            reason=words,
            is_gone=reason is OffReason.GONE,
        )


async def _forget_old(work: UnitOfWork, webhook_id: int) -> None:
    """All but the latest; the schedule deletes those by age."""
    theirs = WebhookDelivery.webhook_id == webhook_id
    beyond = select(WebhookDelivery.id).where(theirs).order_by(WebhookDelivery.id.desc()).offset(KEPT).limit(1)
    last = await work.session.scalar(beyond)
    if last is not None:
        is_over = WebhookDelivery.state != DeliveryState.WAITING
        await work.session.execute(delete(WebhookDelivery).where(theirs, WebhookDelivery.id <= last, is_over))
