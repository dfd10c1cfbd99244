"""API tokens: what programs send instead of signing in. Each is shown once, when it is created."""

from datetime import UTC, datetime, time, timedelta

from quart import request, url_for
from quart.typing import ResponseReturnValue
from sqlalchemy import Select, func, select

from webapp.account import bp
from webapp.account.forms import TokenForm
from webapp.db.errors import UserError
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db
from webapp.models import Actor, ApiToken, AuditEvent, AuditSource, Event, Scope, User, is_allowed, utc_now
from webapp.models.errors import NotFound
from webapp.web.access import Action, fresh, may
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.formatting import find_time_zone
from webapp.web.fragments import redirect_to, render
from webapp.web.mailer import mailer
from webapp.web.session import current_user

MOST = 100  # active tokens per person
LONGEST = timedelta(days=3653)
SCOPES = {
    Scope.READ: "read",
    Scope.WRITE: "read and change",
    Scope.ADMIN: "read, change and administer",
}


class TooManyTokens(UserError):
    def __init__(self) -> None:
        super().__init__(f"You have {MOST} tokens already. Revoke those that are not used any more.")


class NameTaken(UserError):
    """This also keeps a reload of the page that shows a new token, which repeats its POST, from making another one."""

    def __init__(self) -> None:
        super().__init__("You have a token with this name already. Choose another name, or revoke that one first.")


@bp.get("/tokens")
@may(Action.OWN_ACCOUNT)
async def tokens() -> ResponseReturnValue:
    statement = select(ApiToken).where(ApiToken.user_id == current_user().id, ApiToken.revoked_at.is_(None))
    async with db().reading() as session:
        found = list(await session.scalars(statement.order_by(ApiToken.id.desc()).limit(2 * MOST)))
    return await render("account/tokens.html", tokens=found, now=utc_now(), scopes=SCOPES)


@bp.route("/tokens/new", methods=["GET", "POST"])
@may(Action.OWN_ACCOUNT)
@fresh
async def tokens_new() -> ResponseReturnValue:
    person = current_user()
    form = await TokenForm.read() if request.method == "POST" else TokenForm()
    form["scope"].groups = {"": [(str(scope), words) for scope, words in SCOPES.items() if _may_have(person, scope)]}
    if (
        request.method == "POST"
        and form.validate()
        and _is_allowed(form, person)
        and (new := await _make(form, person))
    ):
        return await render("account/tokens_show.html", token=new[0], plain=new[1])
    return await render("account/tokens_new.html", status=422 if form.errors else 200, form=form)


@bp.post("/tokens/<id:token_id>/revocation")
@may(Action.OWN_ACCOUNT)
async def tokens_revoke(token_id: int) -> ResponseReturnValue:
    await db().write(_revoke, current_user().id, token_id, audit_source())
    flash("The token does not work any more.")
    return redirect_to(url_for("account.tokens"))


def _may_have(person: Actor, scope: Scope) -> bool:
    """A token never exceeds its owner's role: only administrators can use the `admin` scope."""
    return scope is not Scope.ADMIN or is_allowed(person, Action.RUN_SERVER)


def _is_allowed(form: TokenForm, person: Actor) -> bool:
    """Whether the last day is valid; else False, with a message beside the field."""
    if form["lifetime"].data != "date":
        return True
    today, until = datetime.now(find_time_zone(person.time_zone)).date(), form["until"].data
    if until is None or not today <= until <= today + LONGEST:
        form.refuse("until", "Choose a day from today on, at most ten years from now.")
        return False
    return True


async def _make(form: TokenForm, person: Actor) -> tuple[ApiToken, str] | None:
    """The token, and what it reads; or None, with a message beside the field."""
    given = form["name"].data, Scope(form["scope"].data), _end(form, person)
    try:
        return await db().write(_issue, person.id, *given, audit_source())
    except NameTaken as problem:
        form.refuse("name", str(problem))
        return None


def _end(form: TokenForm, person: Actor) -> datetime | None:
    """When it expires: never, after some days, or at the end of a day in the owner's time zone."""
    lifetime = form["lifetime"].data
    if lifetime == "never":
        return None
    if lifetime != "date":
        return utc_now() + timedelta(days=int(lifetime))
    return datetime.combine(form["until"].data, time.max, find_time_zone(person.time_zone)).astimezone(UTC)


async def _issue(
    work: UnitOfWork, user_id: int, name: str, scope: Scope, end: datetime | None, audit_source: AuditSource
) -> tuple[ApiToken, str]:
    working = select(func.count()).where(ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None))
    if (await work.session.scalar(working) or 0) >= MOST:
        raise TooManyTokens
    if await work.session.scalar(_working(user_id, name)):
        raise NameTaken
    user = await work.session.get_one(User, user_id)
    made, plain = await ApiToken.issue(work, user_id, name=name, scope=scope, expires_at=end)
    await AuditEvent.record(work, Event.TOKEN_MADE, audit_source, user, name=name, scope=scope, token=made.start)
    await mailer.send(work, "token_made", user.email, user_id=user.id, name=name)
    return made, plain


def _working(user_id: int, name: str) -> Select[int]:
    """Those of this name that still work."""
    is_expired = ApiToken.expires_at.is_not(None) & (ApiToken.expires_at <= utc_now())
    mine = ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None), ApiToken.name == name
    return select(ApiToken.id).where(*mine, ~is_expired).limit(1)


async def _revoke(work: UnitOfWork, user_id: int, token_id: int, audit_source: AuditSource) -> None:
    if not await ApiToken.revoke(work, user_id, token_id):
        raise NotFound("token")
    token = await work.session.get_one(ApiToken, token_id)
    user = await work.session.get_one(User, user_id)
    await AuditEvent.record(work, Event.TOKEN_REVOKED, audit_source, user, name=token.name, token=token.start)
