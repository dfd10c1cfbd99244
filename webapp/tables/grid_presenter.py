"""A table as its URL describes it, prepared for the templates, which build no URLs and decide nothing."""

from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any

from quart import request, url_for

from webapp.models import Table
from webapp.rowstore.page_budget import MAX_CELL, row_cell_limit
from webapp.rowstore.query import TableQuery, describe_order, describe_query, describe_rows
from webapp.rowstore.table_ref import Field
from webapp.rowstore.values import Count, Page, RowView
from webapp.tables import grid
from webapp.web.formatting import format_number

COUNT_SOON, COUNT_WHILE_IMPORTING = "50ms", "1s"  # when the browser asks for the count
# Title, explanation, arguments of the URL.
EXPORTS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("CSV", "Cells exactly as they came in", {"format": "csv"}),
    (
        "CSV for Excel",
        "Opens with a double click; text like a formula is harmless",
        {"format": "csv", "safe": "1", "excel": "1"},
    ),
    ("Excel", "A workbook: numbers and dates as such, formulas as text", {"format": "xlsx"}),
    ("NDJSON", "One JSON object a row, numbers as numbers", {"format": "ndjson"}),
)


@dataclass(frozen=True, slots=True)
class StatusLine:
    """The sentence about the rows shown. With `count_url` it reloads itself after `delay`."""

    sentence: str
    count_url: str | None = None
    delay: str = COUNT_SOON


@dataclass(frozen=True, slots=True)
class ColumnHeader:
    """A visible column (see tables/show.html): of up to 2,000, whose attributes Jinja finds faster than items."""

    number: int
    title: str
    type: str
    mark: str | None
    width: int
    direction: str | None
    place: int | None
    sort_url: str
    add_url: str
    panel_url: str


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

    def cell(self, row_id: int, number: int) -> str:
        """A cell in whole, which no view changes."""
        return url_for("tables.cells_show", table_id=self.table_id, row_id=row_id, number=number)

    def cell_history(self, row_id: int, number: int) -> str:
        return url_for("tables.rows_history", table_id=self.table_id, row_id=row_id, column=number)

    def row(self, row_id: str) -> str:
        """Built by hand: the converter accepts only numbers, and the grid asks for a placeholder."""
        return self.to("tables.rows_show", row_id=0).replace("/rows/0", f"/rows/{row_id}", 1)


def present_rows(urls: TableUrls, page: Page, came_from: str | None = None) -> dict[str, Any]:
    """The `page` of tables/rows/_rows.html. `came_from` ("after" or "before") is set if these rows continue a page on
    that side: the rows on its other side are already there.
    """

    def end(side: str, cursor: str | None) -> dict[str, Any]:
        return {
            "rows_url": urls.to("tables.rows_index", **{side: cursor}),
            "page_url": urls.table(**{side: cursor}),
            "more": cursor is not None and came_from in (None, side),
            "stopped_at": page.stopped_at[1] if page.stopped_at and page.stopped_at[0] == side else None,
        }

    return {
        "rows": grid.render_rows(page.rows, page.fields, urls.row, page.cell_limit),
        "count": len(page.rows),
        "before": end("before", page.before),
        "after": end("after", page.after),
    }


@dataclass(frozen=True, slots=True)
class RowCell:
    """A cell on its row's page. `url` is the link that the cell is; `whole_url` leads to all of its `size` bytes if the
    text was cut.
    """

    title: str
    type: str
    text: str
    url: str | None
    size: int | None
    whole_url: str | None
    history_url: str


def present_row(urls: TableUrls, row: RowView) -> list[RowCell]:
    """The `cells` of tables/rows/_fields.html."""
    longest = row_cell_limit(len(row.cells))

    def present(field: Field, text: str) -> RowCell:
        size = row.sizes.get(field.number)
        is_link = field.type == "text" and size is None and len(text) <= MAX_CELL
        return RowCell(
            title=field.title if len(field.title) <= longest else field.title[:longest] + "…",
            type=field.type,
            text=text,
            url=grid.address_of(text) if is_link else None,
            size=size,
            whole_url=None if size is None else urls.cell(row.id, field.number),
            history_url=urls.cell_history(row.id, field.number),
        )

    return [present(field, text) for field, text in zip(urls.query.fields, row.cells, strict=True)]


def present_table(table: Table, query: TableQuery, page: Page) -> dict[str, Any]:
    """The `view` of tables/show.html, which describes it."""
    urls = TableUrls(table.id, query)
    widths = {
        column.number: grid.width_of(column.title, int(column.facts.get("width") or 0)) for column in table.columns
    }
    return {
        "url": urls.table(),
        "stylesheet": url_for("tables.stylesheets_show", edition=grid.EDITION, kinds=grid.kinds_of(page.fields)),
        "heads": [_head(urls, field, widths[field.number]) for field in page.fields],
        "digits": len(str(max(table.row_count, 1))),
        "page": present_rows(urls, page),
        "search": query.search,
        "hidden": [(name, value) for name, value in query.args() if name != "q"],
        "chips": [
            {
                "text": f"or {condition.predicate}" if condition.is_alternative else condition.label,
                "url": urls.table(query.without_filter(index)),
                "panel_url": urls.to("tables.columns_show", number=condition.field.number, edit=index),
            }
            for index, condition in enumerate(query.filters)
        ],
        "sort_text": describe_order(query) or None,
        "unsorted_url": urls.table(query.sorted_by()),
        "clear_url": urls.table(query.without_filters()),
        "columns_url": urls.to("tables.columns_index"),
        "bulk_url": urls.to("tables.bulk_index", None, rows="all"),
        "hidden_count": len(query.fields) - len(query.visible),
        "visible_count": len(query.visible),
        "exports": [
            {"title": title, "text": text, "url": urls.to("tables.exports_show", None, **arguments)}
            for title, text, arguments in EXPORTS
        ],
        "original_url": url_for("tables.originals_show", table_id=table.id),
        "is_importing": table.state != "ready",
        "terms": list(query.terms),
        "place": present_place(table, query),
        "live": present_live(table, query),
    }


