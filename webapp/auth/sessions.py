"""Signing in and out."""

from quart import request, url_for
from quart.typing import ResponseReturnValue

from webapp.auth import bp
from webapp.auth.forms import LoginForm
from webapp.auth.setup import is_first, is_open
from webapp.auth.throttles import throttles
from webapp.extensions import db, hasher
from webapp.models import User
from webapp.web.access import load_actor, public, safe_next
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.sessions import sign_in, sign_out


@bp.route("/login", methods=["GET", "POST"])
@public
async def login() -> ResponseReturnValue:
    asked = request.args.get("next")
    if await load_actor() is not None:
        return redirect_to(safe_next(asked, url_for("main.dashboard")), whole=True)
    if await is_first():
        return redirect_to(url_for("auth.register"), whole=True)
    form = await LoginForm.read() if request.method == "POST" else LoginForm()
    if request.method == "POST" and form.validate() and await _sign_in(form):
        return redirect_to(safe_next(asked, url_for("main.dashboard")), whole=True)
    return await render(
        "auth/login.html", status=422 if form.errors else 200, form=form, next=asked, can_register=is_open()
    )


@bp.post("/logout")
@public
async def logout() -> ResponseReturnValue:
    """Public, so that a page left open in another window can still sign out what is no longer signed in."""
    await sign_out()
    flash("You are signed out.")
    return redirect_to(url_for("auth.login"), whole=True)


async def _sign_in(form: LoginForm) -> bool:
    """Sign in; or False, with words that do not tell whether the address has an account, and take as long."""
    email, password = form["email"].data, form["password"].data
    throttles().begin_sign_in(email)
    async with db().reading() as session:
        user = (await session.execute(User.able_to_sign_in(email))).scalar_one_or_none()
    if not await hasher().verify(user.password_hash if user else None, password) or user is None:
        form.refuse(None, "This address and password do not belong together. Check both, also caps lock.")
        return False
    throttles().forget_sign_in(email)
    if hasher().is_outdated(user.password_hash):
        db().write_soon(User.rehash, user.id, await hasher().hash(password))
    await sign_in(user.id, remembered=form["remember"].data)
    return True
