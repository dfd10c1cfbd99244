"""Forms, mailed links, and what follows a proof of identity."""

from datetime import datetime
from typing import Any

from quart import Response, redirect, request, url_for
from quart.typing import ResponseReturnValue

from webapp.auth import bp
from webapp.auth.forms import RateLimitedForm
from webapp.auth.sign_in_notice import announce_sign_in_methods
from webapp.extensions import config, db
from webapp.models import Actor, Event, OneTimeToken, Purpose, TokenUnusable, User, utc_now
from webapp.models.accounts.outcomes import person_subject
from webapp.models.idempotency import Outcome
from webapp.web import pending_request
from webapp.web.audit import audit_source, record_refusal
from webapp.web.forms import Form
from webapp.web.fragments import redirect_to, render
from webapp.web.known_devices import known_device
from webapp.web.mailer import mailer
from webapp.web.safe_urls import safe_next
from webapp.web.session import sign_in


async def render_form(template: str, form: Form, **context: Any) -> Response:
    """The form's page: 200 when it is first shown, 422 if it is refused, 429 with the time to wait if tries ran out."""
    response = await render(template, status=422 if form.errors else 200, form=form, **context)
    if isinstance(form, RateLimitedForm) and form.retry_after is not None:
        response.status_code = 429
        response.headers["Retry-After"] = str(form.retry_after)
    return response


def account_exists(user: User) -> Outcome:
    """Where somebody is led who asks again for the account that they have got."""
    message = "Your account is there already. Sign in with the password you chose."
    return Outcome(url_for("auth.login"), message, person_subject(user))


async def find_link(purpose: Purpose, token: str) -> OneTimeToken:
    """Return the token of a mailed link if it is still valid. Raises `TokenUnusable`.

    Opening a link uses nothing up; using it checks again under the write lock.
    """
    async with db().reading() as session:
        link = await session.scalar(OneTimeToken.usable(purpose, token))
    if link is None:
        raise TokenUnusable
    return link


@bp.errorhandler(TokenUnusable)
async def render_unusable_link(error: TokenUnusable) -> Response:
    """410 for every reason alike: used, expired, withdrawn, mistyped, invented."""
    record_refusal(Event.LINK_REFUSED, None, place=request.endpoint)
    return await render("auth/unusable.html", status=410, text=str(error))


async def complete_login(
    user: User,
    *,
    remembered: bool,
    method: str = "password",
    is_strong: bool = False,
    proved_at: datetime | None = None,
) -> None:
    """Sign in, and say what else signs in; a new device is announced by mail, where mail is sent at all."""
    is_new = known_device(user) is None
    await sign_in(user, remembered=remembered, method=method, is_strong=is_strong, proved_at=proved_at)
    await announce_sign_in_methods(user.id)
    if is_new and config().sends_mail:
        details = {"address": audit_source().address, "when": f"{utc_now():%d %B %Y at %H:%M} UTC"}
        await db().write(mailer.send, "new_device", user.email, user_id=user.id, **details)


def redirect_after_login() -> ResponseReturnValue:
    """To the page that was asked for before signing in, or to the dashboard."""
    return redirect_to(safe_next(request.args.get("next"), url_for("main.dashboard")), whole=True)


def redirect_after_confirmation(actor: Actor) -> ResponseReturnValue:
    """`actor` has confirmed their identity: resume what they asked for (a 307 repeats the POST), or show its page."""
    if (path := pending_request.verify(request.args.get("then"), actor)) is not None:
        return redirect(path, 307)
    return redirect_after_login()
