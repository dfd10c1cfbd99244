"""Rows of a table: further pages of the grid, and each row's own page."""

from quart import request
from quart.typing import ResponseReturnValue

from webapp.extensions import config, db, row_store
from webapp.models.errors import NotFound
from webapp.models.tables.table import find_table
from webapp.rowstore.query import TableQuery
from webapp.rowstore.store import PageStart
from webapp.tables import bp
from webapp.tables.grid import address_of
from webapp.tables.grid_presenter import TableUrls, present_rows
from webapp.web.fragments import render
from webapp.web.session import current_user


@bp.get("/<id:table_id>/rows")
async def rows_index(table_id: int) -> ResponseReturnValue:
    """The next rows, to append to a grid; never a page of its own."""
    table = await find_table(db(), current_user(), table_id)
    query = TableQuery.from_args(request.args, table.ref.fields)
    start = PageStart(request.args.get("after"), request.args.get("before"))
    page = await row_store().read(lambda rows: rows.page(table.ref, query, start), config().query_timeout)
    came_from = "after" if start.after else "before" if start.before else None
    rows = present_rows(TableUrls(table.id, query), page, came_from)
    return await render("tables/rows/_rows.html", page=rows, span=len(query.visible) + 1)


@bp.get("/<id:table_id>/rows/<id:row_id>")
async def rows_show(table_id: int, row_id: int) -> ResponseReturnValue:
    table = await find_table(db(), current_user(), table_id)
    query = TableQuery.from_args(request.args, table.ref.fields)
    row = await row_store().read(lambda rows: rows.row(table.ref, query, row_id), config().query_timeout)
    if row is None:
        raise NotFound("row")
    cells = [
        (field, text, address_of(text) if field.type == "text" else None)
        for field, text in zip(query.fields, row.cells, strict=True)
    ]
    urls = TableUrls(table.id, query)
    return await render(
        "tables/rows/show.html",
        "tables/rows/_panel.html",
        table=table,
        row_id=row.id,
        cells=cells,
        table_url=urls.table(at=row.id) if query == TableQuery.of(table.ref.fields) else urls.table(),
        previous_url=urls.row(str(row.previous)) if row.previous else None,
        next_url=urls.row(str(row.next)) if row.next else None,
    )
