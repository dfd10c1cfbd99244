"""The start page of signed-in people: the panels of all features."""

from quart.typing import ResponseReturnValue

from webapp.main import bp
from webapp.web.access import signed_in
from webapp.web.fragments import render
from webapp.web.panels import panels


@bp.get("/dashboard")
async def dashboard() -> ResponseReturnValue:
    person = signed_in()
    return await render("main/dashboard.html", panels=[await panel(person) for panel in panels()])
