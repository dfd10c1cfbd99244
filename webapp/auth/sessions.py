"""Signing in, in one step or two, and out.

With a second factor the password alone grants nothing: a token in a separate cookie connects the two steps. It is valid
only for the second step, once and for ten minutes, and it is not a session.
"""

from quart import make_response, request, url_for
from quart.typing import ResponseReturnValue

from webapp.auth import bp
from webapp.auth.forms import CodeForm, LoginForm
from webapp.auth.rate_limits import rate_limits
from webapp.auth.registrations import has_accounts
from webapp.auth.responses import complete_login, redirect_after_login, render_form
from webapp.extensions import config, db, hasher, sealer
from webapp.models import Event, Purpose, User
from webapp.models.accounts.one_time_token import LIFETIMES
from webapp.models.accounts.second_factor import (
    begin_second_step,
    complete_second_step,
    find_second_step,
    is_totp_code,
)
from webapp.web.access import Action, before_second_factor, may, public
from webapp.web.audit import audit_source, record_soon
from webapp.web.cookies import Cookie
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to
from webapp.web.known_devices import known_device
from webapp.web.mailer import mailer
from webapp.web.oidc.choices import single_sign_on, takes_password
from webapp.web.session import load_current_user, sign_out

# Not Strict: after single sign-on the browser comes from another site. Without the code the cookie is worth nothing.
SECOND_STEP = Cookie("rowcast-second-step", int(LIFETIMES[Purpose.SECOND_STEP].total_seconds()), samesite="Lax")


@bp.route("/login", methods=["GET", "POST"])
@public
async def login() -> ResponseReturnValue:
    if await load_current_user() is not None:
        return redirect_after_login()
    if not await has_accounts():
        return redirect_to(url_for("auth.register"), whole=True)
    form = await LoginForm.load()
    if form.validate_on_submit() and (user := await _verify_password(form)) is not None:
        if user.totp_secret is not None:
            return await ask_for_code(user, request.args.get("next"), remembered=form["remember"].data)
        await complete_login(user, remembered=form["remember"].data)
        return redirect_after_login()
    context = {"next": request.args.get("next"), "registration": config().registration, **single_sign_on()}
    return await render_form("auth/login.html", form, **context)


@bp.route("/login/code", methods=["GET", "POST"])
@public
async def login_code() -> ResponseReturnValue:
    target = request.args.get("next")
    step = await _second_step() if await load_current_user() is None else None
    if step is None:
        return redirect_to(url_for("auth.login", next=target), whole=True)
    user, is_remembered, method = step
    form = await CodeForm.load()
    if form.validate_on_submit() and await _verify_code(form, user):
        await complete_login(user, remembered=is_remembered, method=f"{method} and code", is_strong=True)
        response = await make_response(redirect_after_login())
        SECOND_STEP.delete(response)
        return response
    return await render_form("auth/login_code.html", form, next=target, email=user.email)


@bp.post("/logout")
@public
async def logout() -> ResponseReturnValue:
    """Public, so that a page left open in another window can still sign out after its session has ended."""
    await sign_out()
    flash("You are signed out.")
    return redirect_to(url_for("auth.login"), whole=True)


@bp.post("/logout/everywhere")
@may(Action.OWN_ACCOUNT)
@before_second_factor
async def logout_everywhere() -> ResponseReturnValue:
    await sign_out(everywhere=True)
    flash("You are signed out on all devices. API tokens go on working: revoke them on the page of your account.")
    return redirect_to(url_for("auth.login"), whole=True)


async def _verify_password(form: LoginForm) -> User | None:
    """The person with this password; or None, with a message and a duration that do not reveal whether the address
    exists.
    """
    email, password = form["email"].data, form["password"].data
    async with db().reading() as session:
        user = await session.scalar(User.active_by_email(email))
    device = known_device(user) if user else None
    if not await rate_limits().allow(form, *rate_limits().sign_in(email, device)):
        return None
    if not await hasher().verify(user.password_hash if user else None, password) or user is None:
        form.refuse(None, "Wrong e-mail address or password. Check both, and Caps Lock.")
        record_soon(Event.SIGN_IN_FAILED, user or email, step="password")
        return None
    if not takes_password(user.role):  # only now: nobody else learns who has an account, and which
        form.refuse(None, f"Only owners sign in with a password here. Sign in with {config().oidc_name}.")
        record_soon(Event.SIGN_IN_FAILED, user, step="password", reason="passwords are for owners")
        return None
    await rate_limits().reset_sign_in(email, device)
    return await _rehashed(user, password) if hasher().is_outdated(user.password_hash) else user


async def _rehashed(user: User, password: str) -> User:
    """Rehash at today's cost; if another sign-in was faster, use the hash it made of the same password."""
    new_hash = await hasher().hash(password)
    if await db().write(User.rehash, user.id, user.password_hash, new_hash):
        user.password_hash = new_hash
        return user
    async with db().reading() as session:
        current = await session.get(User, user.id)
    return current if current is not None and await hasher().verify(current.password_hash, password) else user


async def ask_for_code(
    user: User, target: str | None, *, remembered: bool, method: str = "password"
) -> ResponseReturnValue:
    """Go to the second step, with the cookie that proves the first; then to `target`."""
    token = await db().write(begin_second_step, user, remembered=remembered, method=method)
    response = await make_response(redirect_to(url_for("auth.login_code", next=target), whole=True))
    SECOND_STEP.set(response, token)
    return response


async def _second_step() -> tuple[User, bool, str] | None:
    async with db().reading() as session:
        return await find_second_step(session, SECOND_STEP.get())


async def _verify_code(form: CodeForm, user: User) -> bool:
    tries = rate_limits().code_tries(user)
    if not await rate_limits().allow(form, *tries):
        return False
    code, token = form["code"].data, SECOND_STEP.get()
    if not await db().write(complete_second_step, audit_source(), mailer, sealer(), user.id, code, token):
        form.refuse("code", "This code is wrong, or was used already. Wait for the next one.")
        record_soon(Event.SIGN_IN_FAILED, user, step="code")
        return False
    await rate_limits().give_back(*tries)
    if not is_totp_code(code):
        flash("That recovery code is used up. Create new ones before the last is used.", "alert")
    return True
