"""The second step of signing in: the password was right, and a code is still required.

A token in a separate cookie connects the two steps. It is valid only for this step, once and for ten minutes, and it is
not a session: the password alone grants nothing.
"""

from quart import make_response, request, url_for
from quart.typing import ResponseReturnValue

from webapp.auth import bp
from webapp.auth.answers import answer
from webapp.auth.arrivals import complete_login
from webapp.auth.forms import CodeForm
from webapp.auth.second_factor import is_code, verify_code
from webapp.auth.throttles import throttles
from webapp.db.unit_of_work import UnitOfWork
from webapp.extensions import db, sealer
from webapp.models import Event, OneTimeToken, Purpose, User
from webapp.models.accounts.one_time_token import LIFETIMES
from webapp.web.access import public
from webapp.web.audit import audit_source, record_soon
from webapp.web.cookies import Cookie
from webapp.web.flashes import flash
from webapp.web.fragments import redirect_to
from webapp.web.known_devices import known_device
from webapp.web.mailer import mailer
from webapp.web.safe_urls import safe_next
from webapp.web.session import load_current_user

COOKIE = Cookie("rowcast-second-step", int(LIFETIMES[Purpose.SECOND_STEP].total_seconds()), samesite="Strict")


@bp.route("/login/code", methods=["GET", "POST"])
@public
async def login_code() -> ResponseReturnValue:
    asked = request.args.get("next")
    step = await _step() if await load_current_user() is None else None
    if step is None:
        return redirect_to(url_for("auth.login", next=asked), whole=True)
    user, is_remembered = step
    form = await CodeForm.read() if request.method == "POST" else CodeForm()
    if request.method == "POST" and form.validate() and await _is_good(form, user):
        await complete_login(user, remembered=is_remembered, method="password and code", is_strong=True)
        response = await make_response(redirect_to(safe_next(asked, url_for("main.dashboard")), whole=True))
        COOKIE.delete(response)
        return response
    return await answer("auth/login_code.html", form, next=asked, email=user.email)


async def ask_for_code(user: User, *, remembered: bool, asked: str | None) -> ResponseReturnValue:
    """Go to the second step, with the cookie that proves the first."""
    data = {"remembered": remembered}
    token = await db().write(_issue, user, data)
    response = await make_response(redirect_to(url_for("auth.login_code", next=asked), whole=True))
    COOKIE.set(response, token)
    return response


async def _issue(work: UnitOfWork, user: User, data: dict[str, bool]) -> str:
    await User.unchanged(work, user)
    return await OneTimeToken.issue(work, Purpose.SECOND_STEP, user_id=user.id, data=data, ends_earlier=False)


async def _step() -> tuple[User, bool] | None:
    """Who is half signed in, and whether to remember them; None if nobody is, or no longer."""
    statement = OneTimeToken.usable(Purpose.SECOND_STEP, COOKIE.get())
    async with db().reading() as session:
        token = await session.scalar(statement)
        user = await session.get(User, token.user_id) if token else None
    if token is None or user is None or not user.is_active or user.totp_secret is None:
        return None
    return user, bool(token.data.get("remembered"))


async def _is_good(form: CodeForm, user: User) -> bool:
    if not await throttles().has_try_left(form, *throttles().second_step(user.id, known_device(user.id))):
        return False
    if not await db().write(_use_up, user.id, form["code"].data, COOKIE.get()):
        form.refuse("code", "This code is wrong, or was used already. Wait for the next one.")
        record_soon(Event.SIGN_IN_FAILED, user, step="code")
        return False
    if not is_code(form["code"].data):
        flash("That recovery code is used up. Make new ones before the last is gone.", "alert")
    return True


async def _use_up(work: UnitOfWork, user_id: int, typed: str, token: str) -> bool:
    """Use up the code and the step together. Raises `TokenUnusable` if another request was faster."""
    user = await work.session.get_one(User, user_id)
    if not await verify_code(work, user_id, typed, sealer(), audit_source(user)):
        return False
    await OneTimeToken.redeem(work, Purpose.SECOND_STEP, token)
    if not is_code(typed):
        await mailer.send(work, "recovery_code_used", user.email, user_id=user.id)
    return True
