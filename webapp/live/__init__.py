"""Live: the event stream of a page."""

from quart import Blueprint

bp = Blueprint("live", __name__)

from webapp.live import streams  # noqa: E402, F401  (routes register themselves)
