"""Tables: importing, viewing and exporting them."""

from typing import cast

from quart import Blueprint, Quart

from webapp.live import streams
from webapp.tables.dashboard import panel
from webapp.tables.import_updates import watch_import
from webapp.tables.table_updates import watch_table
from webapp.tables.user_data import TablesData
from webapp.web.dashboard_panels import panels
from webapp.web.user_data import user_data

bp = Blueprint("tables", __name__, url_prefix="/tables")
bp.record(lambda state: panels.of(cast(Quart, state.app)).append(panel))
bp.record(lambda state: user_data.of(cast(Quart, state.app)).append(TablesData()))
streams.FACTORIES["import"] = watch_import
streams.FACTORIES["table"] = watch_table

from webapp.tables import (  # noqa: E402, F401  (routes register themselves)
    cells,
    column_changes,
    column_types,
    columns,
    deletions,
    exports,
    history,
    imports,
    members,
    places,
    positions,
    row_changes,
    row_pages,
    rows,
    table_access,
    table_invitations,
    tables,
    trash,
    uploads,
)
