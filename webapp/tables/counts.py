"""How many rows a query shows: asked for by the status line, where the page did not say it."""

from contextlib import suppress

from quart import request
from quart.typing import ResponseReturnValue

from webapp.extensions import config, db, row_store
from webapp.models.tables.table import find_table
from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.query import TableQuery
from webapp.tables import bp
from webapp.tables.grid_presenter import present_count
from webapp.web.fragments import render
from webapp.web.session import current_user


@bp.get("/<id:table_id>/count")
async def counts_show(table_id: int) -> ResponseReturnValue:
    table = await find_table(db(), current_user(), table_id)
    query = TableQuery.from_args(request.args, table.ref.fields)
    count = None
    if query.is_narrowed:
        with suppress(QueryTimeout):
            count = await row_store().read(lambda rows: rows.count(table.ref, query), config().query_timeout)
    return await render("tables/_status.html", status_line=present_count(table, query, count))
