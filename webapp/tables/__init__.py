"""Tables: how they come in, what they show, how they go out."""

from quart import Blueprint

bp = Blueprint("tables", __name__, url_prefix="/tables")

from webapp.tables import columns, counts, exports, imports, profiles, rows, samples, tables, uploads  # noqa: E402, F401  (routes register themselves)
