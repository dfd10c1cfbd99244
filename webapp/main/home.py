"""Where people begin: strangers at the welcome page, signed-in people at the dashboard with the panels of features."""

from quart import redirect, url_for
from quart.typing import ResponseReturnValue

from settings import Registration
from webapp.extensions import config, db
from webapp.main import bp
from webapp.models import User
from webapp.web.access import public
from webapp.web.dashboard_panels import panels
from webapp.web.fragments import render
from webapp.web.session import current_user, load_current_user


@bp.get("/")
@public
async def home() -> ResponseReturnValue:
    if await load_current_user() is not None:
        return redirect(url_for("main.dashboard"), 303)
    async with db().reading() as session:
        is_first = not (await session.execute(User.any_exist())).scalar_one()
    return await render("main/home.html", can_register=is_first or config().registration is Registration.OPEN)


@bp.get("/dashboard")
async def dashboard() -> ResponseReturnValue:
    actor = current_user()
    return await render("main/dashboard.html", panels=[await panel(actor) for panel in panels()])
