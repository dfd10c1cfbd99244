"""The pages that belong to no feature: welcome, dashboard, health."""

from quart import Blueprint

bp = Blueprint("main", __name__)

from webapp.main import health, home  # noqa: E402, F401  (routes register themselves)
