"""A table as its URL describes it, prepared for the templates, which build no URLs and decide nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from markupsafe import Markup
from quart import url_for

from webapp.models import Column, Table
from webapp.rowstore.query import TableQuery, described, order, sentence
from webapp.rowstore.store import Count, Page
from webapp.rowstore.table_ref import Field
from webapp.tables import grid
from webapp.web.formatting import format_number

COUNT_SOON, COUNT_WHILE_IMPORTING = "50ms", "1s"  # when the browser asks for the count


@dataclass(frozen=True, slots=True)
class ColumnHeader:
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
class PageEnd:
    """What lies beyond one end of a page of rows."""

    rows_url: str
    page_url: str
    more: bool
    left_at: int | None  # the last row examined, if time ran out before the page was full


@dataclass(frozen=True, slots=True)
class RowsPage:
    rows: Markup
    count: int
    before: PageEnd
    after: PageEnd


@dataclass(frozen=True, slots=True)
class FilterChip:
    text: str
    url: str
    panel_url: str


@dataclass(frozen=True, slots=True)
class ExportChoice:
    title: str
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class TableView:
    """See templates/tables/show.html."""

    url: str
    stylesheet: str
    heads: list[ColumnHeader]
    digits: int
    page: RowsPage
    search: str
    hidden: list[tuple[str, str]]
    chips: list[FilterChip]
    sort_text: str | None
    unsorted_url: str
    clear_url: str
    columns_url: str
    hidden_count: int
    exports: list[ExportChoice]
    original_url: str
    is_importing: bool


@dataclass(frozen=True, slots=True)
class StatusLine:
    """The sentence about the rows shown. With `count_url` it reloads itself after `delay`."""

    sentence: str
    count_url: str | None = None
    delay: str = COUNT_SOON


class TableUrls:
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


def present_rows(urls: TableUrls, page: Page, *, is_first_answer: bool, came_from: str | None = None) -> RowsPage:
    """`came_from`: "after" or "before", if the page already has the rows on that side."""

    def end(side: str, cursor: str | None) -> PageEnd:
        more = cursor is not None and (is_first_answer or side == came_from)
        where = {side: cursor}
        left_at = page.left_at[1] if page.left_at and page.left_at[0] == side else None
        return PageEnd(urls.to("tables.rows_index", **where), urls.table(**where), more, left_at)

    return RowsPage(
        rows=grid.render_rows(page.rows, urls.query.visible, urls.row),
        count=len(page.rows),
        before=end("before", page.before),
        after=end("after", page.after),
    )


def present_table(table: Table, query: TableQuery, page: Page) -> TableView:
    urls = TableUrls(table.id, query)
    widths = {column.number: grid.width_of(column.title, _characters(column)) for column in table.columns}
    digits = len(str(max(table.row_count, 1)))
    return TableView(
        url=urls.table(),
        stylesheet=url_for("tables.stylesheets_show", edition=grid.EDITION, kinds=grid.kinds_of(query.visible)),
        heads=[_head(urls, field, widths[field.number]) for field in query.visible],
        digits=digits,
        page=present_rows(urls, page, is_first_answer=True),
        search=query.search,
        hidden=[(name, value) for name, value in query.args() if name != "q"],
        chips=_chips(urls),
        sort_text=order(query) or None,
        unsorted_url=urls.table(query.sorted_by()),
        clear_url=urls.table(query.without_filters()),
        columns_url=urls.to("tables.columns_index"),
        hidden_count=len(query.fields) - len(query.visible),
        exports=_exports(urls),
        original_url=url_for("tables.originals_show", table_id=table.id),
        is_importing=table.state != "ready",
    )


def _characters(column: Column) -> int:
    """Of the widest value, as recorded by the import."""
    return int(column.facts.get("width") or 0)


def _head(urls: TableUrls, field: Field, width: int) -> ColumnHeader:
    query = urls.query
    place, descending = query.order_of(field.number) or (None, False)
    direction = None if place is None else "descending" if descending else "ascending"
    sort_url = urls.table(query.toggle_sort(field.number))
    return ColumnHeader(
        number=field.number,
        title=field.title,
        type=field.type,
        width=width,
        direction=direction,
        place=place,
        sort_url=sort_url,
        add_url=urls.table(query.toggle_sort(field.number, add=True)) if query.sorts else sort_url,
        panel_url=urls.column(field.number),
    )


def _chips(urls: TableUrls) -> list[FilterChip]:
    query = urls.query
    return [
        FilterChip(
            condition.words,
            urls.table(query.without_filter(index)),
            urls.column(condition.field.number),
        )
        for index, condition in enumerate(query.filters)
    ]


_EXPORTS: Sequence[tuple[str, str, dict[str, str]]] = (
    ("CSV", "Cells exactly as they came in", {"format": "csv"}),
    ("CSV for spreadsheets", "Text that begins like a formula is made harmless", {"format": "csv", "safe": "1"}),
    ("NDJSON", "One JSON object a row, numbers as numbers", {"format": "ndjson"}),
)


def _exports(urls: TableUrls) -> list[ExportChoice]:
    to: Callable[..., str] = urls.to
    return [ExportChoice(title, text, to("tables.exports_show", **more)) for title, text, more in _EXPORTS]


# -- the status line ---------------------------------------------------------------------------------------------------


def needs_count(table: Table, query: TableQuery, page: Page) -> bool:
    """Whether the page itself does not tell how many rows the query shows."""
    is_all = page.before is None and page.after is None and table.state == "ready"
    return query.is_narrowed and page.left_at is None and not is_all


def present_status(table: Table, query: TableQuery, page: Page, count: Count | None) -> StatusLine:
    """`count` is None if it is not needed or took too long: then the browser asks for it."""
    if not query.is_narrowed or count is not None:
        return present_count(table, query, count)
    url = _count_url(table, query)
    if page.left_at:
        return StatusLine(_so_far(table, query, page, page.left_at[1]), url)
    if needs_count(table, query, page):
        return StatusLine(_sentence(table, query) + ", being counted", url)
    return StatusLine(_sentence(table, query, len(page.rows)))


def present_count(table: Table, query: TableQuery, count: Count | None) -> StatusLine:
    """`count` is None where counting takes too long altogether."""
    if count is not None:
        text = _sentence(table, query, count.number, more=count.more)
    elif query.is_narrowed:
        return StatusLine(f"{_some(table, query)}; counting them took too long")
    else:
        text = _sentence(table, query)
    if table.state == "ready":
        return StatusLine(text)
    return StatusLine(f"{text} so far; more are coming in", _count_url(table, query), COUNT_WHILE_IMPORTING)


def _sentence(table: Table, query: TableQuery, shown: int | None = None, *, more: bool = False) -> str:
    return sentence(query, table.row_count, shown, more=more, number=format_number)


def _so_far(table: Table, query: TableQuery, page: Page, row_id: int) -> str:
    """For a page that ran out of time; the number so far is known only on the first page."""
    text = f"So far {_sentence(table, query, len(page.rows))}" if page.before is None else _some(table, query)
    return f"{text}; looked as far as row {format_number(row_id)}"


def _some(table: Table, query: TableQuery) -> str:
    return f"Some of {format_number(table.row_count)} rows{described(query)}"


def _count_url(table: Table, query: TableQuery) -> str:
    return TableUrls(table.id, query).to("tables.counts_show")
