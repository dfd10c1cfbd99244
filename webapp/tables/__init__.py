"""Tables: how they come in, what they show, how they go out."""

from typing import cast

from quart import Blueprint, Quart

from webapp.tables.dashboard import panel
from webapp.web.panels import panels

bp = Blueprint("tables", __name__, url_prefix="/tables")
bp.record(lambda state: panels.of(cast(Quart, state.app)).append(panel))

from webapp.tables import columns, counts, exports, imports, profiles, rows, samples, tables, uploads  # noqa: E402, F401  (routes register themselves)
