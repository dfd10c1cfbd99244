"""Signing in through the provider of single sign-on, and proving there again who one is.

The button is a form, so another site cannot start it. Its answer is a page that goes on to the provider: a redirect
would be held to the form's own site by the content security policy, along all the places that a provider leads through.
"""

from datetime import timedelta

import structlog
from quart import make_response, request, url_for
from quart.typing import ResponseReturnValue

from webapp.auth import bp
from webapp.auth.forms import SingleSignOnForm
from webapp.auth.rate_limits import rate_limits
from webapp.auth.responses import complete_login
from webapp.auth.sessions import ask_for_code
from webapp.extensions import config, db, sealer
from webapp.models import Actor, Event, User
from webapp.models.accounts.identity import Assertion
from webapp.models.accounts.provider_sign_in import SignInRefused, confirm_identity_of, find_signed_in, link_own
from webapp.models.accounts.second_factor import has_totp, verify_code
from webapp.models.base import utc_now
from webapp.models.errors import NotFound
from webapp.models.tables.invited import accept_for_address
from webapp.web.access import Action, before_second_factor, may, public
from webapp.web.audit import audit_source, record_refusal
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.mailer import mailer
from webapp.web.oidc import attempts
from webapp.web.oidc.attempts import Attempt, provider
from webapp.web.oidc.choices import provider_rules
from webapp.web.oidc.failures import AnswerRefused, Declined, ProviderFailure
from webapp.web.oidc.proof import SKEW
from webapp.web.rate_limit.limits import hit_each
from webapp.web.rate_limit.requests import client_address
from webapp.web.safe_urls import safe_next
from webapp.web.session import confirm_identity, current_user, load_current_user

METHOD = "single sign-on"
log = structlog.get_logger("rowcast.single_sign_on")


@bp.post("/login/oidc")
@public
async def single_sign_on() -> ResponseReturnValue:
    target = _target()
    if await load_current_user() is not None:
        return redirect_to(target or url_for("main.dashboard"), whole=True)
    form = await SingleSignOnForm.load()
    return await go_to_provider(Attempt("sign-in", target, is_remembered=form["remember"].data))


@bp.post("/login/confirm/oidc")
@may(Action.OWN_ACCOUNT)
@before_second_factor
async def single_sign_on_confirm() -> ResponseReturnValue:
    """With a second factor its code comes first: then the answer of the provider is all that is left to wait for."""
    actor, target = current_user(), _target()
    async with db().reading() as session:
        needs_code = await has_totp(session, actor.id)
    form = await SingleSignOnForm.load()
    if needs_code and not await _is_code_right(actor, form["code"].data or ""):
        flash("This code is wrong, or was used already. Wait for the next one.", "failed")
        return redirect_to(url_for("auth.confirm", next=target), whole=True)
    return await go_to_provider(Attempt("confirm", target, is_strong=needs_code, session_id=actor.session_id), actor)


def _target() -> str | None:
    """The page to go to afterwards. It is kept meanwhile, so it is looked at now."""
    return safe_next(request.args.get("next"), "") or None


async def go_to_provider(attempt: Attempt, actor: Actor | None = None) -> ResponseReturnValue:
    """The page that goes on to the provider; or back, with a message, if it does not answer."""
    await rate_limits().single_sign_on.hit(client_address())
    try:
        url, token = await attempts.begin(attempt, actor)
    except ProviderFailure as error:
        return _fail(attempt, error)
    response = await render("auth/single_sign_on.html", url=url, provider=config().oidc_name)
    attempts.remember(response, token)
    return response


@bp.get("/login/oidc/callback")
@public
async def single_sign_on_callback() -> ResponseReturnValue:
    """The browser comes back. What it brings was in its address bar, so it can be anybody's."""
    await rate_limits().single_sign_on.hit(client_address())
    attempt = Attempt("sign-in")
    try:
        attempt, proof = await attempts.resume(request.args.get("state", ""))
        if error := request.args.get("error"):
            raise Declined(f"the provider says {error[:50]!r}")
        who = await provider().assertion(request.args.get("code", ""), request.args.get("iss"), proof)
        response = await make_response(await _FINISH[attempt.kind](attempt, who))
    except (ProviderFailure, SignInRefused) as error:
        return _fail(attempt, error)
    attempts.forget(response)
    return response


def _fail(attempt: Attempt, error: ProviderFailure | SignInRefused) -> ResponseReturnValue:
    """Back to where it began, with what to do now; why is for the log."""
    log.warning("single sign-on failed", reason=error.reason)
    record_refusal(Event.SIGN_IN_FAILED, None, method=METHOD, reason=error.reason)
    flash(str(error), "failed")
    return redirect_to(url_for(_BEGIN[attempt.kind], next=attempt.target), whole=True)


async def _sign_in(attempt: Attempt, who: Assertion) -> ResponseReturnValue:
    user: User = await db().write(find_signed_in, audit_source(), mailer, who, provider_rules(), accept_for_address)
    if user.totp_secret is not None:
        return await ask_for_code(user, attempt.target, remembered=attempt.is_remembered, method=METHOD)
    proved_at = min(who.authenticated_at or utc_now(), utc_now())  # their clock may be ahead
    await complete_login(user, remembered=attempt.is_remembered, method=METHOD, proved_at=proved_at)
    return redirect_to(safe_next(attempt.target, url_for("main.dashboard")), whole=True)


async def _confirm(attempt: Attempt, who: Assertion) -> ResponseReturnValue:
    await _ensure_same_person(attempt, who)
    await confirm_identity(METHOD, is_strong=attempt.is_strong)
    flash("Thank you. Go on with what you were about to do.")
    return redirect_to(safe_next(attempt.target, url_for("main.dashboard")), whole=True)


async def _ensure_same_person(attempt: Attempt, who: Assertion) -> None:
    """Raises `AnswerRefused` unless the very sign-in that asked is confirmed, by its person, and just now."""
    actor = await _asking(attempt)
    proved_at, began_at = who.authenticated_at, attempt.began_at
    if proved_at is not None and began_at is not None and began_at - proved_at > timedelta(seconds=SKEW):
        raise AnswerRefused("they proved who they are long ago: auth_time")
    try:
        await db().write(confirm_identity_of, actor.id, who)
    except NotFound as error:
        raise AnswerRefused("somebody else has confirmed") from error


async def _link(attempt: Attempt, who: Assertion) -> ResponseReturnValue:
    actor = await _asking(attempt)
    await db().write(link_own, audit_source(), mailer, actor.id, who, provider_rules())
    flash(f"{config().oidc_name} signs in to your account from now on.")
    return redirect_to(url_for("account.identities"), whole=True)


async def _asking(attempt: Attempt) -> Actor:
    """Raises `AnswerRefused` if they have signed out, or somebody else has signed in, since the attempt began."""
    actor = await load_current_user()
    if actor is None or actor.session_id != attempt.session_id:
        raise AnswerRefused("another sign-in by now")
    return actor


async def _is_code_right(actor: Actor, code: str) -> bool:
    async with db().reading() as session:
        user = await User.find(session, actor.id)
    tries = rate_limits().code_tries(user)
    await hit_each(*tries)
    if not await db().write(verify_code, audit_source(), sealer(), actor.id, code):
        record_refusal(Event.SIGN_IN_FAILED, user, step="confirmation")
        return False
    await rate_limits().give_back(*tries)
    return True


_FINISH = {"sign-in": _sign_in, "confirm": _confirm, "link": _link}
_BEGIN = {"sign-in": "auth.login", "confirm": "auth.confirm", "link": "account.identities"}
