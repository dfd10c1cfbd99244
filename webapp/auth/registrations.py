"""Signing up."""

from quart import request, url_for
from quart.typing import ResponseReturnValue

from webapp.auth import bp
from webapp.auth.answers import answer
from webapp.auth.forms import EmailCheckForm, RegistrationForm
from webapp.auth.setup import is_first, is_open, is_setup_key
from webapp.auth.throttles import throttles
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import config, db, hasher
from webapp.models import AuditEvent, EmailTaken, Event, User
from webapp.models.accounts.links import send_verification
from webapp.web.access import public
from webapp.web.audit import audit_source
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to, render
from webapp.web.mailer import mailer
from webapp.web.rate_limit.requests import client_address
from webapp.web.safe_urls import safe_next
from webapp.web.session import load_current_user, sign_in


@bp.route("/register", methods=["GET", "POST"])
@public
async def register() -> ResponseReturnValue:
    asked = request.args.get("next")
    if await load_current_user() is not None:
        return redirect_to(safe_next(asked, url_for("main.dashboard")), whole=True)
    first = await is_first()
    if not (first or is_open()):
        return await render("auth/closed.html", status=403, registration=config().registration)
    form = await _form(asks_key=first and not config().is_private)
    if request.method == "POST" and form.validate() and await _sign_up(form):
        return redirect_to(safe_next(asked, url_for("main.dashboard")), whole=True)
    return await answer("auth/register.html", form, first=first, next=asked)


@bp.get("/register/email")
@public
async def register_email() -> ResponseReturnValue:
    """What the form would say about the address being typed; nothing once the limit is reached."""
    form = EmailCheckForm(request.args)
    if not await throttles().checked_email.try_hit(client_address()):
        return await render("auth/_email_check.html", problem=None)
    problem = None if form.validate() else " ".join(form["email"].errors)
    if problem is None and is_open() and await _is_taken(form["email"].data):
        problem = str(EmailTaken())
    return await render("auth/_email_check.html", problem=problem)


async def _is_taken(email: str) -> bool:
    async with db().reading() as session:
        return await session.scalar(User.with_address(email)) is not None


async def _form(*, asks_key: bool) -> RegistrationForm:
    form = await RegistrationForm.read() if request.method == "POST" else RegistrationForm()
    if not asks_key:
        del form["setup_key"]
    return form


async def _sign_up(form: RegistrationForm) -> bool:
    """Create the account and sign in; or return False, with the reason beside its field.

    A taken address is disclosed: people must learn why they get no account. `docs/security.md` says so.
    """
    if not await throttles().has_try_left(form, (throttles().registration, client_address())):
        return False
    if "setup_key" in form and not is_setup_key(config(), form["setup_key"].data):
        form.refuse("setup_key", "This is not the key in the server's log. It is printed at every start.")
        return False
    email, password_hash = form["email"].data, await hasher().hash(form["password"].data)
    try:
        user = await db().write(_register, email, password_hash)
    except EmailTaken as problem:
        form.refuse("email", str(problem))
        return False
    await sign_in(user, remembered=False)
    flash("Welcome. You are the owner of this server." if user.role == "owner" else "Welcome.")
    return True


async def _register(work: UnitOfWork, email: str, password_hash: str) -> User:
    user = await User.register(work, email=email, password_hash=password_hash, is_open=is_open())
    await AuditEvent.record(work, Event.REGISTERED, audit_source(user), user, role=user.role)
    if user.verified_at is None:
        await send_verification(work, mailer, user)
    return user
