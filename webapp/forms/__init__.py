"""Forms of tables: the pages where editors make them, and the public page that takes answers."""

from quart import Blueprint

bp = Blueprint("forms", __name__)

from webapp.forms import editing, public  # noqa: E402, F401  (routes register themselves)
