"""What a table's owner does with its webhooks. Pages and the API call the same verbs.

All raise `NotFound` for whoever has no part in the table, `NotAllowed` for its members, and, but for `create_webhook`,
`NotFound` for a webhook that is not there.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from webapp.db.errors import UserError
from webapp.db.sealing import Sealer
from webapp.db.unit_of_work import UnitOfWork
from webapp.models.accounts.audit import AuditEvent, AuditSource, Event
from webapp.models.base import MAX_ID, utc_now
from webapp.models.errors import NotFound
from webapp.models.policy import Actor
from webapp.models.tables.members import require_owner
from webapp.models.tables.table import Table
from webapp.models.tables.webhook import (
    WEBHOOKS_TOPIC,
    DeliveryKind,
    DeliveryState,
    OffReason,
    Webhook,
    WebhookDelivery,
)
from webapp.models.tables.webhook_sending import new_message_id
from webapp.models.tables.webhook_terms import WebhookTerms
from webapp.outgoing.addresses import Network
from webapp.outgoing.signatures import new_secret

MAX_WEBHOOKS = 20  # of a table
MAX_WAITING = 10  # tests and copies of one webhook that have not been sent yet
OVERLAP = timedelta(days=1)  # for which the secret that was replaced signs as well


class TooManyWebhooks(UserError):
    def __init__(self) -> None:
        super().__init__(f"A table has at most {MAX_WEBHOOKS} webhooks. Delete one that is not used any more.")


class TooManyWaiting(UserError):
    def __init__(self) -> None:
        super().__init__("Several messages wait to be sent already. Wait until they are.")


class NoSuchChange(UserError):
    def __init__(self, first: int, last: int) -> None:
        super().__init__(f"Choose a change from {first:,} to {last:,}: the earlier ones are not kept.")


async def create_webhook(
    work: UnitOfWork,
    actor: Actor,
    source: AuditSource,
    sealer: Sealer,
    allowed: Sequence[Network],
    table_id: int,
    terms: WebhookTerms,
) -> tuple[Webhook, str]:
    """Return it and its secret, which is shown this once. It is told what changes from now on.

    Raises `TooManyWebhooks`, and what `WebhookTerms.checked` does.
    """
    table = await require_owner(work, actor, table_id)
    terms = terms.checked(allowed)
    counted = select(func.count()).select_from(Webhook).where(Webhook.table_id == table_id)
    if (await work.session.scalar(counted) or 0) >= MAX_WEBHOOKS:
        raise TooManyWebhooks
    secret = new_secret()
    webhook = Webhook(
        table_id=table_id,
        name=terms.name,
        url=terms.url,
        events=list(terms.events),
        sealed=_sealed(sealer, secret),
        seq=table.seq,
        made_by=actor.id,
    )
    work.session.add(webhook)
    await work.session.flush()
    await _note(work, Event.WEBHOOK_MADE, source, webhook)
    return webhook, secret


async def change_webhook(
    work: UnitOfWork,
    actor: Actor,
    source: AuditSource,
    allowed: Sequence[Network],
    table_id: int,
    webhook_id: int,
    terms: WebhookTerms,
) -> None:
    """From the next attempt on; what waits is tried at once. Raises what `WebhookTerms.checked` does."""
    webhook = await _find(work, actor, table_id, webhook_id)
    terms = terms.checked(allowed)
    if (webhook.name, webhook.url, list(webhook.events)) == (terms.name, terms.url, list(terms.events)):
        return
    if webhook.url != terms.url:
        _leave_attempt(webhook)
    webhook.name, webhook.url, webhook.events = terms.name, terms.url, list(terms.events)
    webhook.due_at = webhook.failing_since = None
    await _note(work, Event.WEBHOOK_CHANGED, source, webhook)


async def switch_webhook(
    work: UnitOfWork, actor: Actor, source: AuditSource, table_id: int, webhook_id: int, *, is_on: bool
) -> None:
    """Switched on again, it goes on where it was: what changed meanwhile is sent."""
    webhook = await _find(work, actor, table_id, webhook_id)
    if webhook.is_on == is_on:
        return
    _leave_attempt(webhook)
    webhook.is_on, webhook.off_reason = is_on, OffReason.NONE
    webhook.due_at = webhook.failing_since = None
    await _note(work, Event.WEBHOOK_SWITCHED, source, webhook, is_on=is_on)


async def rotate_secret(
    work: UnitOfWork, actor: Actor, source: AuditSource, sealer: Sealer, table_id: int, webhook_id: int
) -> tuple[Webhook, str]:
    """Return it with its new secret, which is shown this once. For `OVERLAP` messages are signed with the earlier ones,
    too: the last, and if that was replaced before the `OVERLAP` was over, the oldest. Who never received a new secret
    replaces it again, and the receiver has only the oldest then.
    """
    webhook = await _find(work, actor, table_id, webhook_id)
    secret, now = new_secret(), utc_now()
    webhook.sealed_before = " ".join([webhook.sealed, *webhook.earlier_secrets(now)[-1:]])
    webhook.before_until = now + OVERLAP
    webhook.sealed = _sealed(sealer, secret)
    await _note(work, Event.WEBHOOK_ROTATED, source, webhook)
    return webhook, secret


async def delete_webhook(
    work: UnitOfWork, actor: Actor, source: AuditSource, table_id: int, webhook_id: int
) -> str | None:
    """With its deliveries. Return its name; None if it was gone already."""
    await require_owner(work, actor, table_id)
    webhook = await find_webhook(work.session, table_id, webhook_id)
    if webhook is None:
        return None
    await work.session.delete(webhook)
    await _note(work, Event.WEBHOOK_DELETED, source, webhook)
    return webhook.name


async def send_test(work: UnitOfWork, actor: Actor, source: AuditSource, table_id: int, webhook_id: int) -> int:
    """One message without changes, also while it is switched off; return the delivery's id. Raises `TooManyWaiting`."""
    webhook = await _find(work, actor, table_id, webhook_id)
    return await _send_once(work, webhook, DeliveryKind.TEST, new_message_id(), webhook.seq, webhook.seq)


