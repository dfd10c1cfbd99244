"""The summary of what a table shows: for each column how many cells are filled, sum, average, lowest and highest."""

from dataclasses import dataclass

from quart.typing import ResponseReturnValue

from webapp.extensions import db
from webapp.models import Table
from webapp.models.tables.access import find_table
from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.reader import MAX_FIGURES
from webapp.rowstore.table_ref import Field
from webapp.rowstore.values import Figures
from webapp.tables import bp
from webapp.tables.address import parse_query
from webapp.tables.columns import format_figure
from webapp.tables.table_urls import TableUrls
from webapp.web.fragments import render
from webapp.web.row_reads import read_rows
from webapp.web.session import current_user

SUMMARY_SECONDS = 3.0  # for one scan of all rows of the view


@dataclass(frozen=True, slots=True)
class ColumnSummary:
    """`sum` and `average` are as the reader writes numbers, or as the column does; None where the type has none."""

    title: str
    type: str
    url: str  # its panel
    figures: Figures
    sum: str | None
    average: str | None


@bp.get("/<id:table_id>/summary")
async def summaries_show(table_id: int) -> ResponseReturnValue:
    """The panel asks for it again when the table shows something else."""
    table = await find_table(db(), current_user(), table_id)
    urls = TableUrls(table.id, parse_query(table))
    columns, note = await _summarise(table, urls)
    return await render(
        "tables/summary/show.html",
        "tables/summary/_panel.html",
        table=table,
        table_url=urls.table(),
        columns=columns,
        note=note,
        group_url=urls.to("tables.groups_edit"),
        left_out=len(urls.query.visible) - len(columns) if columns else 0,
    )


async def _summarise(table: Table, urls: TableUrls) -> tuple[list[ColumnSummary], str]:
    """Of the first visible columns; and in words why there is none."""
    fields = urls.query.visible[:MAX_FIGURES]
    if not fields:
        return [], "This table has no columns."
    numbers = [field.number for field in fields]
    try:
        found = await read_rows(lambda rows: rows.figures(table.ref, urls.query, numbers), SUMMARY_SECONDS)
    except QueryTimeout as problem:
        return [], str(problem)
    return [_present(urls, *pair) for pair in zip(fields, found, strict=True)], ""


def _present(urls: TableUrls, field: Field, figures: Figures) -> ColumnSummary:
    total, average = (format_figure(field, text) or None for text in (figures.sum, figures.average))
    return ColumnSummary(field.title, field.type, urls.column(field.number), figures, total, average)
