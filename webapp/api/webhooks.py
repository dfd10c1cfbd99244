"""Webhooks of a table, by the same verbs as the pages. Only its owner has to do with them."""

from typing import Any
from urllib.parse import urlencode

from quart import Response, request, url_for
from quart_schema import tag

from webapp.api import bp
from webapp.api.decorators import body, errors, query, response, takes_idempotency_key
from webapp.api.fields import DeliveryId, TableId, WebhookId
from webapp.api.keys import create_once
from webapp.api.responses import empty
from webapp.api.webhook_schemas import (
    Deliveries,
    DeliveriesQuery,
    Delivery,
    NewTableWebhook,
    Replay,
    TableWebhook,
    TableWebhookChange,
    TableWebhooks,
    WebhookWithSecret,
)
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import config, db, sealer
from webapp.models import Actor, AuditSource, Webhook
from webapp.models.errors import NotFound
from webapp.models.policy import Action
from webapp.models.tables import webhooks
from webapp.models.tables.access import find_table
from webapp.models.tables.members import require_owner
from webapp.models.tables.webhook_terms import WebhookTerms
from webapp.outgoing.addresses import Network
from webapp.web.access import may
from webapp.web.audit import audit_source
from webapp.web.rate_limit.requests import reads, writes
from webapp.web.session import current_user


@bp.get("/v1/tables/<id:table_id>/webhooks")
@tag(["Webhooks"])
@may(Action.CHANGE_TABLE)
@reads
@response(TableWebhooks)
async def webhooks_index(table_id: TableId) -> Any:
    """List the webhooks of a table

    Without their secrets.
    """
    await _ensure_own(table_id)
    async with db().reading() as session:
        found = await webhooks.webhooks_of(session, table_id)
    return TableWebhooks(items=[_shown(each) for each in found])


@bp.post("/v1/tables/<id:table_id>/webhooks")
@tag(["Webhooks"])
@may(Action.CHANGE_TABLE)
@writes
@errors(409, 422)
@takes_idempotency_key
@response(WebhookWithSecret, 201, headers=("Location",))
@body(NewTableWebhook)
async def webhooks_create(table_id: TableId, data: NewTableWebhook) -> Any:
    """Make a webhook

    It is told what changes from then on. The `secret` is shown this once.
    """
    await _ensure_own(table_id)
    about = (current_user(), audit_source(), sealer(), config().private_networks, table_id, data.terms)
    made = await create_once(table_id, _id_of, webhooks.create_webhook, *about)
    location = url_for("api.webhooks_show", table_id=table_id, webhook_id=made[0])
    return await _with_secret(table_id, made), 201, {"Location": location}


@bp.get("/v1/tables/<id:table_id>/webhooks/<id:webhook_id>")
@tag(["Webhooks"])
@may(Action.CHANGE_TABLE)
@reads
@response(TableWebhook)
async def webhooks_show(table_id: TableId, webhook_id: WebhookId) -> Any:
    """Show a webhook

    Where it sends, and how far it is.
    """
    await _ensure_own(table_id)
    return _shown(await _find(table_id, webhook_id))


@bp.patch("/v1/tables/<id:table_id>/webhooks/<id:webhook_id>")
@tag(["Webhooks"])
@may(Action.CHANGE_TABLE)
@writes
@errors(422)
@response(TableWebhook)
@body(TableWebhookChange)
async def webhooks_update(table_id: TableId, webhook_id: WebhookId, data: TableWebhookChange) -> Any:
    """Change a webhook

    From the next attempt on; or switch it off and on. All fields given, or none.
    """
    await _ensure_own(table_id)
    wanted = {name: getattr(data, name) for name in data.model_fields_set}
    about = (current_user(), audit_source(), config().private_networks, table_id, webhook_id, wanted)
    await db().write(_change, *about)
    return _shown(await _find(table_id, webhook_id))


@bp.delete("/v1/tables/<id:table_id>/webhooks/<id:webhook_id>")
@tag(["Webhooks"])
@may(Action.CHANGE_TABLE)
@writes
async def webhooks_delete(table_id: TableId, webhook_id: WebhookId) -> Response:
    """Delete a webhook

    With the record of what it has sent. What waits is not sent any more.
    """
    if await db().write(webhooks.delete_webhook, current_user(), audit_source(), table_id, webhook_id) is None:
        raise NotFound("webhook")
    return empty()


@bp.post("/v1/tables/<id:table_id>/webhooks/<id:webhook_id>/secret")
@tag(["Webhooks"])
@may(Action.CHANGE_TABLE)
@writes
@errors(422)
@takes_idempotency_key
@response(WebhookWithSecret)
async def webhooks_rotate(table_id: TableId, webhook_id: WebhookId) -> Any:
    """Replace the secret of a webhook

    The new one is shown this once. For a day messages are signed with both.
    """
    await _ensure_own(table_id)
    about = (current_user(), audit_source(), sealer(), table_id, webhook_id)
    made = await create_once(webhook_id, _id_of, webhooks.rotate_secret, *about)
    return await _with_secret(table_id, made)


@bp.post("/v1/tables/<id:table_id>/webhooks/<id:webhook_id>/test")
@tag(["Webhooks"])
@may(Action.CHANGE_TABLE)
@writes
@errors(409, 422)
@takes_idempotency_key
@response(Delivery, 201, headers=("Location",))
async def webhooks_test(table_id: TableId, webhook_id: WebhookId) -> Any:
    """Send a test

    A message without changes, also while the webhook is switched off. Ask for the delivery to see what came of it.
    """
    await _ensure_own(table_id)
    about = (current_user(), audit_source(), table_id, webhook_id)
    delivery_id, _ = await create_once(webhook_id, int, webhooks.send_test, *about)
    return await _sent(table_id, webhook_id, delivery_id)


