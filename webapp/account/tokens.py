"""API tokens: what programs send instead of signing in. Each is shown once, when it is created."""

from datetime import UTC, datetime, time, timedelta

from quart import url_for
from quart.typing import ResponseReturnValue

from webapp.account import bp
from webapp.account.forms import TokenForm
from webapp.auth.responses import render_form
from webapp.extensions import db
from webapp.models import Actor, ApiToken, Scope, is_allowed, utc_now
from webapp.models.accounts.api_token import TokenNameTaken, issue_api_token, revoke_api_token
from webapp.models.idempotency import Outcome, once
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
    return await render("account/tokens.html", tokens=tokens, now=utc_now(), scopes=SCOPES)


@bp.route("/tokens/new", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@fresh
async def tokens_new() -> ResponseReturnValue:
    """A token never exceeds its owner's role: only administrators can use the `admin` scope."""
    actor = current_user()
    form = await TokenForm.load()
    scopes = [scope for scope in SCOPES if scope is not Scope.ADMIN or is_allowed(actor, Action.RUN_SERVER)]
    form["scope"].groups = {"": [(scope.value, SCOPES[scope]) for scope in scopes]}
    if form.validate_on_submit() and _is_last_day_possible(form, actor) and (issued := await _issue(form, actor)):
        token, plain = issued
        return await render("account/tokens_show.html", token=token, plain=plain)
    return await render_form("account/tokens_new.html", form)


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


async def _issue(form: TokenForm, actor: Actor) -> tuple[ApiToken, str] | None:
    """The token, and what it reads; or None, with a message beside the field."""
    outcome = Outcome(url_for("account.tokens"), SHOWN_ONCE)
    name, scope, expires_at = form["name"].data, Scope(form["scope"].data), _expires_at(form, actor)
    try:
        return await db().write(
            once,
            await form_key(name, scope, form["lifetime"].data, form["until"].data),
            lambda _: outcome,
            issue_api_token,
            audit_source(),
            mailer,
            actor.id,
            name=name,
            scope=scope,
            expires_at=expires_at,
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
