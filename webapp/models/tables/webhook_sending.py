"""Who sends what of a webhook: a lease in the database, so that of several processes one does, in the order of the log.

    due --> lease taken, the delivery written down --> sent --> noted, lease given back --> due again, if there is more

The delivery exists before it is sent, with its id. Whoever finds it waiting without a lease, because its sender was
killed, sends the same message again: each comes at least once.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, exists, func, insert, or_, select, update

from webapp.db.unit_of_work import UnitOfWork, in_one_run
from webapp.models.accounts.user import User
from webapp.models.tables.table import Table
from webapp.models.tables.webhook import (
    DeliveryKind,
    DeliveryState,
    Webhook,
    WebhookDelivery,
    earlier_secrets,
)
from webapp.models.tables.webhook_message import Message, Range, next_range

MESSAGE_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done next for a webhook: a delivery that waits, or a range of the log."""

    webhook_id: int
    delivery_id: int | None
    range: Range | None


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that is this sender's alone until its lease is over. `sealed` are the secrets, the newest first."""

    webhook_id: int
    delivery_id: int
    url: str
    sealed: Sequence[str]
    message: Message


def find_due(connection: Connection, now: datetime, lease: timedelta) -> list[tuple[int, int]]:
    """The webhooks for which there may be something to send, and whose tables they are about: ids."""
    statement = select(Webhook.id, Table.owner_id).join(Table, Table.id == Webhook.table_id)
    found = connection.execute(statement.where(_is_due(now, lease)).order_by(Webhook.id))
    return [(webhook_id, owner_id) for webhook_id, owner_id in found]


def find_next_due(connection: Connection, now: datetime) -> datetime | None:
    """When the next one is tried again, or its lease is over."""
    later = [
        connection.scalar(select(func.min(when)).where(when > now, Webhook.is_on | _waits(False)))
        for when in (Webhook.due_at, Webhook.lease_until)
    ]
    return min((when for when in later if when is not None), default=None)


def find_tables(connection: Connection) -> list[int]:
    """The tables that have webhooks, also those that are switched off: they send tests."""
    return list(connection.scalars(select(Webhook.table_id).distinct().order_by(Webhook.table_id)))


def plan_step(connection: Connection, webhook_id: int, now: datetime, lease: timedelta) -> Step | None:
    """A test and a copy go first: somebody waits for them. None if there is nothing to do."""
    statement = select(Webhook.table_id, Webhook.seq, Webhook.events, Webhook.is_on, Webhook.due_at)
    statement = statement.join(Table, Table.id == Webhook.table_id)
    webhook = connection.execute(statement.where(Webhook.id == webhook_id, _is_due(now, lease))).first()
    if webhook is None:
        return None
    waiting = select(WebhookDelivery.id, WebhookDelivery.kind).where(
        WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.state == DeliveryState.WAITING
    )
    found = connection.execute(waiting.order_by(WebhookDelivery.kind == DeliveryKind.CHANGES, WebhookDelivery.id))
    first = found.first()
    is_ordered_due = webhook.is_on and (webhook.due_at is None or webhook.due_at <= now)
    if first is not None and (first.kind != DeliveryKind.CHANGES or is_ordered_due):
        return Step(webhook_id, first.id, None)
    if first is not None or not is_ordered_due:
        return None
    following = next_range(connection, webhook.table_id, webhook.seq, tuple(webhook.events))
    return Step(webhook_id, None, following) if following is not None else None


@in_one_run
async def claim(work: UnitOfWork, step: Step, holder: str, now: datetime, lease: timedelta) -> Claim | None:
    """Take the lease, and write down a delivery if there is none. None if another sender was faster, or the step only
    moves the cursor over what the webhook is not about.
    """
    return await work.run(lambda connection: _claim(connection, step, holder, now, lease))


def _claim(connection: Connection, step: Step, holder: str, now: datetime, lease: timedelta) -> Claim | None:
    conditions: list[ColumnElement[bool]] = [Webhook.id == step.webhook_id, _is_free(now, lease)]
    if step.range is not None:
        conditions += [Webhook.seq == step.range.after, Webhook.is_on.is_(True), ~_waits(True)]
        if not step.range.is_wanted:
            connection.execute(update(Webhook).where(*conditions).values(seq=step.range.up_to))
            return None
    taken = update(Webhook).where(*conditions).values(lease=holder, lease_until=now + lease)
    webhook = connection.execute(
        taken.returning(
            Webhook.table_id, Webhook.url, Webhook.events, Webhook.sealed, Webhook.sealed_before, Webhook.before_until
        )
    ).first()
    if webhook is None:
        return None
    delivery_id = step.delivery_id or _insert(connection, step.webhook_id, step.range, now)
    delivery = connection.execute(
        select(*WebhookDelivery.__table__.columns).where(
            WebhookDelivery.id == delivery_id, WebhookDelivery.state == DeliveryState.WAITING
        )
    ).first()
    if delivery is None:  # somebody else has sent it, or a replay has replaced it
        connection.execute(update(Webhook).where(Webhook.id == step.webhook_id).values(lease=None, lease_until=None))
        return None
    return Claim(
        step.webhook_id,
        delivery_id,
        webhook.url,
        [webhook.sealed, *earlier_secrets(webhook.sealed_before, webhook.before_until, now)],
        Message(
            delivery.message_id,
            delivery.kind,
            webhook.table_id,
            delivery.after_seq,
            delivery.last_seq,
            tuple(webhook.events),
            delivery.made_at,
        ),
    )


def _insert(connection: Connection, webhook_id: int, told: Range | None, now: datetime) -> int:
    if told is None:
        raise ValueError("a step has a delivery or a range")
    made = insert(WebhookDelivery).values(
        webhook_id=webhook_id,
        message_id=new_message_id(),
        kind=DeliveryKind.CHANGES,
        after_seq=told.after,
        last_seq=told.up_to,
        made_at=now,
    )
    return int(connection.execute(made.returning(WebhookDelivery.id)).scalar_one())


def new_message_id() -> str:
    return f"msg_{secrets.token_hex(MESSAGE_ID_BYTES)}"


def _is_free(now: datetime, lease: timedelta) -> ColumnElement[bool]:
    """Nobody sends. A lease that is too long was given before the clock was set back."""
    return or_(Webhook.lease_until.is_(None), Webhook.lease_until <= now, Webhook.lease_until > now + lease)


def _is_due(now: datetime, lease: timedelta) -> ColumnElement[bool]:
    """Of a webhook joined to its table. A set that a large change is making is waited for, as are those after it. So is
    the return of an owner who may not sign in, or another owner: nobody may see then what goes where.
    """
    has_more = and_(Table.seq > Webhook.seq, or_(Table.growing.is_(None), Table.growing > Webhook.seq + 1))
    is_time = or_(Webhook.due_at.is_(None), Webhook.due_at <= now)
    return and_(
        Table.deleted_at.is_(None),
        Table.owner_id.in_(select(User.id).where(User.is_active)),
        _is_free(now, lease),
        or_(_waits(False), and_(Webhook.is_on, is_time, or_(has_more, _waits(True)))),
    )


def _waits(is_of_changes: bool) -> ColumnElement[bool]:
    """Whether a delivery of changes, or another one, has been written down and not been sent."""
    kind = WebhookDelivery.kind == DeliveryKind.CHANGES
    return exists().where(
        WebhookDelivery.webhook_id == Webhook.id,
        WebhookDelivery.state == DeliveryState.WAITING,
        kind if is_of_changes else ~kind,
    )
