"""Charts of what a table shows, and their figures as CSV. The address is all that a chart is."""

import csv
import io
from typing import Any

from quart import Response, request
from quart.typing import ResponseReturnValue

from webapp.extensions import db
from webapp.models import Table
from webapp.models.tables.access import find_table
from webapp.rowstore.aggregates import Aggregate, Points
from webapp.rowstore.errors import QueryError, QueryTimeout
from webapp.rowstore.query import TableQuery
from webapp.rowstore.reader import AGGREGATE_SECONDS, RowReader
from webapp.rowstore.table_ref import Field
from webapp.tables import bp
from webapp.tables.address import parse_query
from webapp.tables.chart_presenter import ChartView, present_chart
from webapp.tables.charting.chart import KINDS, MAX_POINTS, MEASURES, UNITS, Chart, parse_chart
from webapp.tables.table_urls import TableUrls
from webapp.tables.visiting import may_export
from webapp.web.export_names import name_export
from webapp.web.exporting import BOM
from webapp.web.fragments import render_large
from webapp.web.row_reads import read_rows
from webapp.web.session import current_user
from webapp.web.streaming import attachment

CHART_SECONDS = 2 * AGGREGATE_SECONDS + 1  # all rows, and then a sample
MAX_COLUMNS = 500  # to choose from
PARAMETERS = ("kind", "x", "y", "measure", "by")


@bp.get("/<id:table_id>/chart")
async def charts_show(table_id: int) -> ResponseReturnValue:
    """What cannot be drawn says why, with the form that asked for it."""
    table = await find_table(db(), current_user(), table_id)
    query = parse_query(table)
    urls = TableUrls(table.id, query)
    chart, problem = _parse(query)
    view = None
    if chart:
        try:
            view = await _read_chart(table, urls, chart)
        except QueryTimeout as late:
            problem = QueryError(str(late))
    return await render_large(
        "tables/charts/show.html",
        status=422 if chart is None else 200,
        table=table,
        table_url=urls.table(),
        form=_present_form(query, chart),
        chart=view,
        problem=problem,
        export_url=urls.to("tables.charts_export", None, **chart.args) if chart and may_export() else None,
    )


@bp.get("/<id:table_id>/chart/export")
async def charts_export(table_id: int) -> Response:
    """The figures beneath a chart. Raises `QueryError` and `QueryTimeout`."""
    table = await find_table(db(), current_user(), table_id)
    query = parse_query(table)
    chart = parse_chart(request.args, query)
    view = await _read_chart(table, TableUrls(table.id, query), chart)
    text = io.StringIO(newline="")
    csv.writer(text).writerows(view.records)
    response = Response(BOM + text.getvalue().encode(), mimetype="text/csv")
    response.headers["Content-Disposition"] = attachment(name_export(view.title, query, "csv"))
    return response


def _parse(query: TableQuery) -> tuple[Chart | None, QueryError | None]:
    try:
        return parse_chart(request.args, query), None
    except QueryError as problem:
        return None, problem


async def _read_chart(table: Table, urls: TableUrls, chart: Chart) -> ChartView:
    def read(rows: RowReader) -> Aggregate | Points:
        if chart.kind == "scatter" and chart.y:
            return rows.points(table.ref, urls.query, chart.x.number, chart.y.number, MAX_POINTS)
        return rows.aggregate(table.ref, urls.query, chart.axes, chart.asked)

    return present_chart(chart, await read_rows(read, CHART_SECONDS), urls)


def _present_form(query: TableQuery, chart: Chart | None) -> dict[str, Any]:
    """What is chosen, as it was asked for if it could not be drawn; and what there is to choose from."""
    chosen = {"measure": "count"} | (chart.args if chart else {name: request.args.get(name, "") for name in PARAMETERS})
    columns = _columns(query, chosen)
    return {
        "chosen": {name: chosen.get(name, "") for name in PARAMETERS},
        "hidden": query.args(),
        "kinds": list(KINDS.items()),
        "columns": [(str(field.number), field.title) for field in columns],
        "left_out": len(query.visible) - MAX_COLUMNS,
        "measures": list(MEASURES.items()),
        "units": list(UNITS.items()),
        "has_dates": any(field.type in ("date", "datetime") for field in columns),
    }


def _columns(query: TableQuery, chosen: dict[str, str]) -> list[Field]:
    """Those that are shown, and those that the chart has in any case."""
    columns = list(query.visible[:MAX_COLUMNS])
    return columns + [
        field
        for field in query.fields
        if str(field.number) in (chosen.get("x"), chosen.get("y")) and field not in columns
    ]
