"""Rows of a table: further pages of the grid, each row's own page, and a single cell in whole."""

from quart import Response, request
from quart.typing import ResponseReturnValue

from webapp.extensions import config, db, row_store
from webapp.models.errors import NotFound
from webapp.models.policy import Action, is_allowed
from webapp.models.tables.access import TableAccess, find_table
from webapp.rowstore.query import TableQuery
from webapp.rowstore.reader import RowReader
from webapp.rowstore.values import Page, PageStart, RowView
from webapp.tables import bp
from webapp.tables.address import parse_query
from webapp.tables.colour_presenter import ColouredRows, read_coloured_rows
from webapp.tables.grid_presenter import present_row, present_rows
from webapp.tables.page_size import read_page
from webapp.tables.table_urls import TableUrls
from webapp.web.fragments import render
from webapp.web.row_reads import read_table
from webapp.web.session import current_user
from webapp.web.streaming import streamed


@bp.get("/<id:table_id>/rows")
async def rows_index(table_id: int) -> ResponseReturnValue:
    """The next rows, to append to a grid; never a page of its own."""
    start = PageStart(request.args.get("after"), request.args.get("before"))

    def read(access: TableAccess, rows: RowReader) -> tuple[TableQuery, Page, ColouredRows | None]:
        query = parse_query(access.table)
        page = read_page(rows, access.table.ref, query, start)
        return query, page, read_coloured_rows(rows, access.table, query, page)

    query, page, colours = await read_table(table_id, read, config().query_timeout)
    came_from = "after" if start.after else "before" if start.before else None
    rows = present_rows(TableUrls(table_id, query), page, came_from, colours)
    span, is_filtered = len(page.fields) + 1, bool(query.search or query.filters)
    return await render("tables/rows/_rows.html", page=rows, span=span, is_filtered=is_filtered)


@bp.get("/<id:table_id>/rows/<id:row_id>")
async def rows_show(table_id: int, row_id: int) -> ResponseReturnValue:
    def read(access: TableAccess, rows: RowReader) -> tuple[TableAccess, TableQuery, RowView | None]:
        query = parse_query(access.table)
        return access, query, rows.row(access.table.ref, query, row_id)

    access, query, row = await read_table(table_id, read, config().query_timeout)
    if row is None:
        raise NotFound("row")
    table = access.table
    urls = TableUrls(table.id, query)
    return await render(
        "tables/rows/show.html",
        "tables/rows/_panel.html",
        table=table,
        row_id=row.id,
        cells=present_row(urls, row),
        table_url=urls.table(at=row.id) if query == TableQuery.of(table.ref.fields) else urls.table(),
        previous_url=urls.row(str(row.previous)) if row.previous else None,
        next_url=urls.row(str(row.next)) if row.next else None,
        unknown=" and ".join(row.unknown),
        look_url=urls.table(at=row.id),
        may_edit=table.state == "ready" and is_allowed(current_user(), Action.EDIT_ROWS, access),
    )


@bp.get("/<id:table_id>/rows/<id:row_id>/cells/<id:number>")
async def cells_show(table_id: int, row_id: int, number: int) -> Response:
    """One cell in whole, for those that are too long for a page: a download of plain text, never shown as a page."""
    table = await find_table(db(), current_user(), table_id)
    field = next((field for field in table.ref.fields if field.number == number), None)
    store, ref = row_store(), table.ref  # the stream outlives the app context
    if field is None or not await store.read(lambda rows: rows.has_row(ref, row_id), config().query_timeout):
        raise NotFound("cell")
    filename = f"{table.title}, row {row_id}, {field.title}.txt"
    return streamed(lambda: store.stream(lambda rows: rows.cell(ref, row_id, field)), "text/plain", filename)