@bp.post("/v1/tables/<id:table_id>/webhooks/<id:webhook_id>/replay")
@tag(["Webhooks"])
@may(Action.CHANGE_TABLE)
@writes
@errors(422)
@takes_idempotency_key
@response(TableWebhook)
@body(Replay)
async def webhooks_replay(table_id: TableId, webhook_id: WebhookId, data: Replay) -> Any:
    """Send changes anew

    All from a change on, in their order, as new messages.
    """
    await _ensure_own(table_id)
    about = (current_user(), audit_source(), table_id, webhook_id, data.seq)
    await create_once(webhook_id, lambda _: webhook_id, webhooks.replay, *about)
    return _shown(await _find(table_id, webhook_id))


@bp.get("/v1/tables/<id:table_id>/webhooks/<id:webhook_id>/deliveries")
@tag(["Webhooks"])
@may(Action.CHANGE_TABLE)
@reads
@response(Deliveries, headers=("Link",))
@query(DeliveriesQuery)
async def deliveries_index(table_id: TableId, webhook_id: WebhookId, query_args: DeliveriesQuery) -> Any:
    """List what a webhook has sent

    The newest first: those of the last 30 days, and the latest 100.
    """
    await _ensure_own(table_id)
    await _find(table_id, webhook_id)
    limit = query_args.limit
    async with db().reading() as session:
        found = await webhooks.deliveries_of(session, webhook_id, limit + 1, query_args.before)
    page = [Delivery.of(each) for each in found[:limit]]
    if len(found) <= limit:
        return Deliveries(items=page, next=None)
    next_url = f"{request.path}?{urlencode({'before': page[-1].id, 'limit': limit})}"
    return Deliveries(items=page, next=next_url), 200, {"Link": f'<{next_url}>; rel="next"'}


@bp.get("/v1/tables/<id:table_id>/webhooks/<id:webhook_id>/deliveries/<id:delivery_id>")
@tag(["Webhooks"])
@may(Action.CHANGE_TABLE)
@reads
@response(Delivery)
async def deliveries_show(table_id: TableId, webhook_id: WebhookId, delivery_id: DeliveryId) -> Any:
    """Show a delivery

    Whether it was taken, and what was answered.
    """
    await _ensure_own(table_id)
    return await _delivery(table_id, webhook_id, delivery_id)


@bp.post("/v1/tables/<id:table_id>/webhooks/<id:webhook_id>/deliveries/<id:delivery_id>/again")
@tag(["Webhooks"])
@may(Action.CHANGE_TABLE)
@writes
@errors(409, 422)
@takes_idempotency_key
@response(Delivery, 201, headers=("Location",))
async def deliveries_repeat(table_id: TableId, webhook_id: WebhookId, delivery_id: DeliveryId) -> Any:
    """Send a message again

    Once, with the same id, as a delivery of its own.
    """
    await _ensure_own(table_id)
    about = (current_user(), audit_source(), table_id, webhook_id, delivery_id)
    new_id, _ = await create_once(delivery_id, int, webhooks.send_again, *about)
    return await _sent(table_id, webhook_id, new_id)


async def _change(
    work: UnitOfWork,
    actor: Actor,
    source: AuditSource,
    networks: tuple[Network, ...],
    table_id: int,
    webhook_id: int,
    wanted: dict[str, Any],
) -> None:
    await require_owner(work, actor, table_id)
    webhook = await webhooks.find_webhook(work.session, table_id, webhook_id)
    if webhook is None:
        raise NotFound("webhook")
    seen: dict[str, Any] = {name: getattr(webhook, name) for name in WebhookTerms.__dataclass_fields__}
    terms = WebhookTerms(**{name: wanted.get(name, value) for name, value in seen.items()})
    if wanted.keys() - {"is_on"}:  # an address that is no longer allowed keeps nobody from switching it off
        await webhooks.change_webhook(work, actor, source, networks, table_id, webhook_id, terms)
    if "is_on" in wanted:
        await webhooks.switch_webhook(work, actor, source, table_id, webhook_id, is_on=wanted["is_on"])


async def _ensure_own(table_id: int) -> None:
    """Raises `NotFound` and `NotAllowed`."""
    await find_table(db(), current_user(), table_id, Action.CHANGE_TABLE)


async def _find(table_id: int, webhook_id: int) -> Webhook:
    """Raises `NotFound`."""
    async with db().reading() as session:
        webhook = await webhooks.find_webhook(session, table_id, webhook_id)
    if webhook is None:
        raise NotFound("webhook")
    return webhook


async def _delivery(table_id: int, webhook_id: int, delivery_id: int) -> Delivery:
    """Raises `NotFound`."""
    await _find(table_id, webhook_id)
    async with db().reading() as session:
        return Delivery.of(await webhooks.find_delivery(session, webhook_id, delivery_id))


async def _sent(table_id: int, webhook_id: int, delivery_id: int) -> Any:
    shown = await _delivery(table_id, webhook_id, delivery_id)
    url = url_for("api.deliveries_show", table_id=table_id, webhook_id=webhook_id, delivery_id=delivery_id)
    return shown, 201, {"Location": url}


async def _with_secret(table_id: int, made: tuple[int, tuple[Webhook, str] | None]) -> WebhookWithSecret:
    """`made` is what `create_once` returned: a repeat is not shown the secret."""
    webhook_id, first = made
    webhook = await _find(table_id, webhook_id)
    return WebhookWithSecret(**TableWebhook.values(webhook), secret=None if first is None else first[1])


def _id_of(made: tuple[Webhook, str]) -> int:
    return made[0].id


def _shown(webhook: Webhook) -> TableWebhook:
    return TableWebhook(**TableWebhook.values(webhook))
