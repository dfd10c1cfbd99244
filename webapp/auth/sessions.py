"""Signing in and out."""

from quart import request, url_for
from quart.typing import ResponseReturnValue

from webapp.auth import bp
from webapp.auth.answers import answer
from webapp.auth.arrivals import complete_login
from webapp.auth.forms import LoginForm
from webapp.auth.second_step import ask_for_code
from webapp.auth.setup import is_first
from webapp.auth.throttles import throttles
from webapp.extensions import config, db, hasher
from webapp.models import Event, User
from webapp.web.access import Action, before_second_factor, may, public
from webapp.web.audit import record_soon
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to
from webapp.web.known_devices import known_device
from webapp.web.safe_urls import safe_next
from webapp.web.session import load_current_user, sign_out


@bp.route("/login", methods=["GET", "POST"])
@public
async def login() -> ResponseReturnValue:
    asked = request.args.get("next")
    if await load_current_user() is not None:
        return redirect_to(safe_next(asked, url_for("main.dashboard")), whole=True)
    if await is_first():
        return redirect_to(url_for("auth.register"), whole=True)
    form = await LoginForm.read() if request.method == "POST" else LoginForm()
    if request.method == "POST" and form.validate() and (user := await _recognise(form)) is not None:
        return await _go_on(user, form["remember"].data, asked)
    return await answer("auth/login.html", form, next=asked, registration=config().registration)


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


async def _go_on(user: User, remembered: bool, asked: str | None) -> ResponseReturnValue:
    """With a second factor, the password alone grants nothing."""
    if user.totp_secret is not None:
        return await ask_for_code(user, remembered=remembered, asked=asked)
    await complete_login(user, remembered=remembered)
    return redirect_to(safe_next(asked, url_for("main.dashboard")), whole=True)


async def _recognise(form: LoginForm) -> User | None:
    """The person with this password; or None, with a message and a duration that do not reveal whether the address
    exists.
    """
    email, password = form["email"].data, form["password"].data
    async with db().reading() as session:
        user = (await session.execute(User.able_to_sign_in(email))).scalar_one_or_none()
    device = known_device(user.id) if user else None
    if not await throttles().has_try_left(form, *throttles().sign_in(email, device)):
        return None
    if not await hasher().verify(user.password_hash if user else None, password) or user is None:
        form.refuse(None, "This address and password do not belong together. Check both, also caps lock.")
        record_soon(Event.SIGN_IN_FAILED, user or email, step="password")
        return None
    await throttles().forget_sign_in(email, device)
    return await _renewed(user, password) if hasher().is_outdated(user.password_hash) else user


async def _renewed(user: User, password: str) -> User:
    """Rehash at today's cost; if another sign-in was faster, use the hash it made of the same password."""
    newer = await hasher().hash(password)
    if await db().write(User.rehash, user.id, user.password_hash, newer):
        user.password_hash = newer
        return user
    async with db().reading() as session:
        now = await session.get(User, user.id)
    return now if now is not None and await hasher().verify(now.password_hash, password) else user
