"""The password of a link: asked for before anything is shown, and then remembered by a cookie for this link alone."""

from hashlib import sha256

from quart import Response, redirect, request
from quart.typing import ResponseReturnValue
from wtforms import PasswordField
from wtforms.validators import InputRequired, Length

from webapp.extensions import Extension, hasher
from webapp.models.accounts.password import MAX_PASSWORD
from webapp.models.tables.linking import Visit
from webapp.web.cookies import SignedCookie
from webapp.web.forms import Form
from webapp.web.fragments import render
from webapp.web.paths import url_for
from webapp.web.rate_limit.limits import RateLimit, hit_all, too_many
from webapp.web.rate_limit.requests import client_address
from webapp.web.safe_urls import is_htmx_request
from webapp.web.visits import current_visit

TWELVE_HOURS, TEN_MINUTES = 12 * 3600, 600  # seconds
PROOF = SignedCookie("rowcast-link", "link-password", TWELVE_HOURS, has_prefix=False)

by_address = Extension("links.password_by_address", lambda app: RateLimit("links.password_by_address", 10, TEN_MINUTES))
by_link = Extension("links.password_by_link", lambda app: RateLimit("links.password_by_link", 100, TEN_MINUTES))


class LinkPasswordForm(Form):
    password = PasswordField(
        "Password", [InputRequired("Type the password."), Length(max=MAX_PASSWORD, message="This is too long.")]
    )


async def require_password() -> ResponseReturnValue | None:
    """Before each view below a link, but the one that takes the password."""
    visit = current_visit()
    if visit is None or visit.password_hash is None or request.endpoint == "shared.password" or _is_proved(visit):
        return None
    if is_htmx_request():
        return Response("", 401, {"HX-Redirect": _home(visit)})
    return await _ask(visit, LinkPasswordForm(), 401)


async def take_password(table_id: int) -> ResponseReturnValue:
    """Tries are counted before they are made; a right one does not count."""
    visit, form = current_visit(), await LinkPasswordForm.load()
    if visit is None or visit.password_hash is None:
        return redirect(url_for("tables.show", table_id=table_id), 303)
    if not form.validate_on_submit():
        return await _ask(visit, form, 422)
    link = str(visit.actor.link_id)
    tries = (by_address(), f"{link} {client_address()}"), (by_link(), link)
    if (exceeded := await hit_all(*tries)) is not None:
        form.refuse("password", too_many(exceeded.retry_after))
        return await _ask(visit, form, 429)
    if not await hasher().verify(visit.password_hash, form["password"].data or ""):
        form.refuse("password", "This is not the password of this link.")
        return await _ask(visit, form, 422)
    for limit, key in tries:
        await limit.give_back(key)
    response = redirect(_home(visit), 303)
    PROOF.set(response, PROOF.dump(_proof_of(visit)), path=_home(visit))
    return response


async def _ask(visit: Visit, form: LinkPasswordForm, status: int) -> Response:
    return await render("tables/links/password.html", status=status, form=form, action=f"{_home(visit)}/password")


def _is_proved(visit: Visit) -> bool:
    return bool(PROOF.load() == _proof_of(visit))


def _proof_of(visit: Visit) -> list[object]:
    """Of this link and of its present password."""
    return [visit.actor.link_id, sha256((visit.password_hash or "").encode()).hexdigest()[:32]]


def _home(visit: Visit) -> str:
    return url_for("tables.show", table_id=visit.table_id)