async def send_again(
    work: UnitOfWork, actor: Actor, source: AuditSource, table_id: int, webhook_id: int, delivery_id: int
) -> int:
    """The same message, once, with the same id; return the new delivery's. Raises `TooManyWaiting`, and `NotFound`."""
    webhook = await _find(work, actor, table_id, webhook_id)
    first = await find_delivery(work.session, webhook_id, delivery_id)
    kind = DeliveryKind.TEST if first.kind == DeliveryKind.TEST else DeliveryKind.AGAIN
    return await _send_once(work, webhook, kind, first.message_id, first.after_seq, first.last_seq)


async def replay(work: UnitOfWork, actor: Actor, source: AuditSource, table_id: int, webhook_id: int, seq: int) -> None:
    """Send all changes from number `seq` on, in order, as new messages. One more than the last: skip what waits.

    Raises `NoSuchChange`.
    """
    webhook = await _find(work, actor, table_id, webhook_id)
    table = await work.session.get_one(Table, table_id)
    if not table.log_from <= seq <= table.seq + 1:
        raise NoSuchChange(table.log_from, table.seq + 1)
    waiting = update(WebhookDelivery).where(
        WebhookDelivery.webhook_id == webhook_id,
        WebhookDelivery.kind == DeliveryKind.CHANGES,
        WebhookDelivery.state == DeliveryState.WAITING,
    )
    reason = f"Its changes were sent anew from number {seq:,} on."
    await work.session.execute(waiting.values(state=DeliveryState.FAILED, reason=reason))
    webhook.seq, webhook.due_at, webhook.failing_since = seq - 1, None, None
    await _note(work, Event.WEBHOOK_REPLAYED, source, webhook, seq=seq)


async def find_webhook(session: AsyncSession, table_id: int, webhook_id: int) -> Webhook | None:
    statement = select(Webhook).where(Webhook.id == webhook_id, Webhook.table_id == table_id)
    found: Webhook | None = await session.scalar(statement)
    return found


async def webhooks_of(session: AsyncSession, table_id: int) -> list[Webhook]:
    """The newest first."""
    return list(await session.scalars(select(Webhook).where(Webhook.table_id == table_id).order_by(Webhook.id.desc())))


async def find_delivery(session: AsyncSession, webhook_id: int, delivery_id: int) -> WebhookDelivery:
    """Raises `NotFound`."""
    found: WebhookDelivery | None = await session.get(WebhookDelivery, delivery_id)
    if found is None or found.webhook_id != webhook_id:
        raise NotFound("delivery")
    return found


async def deliveries_of(
    session: AsyncSession, webhook_id: int, limit: int, before: int = MAX_ID
) -> list[WebhookDelivery]:
    """The newest first, of those with a smaller id than `before`."""
    theirs = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.id < before)
    return list(await session.scalars(theirs.order_by(WebhookDelivery.id.desc()).limit(limit)))


async def _send_once(
    work: UnitOfWork, webhook: Webhook, kind: DeliveryKind, message_id: str, after: int, last: int
) -> int:
    waiting = select(func.count()).where(
        WebhookDelivery.webhook_id == webhook.id,
        WebhookDelivery.state == DeliveryState.WAITING,
        WebhookDelivery.kind != DeliveryKind.CHANGES,
    )
    if (await work.session.scalar(waiting) or 0) >= MAX_WAITING:
        raise TooManyWaiting
    delivery = WebhookDelivery(webhook_id=webhook.id, message_id=message_id, kind=kind, after_seq=after, last_seq=last)
    work.session.add(delivery)
    await work.session.flush()
    _wake(work)
    return delivery.id


async def _find(work: UnitOfWork, actor: Actor, table_id: int, webhook_id: int) -> Webhook:
    await require_owner(work, actor, table_id)
    webhook = await find_webhook(work.session, table_id, webhook_id)
    if webhook is None:
        raise NotFound("webhook")
    return webhook


def _leave_attempt(webhook: Webhook) -> None:
    """What comes of an attempt that is under way says nothing of how the webhook is from now on. Its message is sent
    again.
    """
    webhook.lease = webhook.lease_until = None


async def _note(work: UnitOfWork, event: Event, source: AuditSource, webhook: Webhook, **details: object) -> None:
    """In the audit log, and to whoever sends."""
    about = {"table_id": webhook.table_id, "webhook_id": webhook.id, **details}
    await AuditEvent.record(work, event, source, webhook.name, **about)
    _wake(work)


def _wake(work: UnitOfWork) -> None:
    work.publish(WEBHOOKS_TOPIC, WEBHOOKS_TOPIC, key=WEBHOOKS_TOPIC)


def _sealed(sealer: Sealer, secret: str) -> str:
    return sealer.encrypt(secret.encode()).decode()
