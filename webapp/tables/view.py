"""A table as its URL describes it, prepared for the templates, which build no URLs and decide nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from markupsafe import Markup
from quart import url_for

from webapp.models import Column, Table
from webapp.rowstore.query import TableQuery, order
from webapp.rowstore.sqlite.pages import Page
from webapp.rowstore.sqlite.schema import Field
from webapp.tables import grid


@dataclass(frozen=True, slots=True)
class Head:
    """The header of a visible column."""

    number: int
    title: str
    type: str
    width: int
    direction: str | None
    place: int | None
    sort_url: str
    add_url: str
    panel_url: str


@dataclass(frozen=True, slots=True)
class Way:
    """What lies beyond one end of a page of rows."""

    rows_url: str
    page_url: str
    more: bool
    left_at: int | None  # the last row examined, if time ran out before the page was full


@dataclass(frozen=True, slots=True)
class RowsView:
    rows: Markup
    count: int
    before: Way
    after: Way


@dataclass(frozen=True, slots=True)
class ChipView:
    text: str
    url: str
    panel_url: str


@dataclass(frozen=True, slots=True)
class ExportView:
    title: str
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class TableView:
    """See templates/tables/show.html."""

    url: str
    stylesheet: str
    heads: list[Head]
    digits: int
    page: RowsView
    search: str
    hidden: list[tuple[str, str]]
    chips: list[ChipView]
    sort_text: str | None
    unsorted_url: str
    clear_url: str
    columns_url: str
    hidden_count: int
    exports: list[ExportView]
    original_url: str
    building: bool


class Addresses:
    """Every URL concerning one table and one query."""

    def __init__(self, table_id: int, query: TableQuery) -> None:
        self.table_id = table_id
        self.query = query
        self._paths: dict[str, str] = {}  # a page uses a few of them repeatedly, some several times per column

    def to(self, endpoint: str, query: TableQuery | None = None, /, **more: object) -> str:
        """The URL of `endpoint` for this table; other arguments follow those of the query."""
        path: dict[str, Any] = {name: more.pop(name) for name in ("number", "row_id") if name in more}
        query = self.query if query is None else query
        return self._path(endpoint, path) + query.query_string(**more)

    def _path(self, endpoint: str, more: dict[str, Any]) -> str:
        if more:
            return url_for(endpoint, table_id=self.table_id, **more)
        if endpoint not in self._paths:
            self._paths[endpoint] = url_for(endpoint, table_id=self.table_id)
        return self._paths[endpoint]

    def table(self, query: TableQuery | None = None, /, **more: object) -> str:
        return self.to("tables.show", query, **more)

    def column(self, number: int) -> str:
        return self._column.replace("/columns/0", f"/columns/{number}", 1)

    @cached_property
    def _column(self) -> str:
        return self.to("tables.columns_show", number=0)

    def row(self, row_id: str) -> str:
        """Built by hand: the converter accepts only numbers, and the grid asks for a placeholder."""
        return self.to("tables.rows_show", row_id=0).replace("/rows/0", f"/rows/{row_id}", 1)


def rows_view(addresses: Addresses, page: Page, *, is_first_answer: bool, came_from: str | None = None) -> RowsView:
    """`came_from`: "after" or "before", if the page already has the rows on that side."""

    def way(side: str, cursor: str | None) -> Way:
        more = cursor is not None and (is_first_answer or side == came_from)
        where = {side: cursor}
        left_at = page.left_at[1] if page.left_at and page.left_at[0] == side else None
        return Way(addresses.to("tables.rows_index", **where), addresses.table(**where), more, left_at)

    return RowsView(
        rows=grid.render_rows(page.rows, addresses.query.visible, addresses.row),
        count=len(page.rows),
        before=way("before", page.before),
        after=way("after", page.after),
    )


def table_view(table: Table, query: TableQuery, page: Page) -> TableView:
    addresses = Addresses(table.id, query)
    widths = {column.number: grid.width_of(column.title, _characters(column)) for column in table.columns}
    digits = len(str(max(table.row_count, 1)))
    return TableView(
        url=addresses.table(),
        stylesheet=url_for("tables.stylesheets_show", edition=grid.EDITION, kinds=grid.kinds_of(query.visible)),
        heads=[_head(addresses, field, widths[field.number]) for field in query.visible],
        digits=digits,
        page=rows_view(addresses, page, is_first_answer=True),
        search=query.search,
        hidden=[(name, value) for name, value in query.args() if name != "q"],
        chips=_chips(addresses),
        sort_text=order(query) or None,
        unsorted_url=addresses.table(query.sorted_by()),
        clear_url=addresses.table(query.without_filters()),
        columns_url=addresses.to("tables.columns_index"),
        hidden_count=len(query.fields) - len(query.visible),
        exports=_exports(addresses),
        original_url=url_for("tables.originals_show", table_id=table.id),
        building=table.state != "ready",
    )


def _characters(column: Column) -> int:
    """Of the widest value, as recorded by the import."""
    return int(column.facts.get("width") or 0)


def _head(addresses: Addresses, field: Field, width: int) -> Head:
    query = addresses.query
    place, descending = query.order_of(field.number) or (None, False)
    direction = None if place is None else "descending" if descending else "ascending"
    sort_url = addresses.table(query.toggle_sort(field.number))
    return Head(
        number=field.number,
        title=field.title,
        type=field.type,
        width=width,
        direction=direction,
        place=place,
        sort_url=sort_url,
        add_url=addresses.table(query.toggle_sort(field.number, add=True)) if query.sorts else sort_url,
        panel_url=addresses.column(field.number),
    )


def _chips(addresses: Addresses) -> list[ChipView]:
    query = addresses.query
    return [
        ChipView(
            condition.words,
            addresses.table(query.without_filter(index)),
            addresses.column(condition.field.number),
        )
        for index, condition in enumerate(query.filters)
    ]


_EXPORTS: Sequence[tuple[str, str, dict[str, str]]] = (
    ("CSV", "Cells exactly as they came in", {"format": "csv"}),
    ("CSV for spreadsheets", "Text that begins like a formula is made harmless", {"format": "csv", "safe": "1"}),
    ("NDJSON", "One JSON object a row, numbers as numbers", {"format": "ndjson"}),
)


def _exports(addresses: Addresses) -> list[ExportView]:
    to: Callable[..., str] = addresses.to
    return [ExportView(title, text, to("tables.exports_show", **more)) for title, text, more in _EXPORTS]
