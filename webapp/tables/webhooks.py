"""Webhooks of a table: where its owner makes and changes them, sees what was sent, and has it sent again."""

from collections.abc import Awaitable, Callable

from quart import request
from quart.typing import ResponseReturnValue

from webapp.auth.responses import render_form
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import config, db, sealer
from webapp.models import Table, Webhook, WebhookEvent
from webapp.models.errors import NotFound
from webapp.models.idempotency import Outcome, once
from webapp.models.tables import webhooks
from webapp.models.tables.access import find_table
from webapp.models.tables.webhook_terms import WrongAddress
from webapp.models.tables.webhooks import NoSuchChange
from webapp.tables import bp
from webapp.tables.webhook_forms import ReplayForm, WebhookForm
from webapp.tables.webhook_presenter import is_busy, present_delivery, present_webhook
from webapp.web.access import Action, may
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.idempotency import form_key
from webapp.web.paths import url_for
from webapp.web.session import current_user

SHOWN = 50  # deliveries
SHOWN_ONCE = "The webhook is there already. Its secret was shown once: if you have not saved it, replace it."


@bp.get("/<id:table_id>/webhooks")
@may(Action.CHANGE_TABLE)
async def webhooks_index(table_id: int) -> ResponseReturnValue:
    table = await find_table(db(), current_user(), table_id, Action.CHANGE_TABLE)
    return await _show_all(table, WebhookForm(data={"events": [event.value for event in WebhookEvent]}))


@bp.post("/<id:table_id>/webhooks")
@may(Action.CHANGE_TABLE)
async def webhooks_create(table_id: int) -> ResponseReturnValue:
    table = await find_table(db(), current_user(), table_id, Action.CHANGE_TABLE)
    form = await WebhookForm.load()
    if not _is_complete(form):
        return await _show_all(table, form)
    url, terms = url_for("tables.webhooks_index", table_id=table_id), form.terms
    try:
        webhook, secret = await db().write(
            once,
            await form_key(terms.name, terms.url, *terms.events),
            lambda _: Outcome(url, SHOWN_ONCE),
            webhooks.create_webhook,
            current_user(),
            audit_source(),
            sealer(),
            config().private_networks,
            table_id,
            terms,
        )
    except WrongAddress as error:
        form.refuse("url", str(error))
        return await _show_all(table, form)
    return await _show_secret(table, webhook, secret)


@bp.get("/<id:table_id>/webhooks/<id:webhook_id>")
@may(Action.CHANGE_TABLE)
async def webhooks_show(table_id: int, webhook_id: int) -> ResponseReturnValue:
    table, webhook = await _find(table_id, webhook_id)
    return await _show(table, webhook, _form_of(webhook))


@bp.post("/<id:table_id>/webhooks/<id:webhook_id>")
@may(Action.CHANGE_TABLE)
async def webhooks_update(table_id: int, webhook_id: int) -> ResponseReturnValue:
    table, webhook = await _find(table_id, webhook_id)
    form, networks = await WebhookForm.load(), config().private_networks
    if not _is_complete(form):
        return await _show(table, webhook, form)
    who = (current_user(), audit_source())
    try:
        await db().write(webhooks.change_webhook, *who, networks, table_id, webhook_id, form.terms)
    except WrongAddress as error:
        form.refuse("url", str(error))
        return await _show(table, webhook, form)
    flash(f"The webhook “{form.terms.name}” is changed.")
    return _back(table_id, webhook_id)


@bp.post("/<id:table_id>/webhooks/<id:webhook_id>/state")
@may(Action.CHANGE_TABLE)
async def webhooks_switch(table_id: int, webhook_id: int) -> ResponseReturnValue:
    """On, if the form says so; else off."""
    is_on = "on" in await request.form
    who = (current_user(), audit_source())
    await db().write(webhooks.switch_webhook, *who, table_id, webhook_id, is_on=is_on)
    flash(
        "It is on: what changed meanwhile is sent."
        if is_on
        else "It is off. What changes meanwhile is sent once you switch it on again."
    )
    return _back(table_id, webhook_id)


@bp.post("/<id:table_id>/webhooks/<id:webhook_id>/secret")
@may(Action.CHANGE_TABLE)
async def webhooks_rotate(table_id: int, webhook_id: int) -> ResponseReturnValue:
    table, _ = await _find(table_id, webhook_id)
    url = url_for("tables.webhooks_show", table_id=table_id, webhook_id=webhook_id)
    webhook, secret = await db().write(
        once,
        await form_key(webhook_id),
        lambda _: Outcome(url, "The secret was replaced already, and shown once."),
        webhooks.rotate_secret,
        current_user(),
        audit_source(),
        sealer(),
        table_id,
        webhook_id,
    )
    return await _show_secret(table, webhook, secret)


