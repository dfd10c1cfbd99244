"""The start page of signed-in people: the panels of all features."""

from quart.typing import ResponseReturnValue

from webapp.main import bp
from webapp.web.dashboard_panels import panels
from webapp.web.fragments import render
from webapp.web.session import current_user


@bp.get("/dashboard")
async def dashboard() -> ResponseReturnValue:
    person = current_user()
    return await render("main/dashboard.html", panels=[await panel(person) for panel in panels()])
