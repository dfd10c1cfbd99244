"""Tables: importing, viewing and exporting them."""

from typing import cast

from quart import Blueprint, Quart

from webapp.extensions import jobs
from webapp.live import streams
from webapp.tables import shared
from webapp.tables.dashboard import panel
from webapp.tables.import_stream import watch_import
from webapp.tables.large_change_stream import watch_change
from webapp.tables.table_stream import watch_table
from webapp.tables.user_data import own_data
from webapp.web.dashboard_panels import panels
from webapp.web.running_work import running_work
from webapp.web.user_data import user_data


def announce_running(app: Quart) -> None:
    """The header of every page says how much runs for its reader."""
    work, context = running_work.of(app), jobs.of(app)
    work.endpoint, work.count = "tables.running_index", lambda actor: context.count_of(actor.id)


bp = Blueprint("tables", __name__, url_prefix="/tables")
bp.record(lambda state: panels.of(cast(Quart, state.app)).append(panel))
bp.record(lambda state: user_data.of(cast(Quart, state.app)).extend(own_data()))
bp.record(lambda state: announce_running(cast(Quart, state.app)))
streams.FACTORIES["import"] = watch_import
streams.FACTORIES["table"] = watch_table
streams.FACTORIES["change"] = watch_change

from webapp.tables import (  # noqa: E402, F401  (routes register themselves)
    bulk,
    cells,
    charts,
    colours,
    column_changes,
    column_types,
    columns,
    deletions,
    exports,
    groups,
    history,
    imports,
    large_changes,
    links,
    members,
    places,
    positions,
    row_changes,
    row_pages,
    rows,
    running,
    saved_views,
    summaries,
    table_access,
    table_invitations,
    tables,
    trash,
    update_changes,
    updates,
    uploads,
    webhooks,
)

bp.record(lambda state: shared.register(cast(Quart, state.app)))
