"""Signing up."""

from quart import request, url_for
from quart.typing import ResponseReturnValue

from webapp.auth import bp
from webapp.auth.forms import RegistrationForm
from webapp.auth.setup import is_first, is_open, is_setup_key
from webapp.auth.throttles import throttles
from webapp.extensions import config, db, hasher
from webapp.models import EmailTaken, RegistrationClosed, User
from webapp.web.access import load_actor, public, safe_next
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.sessions import sign_in


@bp.route("/register", methods=["GET", "POST"])
@public
async def register() -> ResponseReturnValue:
    asked = request.args.get("next")
    if await load_actor() is not None:
        return redirect_to(safe_next(asked, url_for("main.dashboard")), whole=True)
    first = await is_first()
    if not (first or is_open()):
        raise RegistrationClosed
    form = await _form(asks_key=first and not config().is_local)
    if request.method == "POST" and form.validate() and await _sign_up(form):
        return redirect_to(safe_next(asked, url_for("main.dashboard")), whole=True)
    return await render("auth/register.html", status=422 if form.errors else 200, form=form, first=first, next=asked)


async def _form(*, asks_key: bool) -> RegistrationForm:
    form = await RegistrationForm.read() if request.method == "POST" else RegistrationForm()
    if not asks_key:
        del form["setup_key"]
    return form


async def _sign_up(form: RegistrationForm) -> bool:
    """Make the account and sign in; or False, with the reason beside its field.

    A taken address is told: who asks for an account must know why there is none. `docs/security.md` says so.
    """
    throttles().begin_registration()
    if "setup_key" in form and not is_setup_key(config(), form["setup_key"].data):
        form.refuse("setup_key", "This is not the key in the server's log. It is printed at every start.")
        return False
    email, password_hash = form["email"].data, await hasher().hash(form["password"].data)
    try:
        user = await db().write(User.register, email=email, password_hash=password_hash, is_open=is_open())
    except EmailTaken as problem:
        form.refuse("email", str(problem))
        return False
    await sign_in(user.id, remembered=False)
    flash("Welcome. This account owns the server." if user.role == "owner" else "Welcome.")
    return True