@dataclass(frozen=True, slots=True)
class Live:
    """How the page stays up to date: its stream, without `after`; the change set up to which its rows are, at least;
    and where it says in which cell its reader is.
    """

    url: str
    seq: int
    presence_url: str


def present_live(table: Table, query: TableQuery) -> Live:
    """Changes of columns that are not shown are told too, where they decide whether a row still fits the view."""
    deciding = [*(one.field for one in query.filters), *(one.field for one in query.sorts)]
    told = query.with_visible(tuple(dict.fromkeys([*query.visible, *deciding])))
    return Live(
        url=url_for(
            "live.stream",
            table=table.id,
            cols=told.cols or None if not query.search else None,
            growing=table.growing,
        ),
        seq=table.seq,
        presence_url=url_for("tables.presence_update", table_id=table.id),
    )


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the table the page is; `is_by_id`: a row's number tells. `total` is the number of rows, None if it is
    unknown.
    """

    way: float
    is_by_id: bool
    total: int | None
    note: str
    position_url: str
    hidden: list[tuple[str, str]]
    last_url: str
    export_url: str
    move_url: str


def present_place(table: Table, query: TableQuery) -> Place:
    """`way` and `about` in the address come from `positions_show`."""
    urls, way = TableUrls(table.id, query), request.args.get("way", 0.0, float)
    way = min(max(way, 0.0), 100.0) if isfinite(way) else 0.0
    is_last = "last" in request.args
    is_estimate = "about" in request.args
    total = None if query.is_narrowed else table.row_count if query.sorts else table.next_row_id - 1
    return Place(
        way=100.0 if is_last else way,
        is_by_id=not query.is_narrowed and not query.sorts,
        total=total,
        note=f"about {way:g} % of the way, estimated" if is_estimate else "",
        position_url=urls.to("tables.positions_show"),
        hidden=query.args(),
        last_url=urls.table(last=1),
        export_url=urls.to("tables.exports_show", None, format="csv"),
        move_url=urls.to("tables.columns_index", apply=1),
    )


def _head(urls: TableUrls, field: Field, width: int) -> ColumnHeader:
    query = urls.query
    place, descending = query.order_of(field.number) or (None, False)
    sort_url = urls.table(query.toggle_sort(field.number))
    return ColumnHeader(
        number=field.number,
        title=field.title,
        type=field.type,
        mark=str(field.format.get("mark", ".")) if field.type in ("integer", "decimal") else None,
        width=width,
        direction=None if place is None else "descending" if descending else "ascending",
        place=place,
        sort_url=sort_url,
        add_url=urls.table(query.toggle_sort(field.number, add=True)) if query.sorts else sort_url,
        panel_url=urls.column(field.number),
    )


# -- the status line ---------------------------------------------------------------------------------------------------


def needs_count(table: Table, query: TableQuery, page: Page) -> bool:
    """Whether the page itself does not tell how many rows the query shows."""
    has_all = page.before is None and page.after is None and table.state == "ready"
    return query.is_narrowed and page.stopped_at is None and not has_all


def present_status(table: Table, query: TableQuery, page: Page, count: Count | None) -> StatusLine:
    """`count` is None if it is not needed or took too long: then the browser asks for it."""
    if not query.is_narrowed or count is not None:
        return present_count(table, query, count)
    if page.stopped_at:
        # The number so far is known only on the first page.
        is_first = page.before is None
        rows = f"So far {_sentence(table, query, len(page.rows))}" if is_first else _some_rows(table, query)
        text = f"{rows}; looked as far as row {format_number(page.stopped_at[1])}"
        return StatusLine(text, _count_url(table, query))
    if needs_count(table, query, page):
        return StatusLine(_sentence(table, query) + ", being counted", _count_url(table, query))
    return StatusLine(_sentence(table, query, len(page.rows)))


def present_count(table: Table, query: TableQuery, count: Count | None) -> StatusLine:
    """`count` is None where counting takes too long altogether."""
    if count is not None:
        text = _sentence(table, query, count.number, is_capped=count.is_capped)
    elif query.is_narrowed:
        return StatusLine(f"{_some_rows(table, query)}; counting them took too long")
    else:
        text = _sentence(table, query)
    if table.state == "ready":
        return StatusLine(text)
    return StatusLine(f"{text} so far; more are coming in", _count_url(table, query), COUNT_WHILE_IMPORTING)


def _sentence(table: Table, query: TableQuery, shown: int | None = None, *, is_capped: bool = False) -> str:
    return describe_rows(query, table.row_count, shown, is_capped=is_capped, format_number=format_number)


def _some_rows(table: Table, query: TableQuery) -> str:
    return f"Some of {format_number(table.row_count)} rows{describe_query(query)}"


def _count_url(table: Table, query: TableQuery) -> str:
    return TableUrls(table.id, query).to("tables.counts_show")
