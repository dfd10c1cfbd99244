"""How many columns and rows a page has room for, beside what its cells need (webapp/rowstore/page_budget.py).

The header of a column has links that repeat the address of the view, and so has every row.
"""

from html import escape

from webapp.rowstore.query import TableQuery
from webapp.rowstore.reader import PAGE_SIZE, RowReader
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import Page, PageStart

HEADS_BYTES = 300_000  # of the headers of columns
ROW_LINKS_BYTES = 200_000
_HEAD = 900  # bytes of a header without its titles and addresses
_HEAD_ADDRESSES, _HEAD_TITLES = 4, 4  # with the menu of filters
_ROW_LINK = 180  # bytes of the link and the box of a row without the address of the view


def columns_that_fit(query: TableQuery) -> tuple[Field, ...]:
    """The first visible columns, at least one: as many as the headers have room for."""
    address, room = len(escape(query.query_string())), HEADS_BYTES
    for place, field in enumerate(query.visible):
        room -= _HEAD + _HEAD_ADDRESSES * address + _HEAD_TITLES * len(escape(field.title).encode())
        if room < 0:
            return query.visible[: max(place, 1)]
    return query.visible


def rows_that_fit(query: TableQuery) -> int:
    """How many rows a page has at most."""
    return min(PAGE_SIZE, ROW_LINKS_BYTES // (_ROW_LINK + len(escape(query.query_string()))))


def read_page(rows: RowReader, table: TableRef, query: TableQuery, start: PageStart) -> Page:
    """What the grid shows: the columns and rows that fit."""
    return rows.page(table, query.with_visible(columns_that_fit(query)), start, rows_that_fit(query))
