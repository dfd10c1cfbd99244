"""Live: the event stream of a page. Features register what can be watched; this package knows none of them."""

from quart import Blueprint

bp = Blueprint("live", __name__)

from webapp.live import streams  # noqa: E402, F401  (routes register themselves)
