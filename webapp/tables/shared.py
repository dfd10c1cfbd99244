"""/s/<token>: what a visitor reaches by a link. All of it is here; the views are those of members.

A view is called with the table of the link, and finds it as it finds any table: through who asks, who gets of it what
the link shows. Its templates lead to the addresses of the same visitor (`webapp/web/visits.py`); what is not in this
list has none for them.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

from quart import Blueprint, Quart, Response, request

from webapp.live import streams
from webapp.models.errors import NotFound
from webapp.models.policy import Action
from webapp.tables.link_passwords import require_password, take_password
from webapp.web.visits import by_link, current_visit, mounted

View = Callable[..., Any]  # as `Quart.view_functions` has them

NAME = "shared"
PREFIX = "/s/<token>"
STREAM = "live.stream"
STREAM_ARGUMENTS = ("cols", "after", "growing")


class Page(NamedTuple):
    path: str
    endpoint: str  # of members
    allows: str | None = None  # what the link must allow for it: an attribute of `Visit`
    method: str = "GET"

    @property
    def name(self) -> str:
        return self.endpoint.rpartition(".")[2]


PAGES = (
    Page("", "tables.show"),
    Page("/count", "tables.counts_show"),
    Page("/rows", "tables.rows_index"),
    Page("/rows/<id:row_id>", "tables.rows_show"),
    Page("/rows/<id:row_id>/cells/<id:number>", "tables.cells_show"),
    Page("/colours", "tables.colours_show"),
    Page("/position", "tables.positions_show"),
    Page("/columns", "tables.columns_index"),
    Page("/columns/<id:number>", "tables.columns_show"),
    Page("/columns/<id:number>/filter", "tables.filters_create", "may_search"),
    Page("/columns/<id:number>/profile", "tables.profiles_show", "may_search"),
    Page("/groups", "tables.groups_edit", "may_search"),
    Page("/groups/rows", "tables.groups_rows", "may_search"),
    Page("/summary", "tables.summaries_show", "may_search"),
    Page("/chart", "tables.charts_show", "may_search"),
    Page("/chart/export", "tables.charts_export", "may_export"),
    Page("/export", "tables.exports_show", "may_export"),
    Page("/live", STREAM),
    Page("/cells", "tables.cells_update", "may_edit", "POST"),
    Page("/cells/<id:row_id>/<id:number>/edit", "tables.cells_edit", "may_edit"),
    Page("/paste", "tables.pastes_create", "may_edit", "POST"),
    Page("/rows", "tables.rows_create", "may_edit", "POST"),
    Page("/rows/new", "tables.rows_new", "may_edit"),
    Page("/rows/duplicate", "tables.rows_duplicate", "may_edit", "POST"),
    Page("/rows/deletion", "tables.rows_destroy", "may_edit", "POST"),
    Page("/rows/<id:row_id>", "tables.rows_update", "may_edit", "POST"),
    Page("/rows/<id:row_id>/edit", "tables.rows_edit", "may_edit"),
)


PASSWORD = Page("/password", "shared.password", method="POST")


def register(app: Quart) -> None:
    """After the views of tables: the same ones, for visitors."""
    bp = Blueprint(NAME, __name__, url_prefix=PREFIX)
    bp.before_request(require_password)
    bp.add_url_rule("/password", "password", _serve(PASSWORD, take_password), methods=[PASSWORD.method])
    for page in PAGES:
        view = _live if page.endpoint == STREAM else app.view_functions[page.endpoint]
        bp.add_url_rule(page.path, page.name, _serve(page, view), methods=[page.method])
    app.register_blueprint(bp)
    mounted.of(app).update({page.endpoint: f"{NAME}.{page.name}" for page in PAGES})


def _serve(page: Page, view: View) -> View:
    @wraps(view)
    async def serve(token: str, **values: Any) -> Any:
        visit = current_visit()
        if visit is None or not (page.allows is None or getattr(visit, page.allows)):
            raise NotFound
        return await view(visit.table_id, **values)

    serve.action = getattr(view, "action", Action.READ_TABLE)  # type: ignore[attr-defined]
    return by_link(serve)


async def _live(table_id: int) -> Response:
    """The stream of the table's page."""
    args = {name: request.args[name] for name in STREAM_ARGUMENTS if name in request.args}
    return await streams.push({"table": str(table_id), **args})
