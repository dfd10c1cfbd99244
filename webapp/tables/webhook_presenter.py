"""Webhooks and their deliveries as their owner's pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from webapp.models import Table, Webhook, WebhookDelivery, utc_now
from webapp.models.tables.webhook import DeliveryKind, DeliveryState, OffReason
from webapp.tables.webhook_forms import EVENTS

OFF = {
    OffReason.NONE: ("Off", ""),
    OffReason.GONE: ("Switched off", "Its receiver answered 410: it does not want any more messages."),
    OffReason.FAILING: ("Switched off", "Nothing that it sent was taken for days."),
}
STATES = {
    DeliveryState.WAITING: ("Waiting", "off"),
    DeliveryState.DELIVERED: ("Delivered", "done"),
    DeliveryState.FAILED: ("Failed", "failed"),
}


@dataclass(frozen=True, slots=True)
class ShownWebhook:
    """`state` in a word or two, with the class of its badge; `why` is a sentence, if it needs one. `about` says what it
    is sent, `behind` how many changes it has not been told.
    """

    id: int
    name: str
    url: str
    is_on: bool
    state: str
    kind: str
    why: str
    about: str
    behind: int
    due_at: datetime | None
    made_at: datetime
    overlaps_until: datetime | None


@dataclass(frozen=True, slots=True)
class ShownDelivery:
    """`what` says which changes it has; `answer` is the beginning of what was answered."""

    id: int
    what: str
    state: str
    kind: str
    status: int | None
    ms: int | None
    attempts: int
    tried_at: datetime | None
    made_at: datetime
    reason: str
    answer: str


def present_webhook(table: Table, webhook: Webhook) -> ShownWebhook:
    now = utc_now()
    if not webhook.is_on:
        (state, why), kind = OFF[OffReason(webhook.off_reason)], "failed" if webhook.off_reason else "off"
    elif webhook.failing_since is not None:
        state, kind, why = "Failing", "failed", "What it sent last was not taken. It is sent again, with longer pauses."
    else:
        state, kind, why = "On", "done", ""
    return ShownWebhook(
        webhook.id,
        webhook.name,
        webhook.url,
        webhook.is_on,
        state,
        kind,
        why,
        _about(webhook),
        max(table.seq - webhook.seq, 0),
        webhook.due_at if webhook.is_on and webhook.due_at is not None and webhook.due_at > now else None,
        webhook.made_at,
        webhook.before_until if webhook.before_until is not None and webhook.before_until > now else None,
    )


def present_delivery(delivery: WebhookDelivery) -> ShownDelivery:
    state, kind = STATES[DeliveryState(delivery.state)]
    return ShownDelivery(
        delivery.id,
        _what(delivery),
        "Will be sent again" if delivery.state == DeliveryState.WAITING and delivery.attempts else state,
        kind,
        delivery.status,
        delivery.ms,
        delivery.attempts,
        delivery.tried_at,
        delivery.made_at,
        delivery.reason,
        delivery.answer,
    )


def is_busy(table: Table, webhook: Webhook, deliveries: Sequence[WebhookDelivery]) -> bool:
    """Whether the page will be another one in a moment: something is sent for the first time."""
    is_sending = any(each.state == DeliveryState.WAITING and not each.attempts for each in deliveries)
    return is_sending or (webhook.is_on and webhook.due_at is None and table.seq > webhook.seq)


def _about(webhook: Webhook) -> str:
    if not webhook.events:
        return "All changes"
    return "; ".join(words for event, words in EVENTS.items() if event in webhook.events)


def _what(delivery: WebhookDelivery) -> str:
    if delivery.kind == DeliveryKind.TEST:
        return "Test"
    first, last = delivery.after_seq + 1, delivery.last_seq
    changes = f"Change {last:,}" if first == last else f"Changes {first:,} to {last:,}"
    return f"{changes}, sent again" if delivery.kind == DeliveryKind.AGAIN else changes
