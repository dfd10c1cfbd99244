"""The JSON API."""

from quart import Blueprint

bp = Blueprint("api", __name__, url_prefix="/api")

from webapp.api import health  # noqa: E402, F401  (routes register themselves)
