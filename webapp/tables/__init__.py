"""Tables: importing, viewing and exporting them."""

from typing import cast

from quart import Blueprint, Quart

from webapp.live import streams
from webapp.tables.dashboard import panel
from webapp.tables.import_updates import watch_import
from webapp.tables.user_data import TablesData
from webapp.web.dashboard_panels import panels
from webapp.web.user_data import user_data

bp = Blueprint("tables", __name__, url_prefix="/tables")
bp.record(lambda state: panels.of(cast(Quart, state.app)).append(panel))
bp.record(lambda state: user_data.of(cast(Quart, state.app)).append(TablesData()))
streams.FACTORIES["import"] = watch_import

from webapp.tables import columns, exports, imports, rows, tables, uploads  # noqa: E402, F401  (routes register themselves)
