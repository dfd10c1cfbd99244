"""The colours of the grid's rows for its templates and scripts, on a page, on the further rows of it, and by row."""

from dataclasses import dataclass
from typing import Any

from quart import request

from webapp.models import Table
from webapp.rowstore.query import TableQuery
from webapp.rowstore.reader import RowReader
from webapp.rowstore.values import Page
from webapp.tables.colouring import SCALE, Colouring, Legend, colouring_of, read_colouring, shorten
from webapp.tables.grid_view import ColourView
from webapp.tables.table_urls import TableUrls


@dataclass(frozen=True, slots=True)
class ColouredRows:
    """`tints` are classes and titles by row: its number says the value where the column is not shown. `scale` is what
    addresses of further rows have.
    """

    tints: dict[int, tuple[str, str]]
    scale: str
    has_titles: bool
    legend: Legend


def read_coloured_page(rows: RowReader, table: Table, query: TableQuery, page: Page) -> ColouredRows | None:
    """Of a new page, with its legend; None without colours."""
    if query.colour is None:
        return None
    return _coloured(rows, table, page, *read_colouring(rows, table, query.colour))


def read_coloured_rows(rows: RowReader, table: Table, query: TableQuery, page: Page) -> ColouredRows | None:
    """Of the further rows of a page. Raises `QueryError` for a scale that cannot be."""
    if query.colour is None:
        return None
    return _coloured(rows, table, page, colouring_of(query.colour, asked_scale()), Legend())


def asked_scale() -> str:
    """That of the page, as its addresses have it."""
    return request.args.get(SCALE, "")


def _coloured(rows: RowReader, table: Table, page: Page, colouring: Colouring, legend: Legend) -> ColouredRows:
    found = colouring.tints(rows, table.ref, [row_id for row_id, _ in page.rows])
    is_shown = colouring.field in page.fields
    tints = {row_id: (tint.css, "" if is_shown else tint.text) for row_id, tint in found.items()}
    return ColouredRows(tints, colouring.scale.argument, not is_shown, legend)


def present_colour(urls: TableUrls, colours: ColouredRows | None) -> ColourView | None:
    """Rows in groups have no colours; then the page says only by which column they would have."""
    query = urls.query
    if query.colour is None:
        return None
    text, column_url = f"coloured by {shorten(query.colour.title)}", urls.column(query.colour.number)
    plain_url = urls.table(query.coloured_by(None))
    if colours is None:
        return ColourView(query.colour.number, text, column_url, plain_url)
    more: dict[str, Any] = {SCALE: colours.scale or None, "named": 1 if colours.has_titles else None}
    update_url = urls.to("tables.colours_show", None, **more)
    return ColourView(
        query.colour.number, text, column_url, plain_url, colours.legend.lines, colours.legend.note, update_url
    )
