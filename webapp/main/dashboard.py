"""Where a signed-in person begins: what each feature has to show."""

from quart.typing import ResponseReturnValue

from webapp.main import bp
from webapp.web.access import signed_in
from webapp.web.fragments import render
from webapp.web.panels import panels


@bp.get("/dashboard")
async def dashboard() -> ResponseReturnValue:
    person = signed_in()
    return await render("main/dashboard.html", panels=[await panel(person) for panel in panels()])
