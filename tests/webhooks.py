"""Webhooks in tests, made as their owner makes them."""

from typing import Any

from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import config, db, sealer
from webapp.models import Actor, AuditSource, User, Webhook, WebhookDelivery
from webapp.models.accounts.user import actor_from
from webapp.models.tables import webhooks
from webapp.models.tables.webhook_terms import WebhookTerms
from webapp.web.application import Application


async def add_webhook(
    app: Application, table_id: int, owner: User | Actor, url: str, *, name: str = "Stock", events: Any = ()
) -> tuple[int, str]:
    """Return its id and its secret."""
    actor = owner if isinstance(owner, Actor) else actor_from(owner)
    terms, source = WebhookTerms(name, url, events), AuditSource(actor.id, actor.email)
    networks = config.of(app).private_networks
    async with app.app_context():
        webhook, secret = await db().write(webhooks.create_webhook, actor, source, sealer(), networks, table_id, terms)
    return webhook.id, secret


async def found(app: Application, webhook_id: int) -> Webhook:
    async with db.of(app).reading() as session:
        return await session.get_one(Webhook, webhook_id)


async def deliveries(app: Application, webhook_id: int) -> list[WebhookDelivery]:
    """The oldest first."""
    async with db.of(app).reading() as session:
        return (await webhooks.deliveries_of(session, webhook_id, 1_000))[::-1]


async def place_webhook(work: UnitOfWork, table_id: int) -> dict[str, int]:
    """One that is switched off and has sent something; return the ids. Its address leads nowhere."""
    webhook = Webhook(
        table_id=table_id, name="Stock", url="https://hooks.invalid/", events=[], sealed="", seq=0, is_on=False
    )
    work.session.add(webhook)
    await work.session.flush()
    delivery = WebhookDelivery(
        webhook_id=webhook.id, message_id="msg_1", kind="changes", state="delivered", after_seq=0, last_seq=0
    )
    work.session.add(delivery)
    await work.session.flush()
    return {"webhook_id": webhook.id, "delivery_id": delivery.id}