@bp.post("/<id:table_id>/webhooks/<id:webhook_id>/test")
@may(Action.CHANGE_TABLE)
async def webhooks_test(table_id: int, webhook_id: int) -> ResponseReturnValue:
    who = (current_user(), audit_source())
    await _send(lambda work: webhooks.send_test(work, *who, table_id, webhook_id), table_id, webhook_id)
    flash("A test is on its way.")
    return _back(table_id, webhook_id)


@bp.post("/<id:table_id>/webhooks/<id:webhook_id>/deliveries/<id:delivery_id>/again")
@may(Action.CHANGE_TABLE)
async def webhooks_again(table_id: int, webhook_id: int, delivery_id: int) -> ResponseReturnValue:
    ids, who = (table_id, webhook_id, delivery_id), (current_user(), audit_source())
    await _send(lambda work: webhooks.send_again(work, *who, *ids), *ids)
    flash("It is on its way again.")
    return _back(table_id, webhook_id)


@bp.post("/<id:table_id>/webhooks/<id:webhook_id>/replay")
@may(Action.CHANGE_TABLE)
async def webhooks_replay(table_id: int, webhook_id: int) -> ResponseReturnValue:
    table, webhook = await _find(table_id, webhook_id)
    form, who = await ReplayForm.load(), (current_user(), audit_source())
    if not form.validate_on_submit():
        return await _show(table, webhook, _form_of(webhook), form)
    seq: int = form["seq"].data
    try:
        await _send(lambda work: webhooks.replay(work, *who, table_id, webhook_id, seq), table_id, webhook_id, seq)
    except NoSuchChange as error:
        form.refuse("seq", str(error))
        return await _show(table, webhook, _form_of(webhook), form)
    skips = seq > table.seq
    flash("What waited is skipped." if skips else f"All changes from number {seq:,} on are sent, in order.")
    return _back(table_id, webhook_id)


@bp.post("/<id:table_id>/webhooks/<id:webhook_id>/deletion")
@may(Action.CHANGE_TABLE)
async def webhooks_destroy(table_id: int, webhook_id: int) -> ResponseReturnValue:
    """Deleting one that is gone already is no mistake."""
    name = await db().write(webhooks.delete_webhook, current_user(), audit_source(), table_id, webhook_id)
    if name is not None:
        flash(f"The webhook “{name}” is deleted.")
    return redirect_to(url_for("tables.webhooks_index", table_id=table_id))


async def _send(verb: Callable[[UnitOfWork], Awaitable[object]], table_id: int, webhook_id: int, *which: int) -> None:
    """Pressed twice, it is sent once."""
    url = url_for("tables.webhooks_show", table_id=table_id, webhook_id=webhook_id)
    key = await form_key(webhook_id, *which)
    await db().write(once, key, lambda _: Outcome(url, "It is on its way."), verb)


async def _find(table_id: int, webhook_id: int) -> tuple[Table, Webhook]:
    table = await find_table(db(), current_user(), table_id, Action.CHANGE_TABLE)
    async with db().reading() as session:
        webhook = await webhooks.find_webhook(session, table_id, webhook_id)
    if webhook is None:
        raise NotFound("webhook")
    return table, webhook


def _form_of(webhook: Webhook) -> WebhookForm:
    events = webhook.events or [event.value for event in WebhookEvent]
    return WebhookForm(data={"name": webhook.name, "url": webhook.url, "events": events})


def _is_complete(form: WebhookForm) -> bool:
    if form.validate_on_submit() and not form["events"].data:
        form.refuse("events", "Choose at least one.")
    return not form.errors


def _back(table_id: int, webhook_id: int) -> ResponseReturnValue:
    return redirect_to(url_for("tables.webhooks_show", table_id=table_id, webhook_id=webhook_id))


async def _show_all(table: Table, form: WebhookForm) -> ResponseReturnValue:
    async with db().reading() as session:
        found = await webhooks.webhooks_of(session, table.id)
    return await render_form(
        "tables/webhooks/index.html", form, table=table, webhooks=[present_webhook(table, each) for each in found]
    )


async def _show(
    table: Table, webhook: Webhook, form: WebhookForm, replay: ReplayForm | None = None
) -> ResponseReturnValue:
    async with db().reading() as session:
        found = await webhooks.deliveries_of(session, webhook.id, SHOWN)
    return await render_form(
        "tables/webhooks/show.html",
        form if replay is None else replay,
        settings_form=form,
        replay=replay or ReplayForm(data={"seq": max(table.seq, 1)}),
        table=table,
        webhook=present_webhook(table, webhook),
        deliveries=[present_delivery(each) for each in found],
        is_busy=is_busy(table, webhook, found),
    )


async def _show_secret(table: Table, webhook: Webhook, secret: str) -> ResponseReturnValue:
    return await render(
        "tables/webhooks/secret.html", table=table, webhook=present_webhook(table, webhook), secret=secret
    )
