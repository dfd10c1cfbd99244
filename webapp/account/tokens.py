"""API tokens: what programs send instead of signing in. Each is shown once, when it is created."""

import re
from collections.abc import Collection
from datetime import UTC, datetime, time, timedelta

from quart import request, url_for
from quart.typing import ResponseReturnValue

from webapp.account import bp
from webapp.account.forms import TokenForm
from webapp.auth.responses import render_form
from webapp.extensions import db
from webapp.models import Actor, ApiToken, Scope, is_allowed, utc_now
from webapp.models.accounts.api_token import TokenNameTaken, issue_api_token, revoke_api_token
from webapp.models.idempotency import Outcome, once
from webapp.models.tables.table_list import tables_after, titles_of
from webapp.web.access import Action, fresh, may
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.formatting import find_time_zone
from webapp.web.fragments import redirect_to, render
from webapp.web.idempotency import form_key
from webapp.web.mailer import mailer
from webapp.web.session import current_user

SHOWN_ONCE = "This token was created already, and shown once. If you have not saved it, revoke it and create another."
MAX_LIFETIME = timedelta(days=3653)
MAX_LISTED = 500  # tables to choose from; others are named by their numbers
NUMBER = re.compile(r"[0-9]{1,15}", re.ASCII)
SCOPES = {
    Scope.READ: "read",
    Scope.WRITE: "read and change",
    Scope.ADMIN: "read, change and administer",
}


@bp.get("/tokens")
@may(Action.OWN_ACCOUNT)
async def tokens() -> ResponseReturnValue:
    async with db().reading() as session:
        tokens = (await session.scalars(ApiToken.of(current_user().id))).all()
        named = {table_id for token in tokens for table_id in token.table_ids or ()}
        titles = await titles_of(session, current_user(), named)
    return await render("account/tokens.html", tokens=tokens, now=utc_now(), scopes=SCOPES, titles=titles)


@bp.route("/tokens/new", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@fresh
async def tokens_new() -> ResponseReturnValue:
    """A token never exceeds its owner's role: only administrators can use the `admin` scope."""
    actor = current_user()
    form = await TokenForm.load()
    scopes = [scope for scope in SCOPES if scope is not Scope.ADMIN or is_allowed(actor, Action.RUN_SERVER)]
    form["scope"].groups = {"": [(scope.value, SCOPES[scope]) for scope in scopes]}
    ticked = {int(text) for text in (await request.form).getlist("table") if NUMBER.fullmatch(text)}
    others = {int(text) for text in NUMBER.findall(form["others"].data or "")}
    async with db().reading() as session:
        tables = await tables_after(session, actor, limit=MAX_LISTED + 1)
        chosen = set(await titles_of(session, actor, ticked | others))
    is_possible = form.validate_on_submit() and _is_last_day_possible(form, actor)
    if is_possible and _are_there(form, others - chosen) and _has_tables(form, chosen):
        limit = chosen if form["reach"].data == "some" else None
        if issued := await _issue(form, actor, limit):
            token, plain = issued
            return await render("account/tokens_show.html", token=token, plain=plain)
    return await render_form(
        "account/tokens_new.html", form, tables=tables[:MAX_LISTED], chosen=chosen, has_more=len(tables) > MAX_LISTED
    )


@bp.post("/tokens/<id:token_id>/revocation")
@may(Action.OWN_ACCOUNT)
async def tokens_revoke(token_id: int) -> ResponseReturnValue:
    await db().write(revoke_api_token, audit_source(), current_user().id, token_id)
    flash("The token is revoked.")
    return redirect_to(url_for("account.tokens"))


def _is_last_day_possible(form: TokenForm, actor: Actor) -> bool:
    """Else there is a message beside the field."""
    if form["lifetime"].data != "date":
        return True
    today, until = datetime.now(find_time_zone(actor.time_zone)).date(), form["until"].data
    if until is None or not today <= until <= today + MAX_LIFETIME:
        form.refuse("until", "Choose a day from today on, at most ten years from now.")
        return False
    return True


def _are_there(form: TokenForm, missing: Collection[int]) -> bool:
    """Else there is a message beside the field."""
    if form["reach"].data == "some" and missing:
        form.refuse("others", f"You have no part in a table with the number {min(missing)}.")
        return False
    return True


def _has_tables(form: TokenForm, chosen: Collection[int]) -> bool:
    """Else there is a message beside the field."""
    if form["reach"].data == "some" and not chosen:
        form.refuse("reach", "Tick the tables that it is for.")
        return False
    return True


async def _issue(form: TokenForm, actor: Actor, table_ids: Collection[int] | None) -> tuple[ApiToken, str] | None:
    """The token, and what it reads; or None, with a message beside the field."""
    outcome = Outcome(url_for("account.tokens"), SHOWN_ONCE)
    name, scope, expires_at = form["name"].data, Scope(form["scope"].data), _expires_at(form, actor)
    try:
        return await db().write(
            once,
            await form_key(name, scope, form["lifetime"].data, form["until"].data, sorted(table_ids or ())),
            lambda _: outcome,
            issue_api_token,
            audit_source(),
            mailer,
            actor.id,
            name=name,
            scope=scope,
            expires_at=expires_at,
            table_ids=table_ids,
        )
    except TokenNameTaken as error:
        form.refuse("name", str(error))
        return None


def _expires_at(form: TokenForm, actor: Actor) -> datetime | None:
    """Never, after some days, or at the end of a day in the owner's time zone."""
    lifetime = form["lifetime"].data
    if lifetime == "never":
        return None
    if lifetime != "date":
        return utc_now() + timedelta(days=int(lifetime))
    return datetime.combine(form["until"].data, time.max, find_time_zone(actor.time_zone)).astimezone(UTC)
