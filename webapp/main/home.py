"""Where people begin: strangers at the welcome page, signed-in people at the dashboard with the panels of features."""

from quart import Response, redirect, url_for
from quart.typing import ResponseReturnValue

from settings import Registration
from webapp.extensions import config, db
from webapp.main import bp
from webapp.models import User
from webapp.web.access import public
from webapp.web.dashboard_panels import panels
from webapp.web.fragments import render
from webapp.web.session import current_user, load_current_user

SECRET_LINKS = (
    "/reset/",
    "/verifications/",
    "/invitations/",
    "/account/",
    "/s/",
)  # what mails lead to: no crawler uses them up
ROBOTS = "".join(["User-agent: *\n", *(f"Disallow: {path}\n" for path in SECRET_LINKS)])


@bp.get("/")
@public
async def home() -> ResponseReturnValue:
    if await load_current_user() is not None:
        return redirect(url_for("main.dashboard"), 303)
    async with db().reading() as session:
        is_first = not (await session.execute(User.any_exist())).scalar_one()
    return await render("main/home.html", can_register=is_first or config().registration is Registration.OPEN)


@bp.get("/robots.txt")
@public
async def robots() -> Response:
    """Search engines may list what strangers can read: all else takes a sign-in, or a link from a mail."""
    return Response(ROBOTS, mimetype="text/plain")


@bp.get("/dashboard")
async def dashboard() -> ResponseReturnValue:
    actor = current_user()
    return await render("main/dashboard.html", panels=[await panel(actor) for panel in panels()])
