"""Tables: importing, viewing and exporting them."""

from typing import cast

from quart import Blueprint, Quart

from webapp.tables.belongings import Tables
from webapp.tables.dashboard import panel
from webapp.web.belongings import belongings
from webapp.web.panels import panels

bp = Blueprint("tables", __name__, url_prefix="/tables")
bp.record(lambda state: panels.of(cast(Quart, state.app)).append(panel))
bp.record(lambda state: belongings.of(cast(Quart, state.app)).append(Tables()))

from webapp.tables import columns, counts, exports, imports, profiles, rows, samples, tables, uploads  # noqa: E402, F401  (routes register themselves)
