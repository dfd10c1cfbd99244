"""A table as its URL describes it, prepared for the templates, which build no URLs and decide nothing."""

from math import isfinite

from quart import request

from webapp.models import Table
from webapp.models.tables.view_layout import ViewLayout
from webapp.rowstore.page_budget import MAX_CELL, row_cell_limit
from webapp.rowstore.query import Filter, TableQuery, describe_order, describe_query, describe_rows
from webapp.rowstore.table_ref import Field
from webapp.rowstore.values import Count, Page, RowView
from webapp.tables import grid
from webapp.tables.colour_presenter import ColouredRows, present_colour
from webapp.tables.grid_titles import titles
from webapp.tables.grid_view import (
    COUNT_WHILE_IMPORTING,
    Chip,
    ColumnHeader,
    Export,
    Live,
    PageEnd,
    Place,
    RowCell,
    RowsPage,
    StatusLine,
    View,
)
from webapp.tables.table_urls import TableUrls
from webapp.tables.visiting import may_export, may_search
from webapp.web.formatting import format_number
from webapp.web.paths import paths

# Title, explanation, arguments of the URL.
EXPORTS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("CSV", "Cells exactly as they came in", {"format": "csv"}),
    (
        "CSV for Excel",
        "Opens with a double click; text like a formula is harmless",
        {"format": "csv", "safe": "1", "excel": "1"},
    ),
    ("Excel", "A workbook: numbers and dates as such, formulas as text", {"format": "xlsx"}),
    ("JSON", "One array of objects, numbers as numbers", {"format": "json"}),
    ("NDJSON", "The same objects, one a line, for streams", {"format": "ndjson"}),
)


def present_rows(
    urls: TableUrls, page: Page, came_from: str | None = None, colours: ColouredRows | None = None
) -> RowsPage:
    """`came_from` ("after" or "before") is set if these rows continue a page on
    that side: the rows on its other side are already there.
    """

    def end(side: str, cursor: str | None) -> PageEnd:
        return PageEnd(
            rows_url=urls.to("tables.rows_index", **{side: cursor}, scale=(colours.scale or None) if colours else None),
            page_url=urls.table(**{side: cursor}),
            more=cursor is not None and came_from in (None, side),
            stopped_at=page.stopped_at[1] if page.stopped_at and page.stopped_at[0] == side else None,
        )

    return RowsPage(
        rows=grid.render_rows(
            page.rows,
            page.fields,
            urls.row,
            page.cell_limit,
            has_boxes=urls.to_all("tables.bulk_index") is not None,
            tints=colours.tints if colours else None,
        ),
        count=len(page.rows),
        before=end("before", page.before),
        after=end("after", page.after),
    )


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


def present_table(
    table: Table, query: TableQuery, page: Page, layout: ViewLayout, colours: ColouredRows | None = None
) -> View:
    urls, args = TableUrls(table.id, query), query.args()
    widths = {
        column.number: grid.width_of(column.title, int(column.facts.get("width") or 0)) for column in table.columns
    }
    path_to, leads_to = paths().to, paths().leads_to
    heads = [_head(urls, field, widths[field.number], layout) for field in page.fields]
    return View(
        url=urls.table(),
        stylesheet=path_to("tables.stylesheets_show", edition=grid.EDITION, kinds=grid.kinds_of(page.fields)),
        heads=heads,
        titles=titles().render(heads),
        digits=len(str(max(table.row_count, 1))),
        page=present_rows(urls, page, colours=colours),
        search=query.search,
        hidden=[(name, value) for name, value in args if name != "q"],
        chips=[_chip(urls, index, condition) for index, condition in enumerate(query.filters)],
        sort_text=describe_order(query.sorts) or None,
        unsorted_url=urls.table(query.sorted_by()) if query.sorts else urls.table(),
        colour=present_colour(urls, colours),
        group_text=f"grouped by {query.group.field.title}" if query.group else None,
        group_url=urls.to("tables.groups_edit") if may_search() else None,
        ungrouped_url=urls.table(query.grouped(None)),
        clear_url=urls.table(query.without_filters()) if query.is_narrowed else urls.table(),
        columns_url=urls.to("tables.columns_index"),
        links_url=urls.to("tables.links_index") if leads_to("tables.links_index") else None,
        bulk_url=urls.to_all("tables.bulk_index"),
        summary_url=urls.to("tables.summaries_show") if may_search() else None,
        chart_url=urls.to("tables.charts_show") if may_search() else None,
        hidden_count=len(query.fields) - len(query.visible),
        visible_count=len(query.visible),
        exports=present_exports(urls),
        original_url=path_to("tables.originals_show", table_id=table.id) if leads_to("tables.originals_show") else None,
        may_search=may_search(),
        is_importing=table.state != "ready",
        terms=list(query.terms),
        place=present_place(urls, args, table),
        live=present_live(table, query),
    )


def present_exports(urls: TableUrls) -> list[Export]:
    """None for visitors whose link does not allow it."""
    if not may_export():
        return []
    return [Export(title, text, urls.to("tables.exports_show", None, **more)) for title, text, more in EXPORTS]


def _chip(urls: TableUrls, index: int, condition: Filter) -> Chip:
    return Chip(
        text=f"or {condition.predicate}" if condition.is_alternative else condition.label,
        url=urls.table(urls.query.without_filter(index)),
        panel_url=urls.to("tables.columns_show", number=condition.field.number, edit=index),
    )


def present_live(table: Table, query: TableQuery) -> Live:
    """Changes of columns that are not shown are told too, where they decide whether a row still fits the view or which
    colour it has, or where the figures of groups come from them.
    """
    deciding = [*(one.field for one in query.filters), *(one.field for one in query.sorts)]
    if query.group:
        deciding += [query.group.field, *query.group.sums]
    if query.colour:
        deciding.append(query.colour)
    path_to = paths().to
    told = query.with_visible(tuple(dict.fromkeys([*query.visible, *deciding])))
    return Live(
        url=path_to(
            "live.stream",
            table=table.id,
            cols=told.cols or None if not query.search else None,
            growing=table.growing,
        ),
        seq=table.seq,
        presence_url=path_to("tables.presence_update", table_id=table.id)
        if paths().leads_to("tables.presence_update")
        else None,
    )


def present_place(urls: TableUrls, args: list[tuple[str, str]], table: Table) -> Place:
    """`way` and `about` in the address come from `positions_show`; `args` are those of the query."""
    query, way = urls.query, request.args.get("way", 0.0, float)
    way = min(max(way, 0.0), 100.0) if isfinite(way) else 0.0
    is_last = "last" in request.args
    is_estimate = "about" in request.args
    is_part = is_part_of(table, query)
    total = None if is_part else table.row_count if query.sorts else table.next_row_id - 1
    return Place(
        way=100.0 if is_last else way,
        is_by_id=not is_part and not query.sorts,
        total=total,
        note=f"about {way:g} % of the way, estimated" if is_estimate else "",
        position_url=urls.to("tables.positions_show"),
        hidden=args,
        last_url=urls.table(last=1),
        export_url=urls.to("tables.exports_show", None, format="csv") if may_export() else None,
        move_url=urls.to("tables.columns_index", apply=1),
    )


def _head(urls: TableUrls, field: Field, automatic: int, layout: ViewLayout) -> ColumnHeader:
    query, width = urls.query, layout.widths.get(field.number)
    place, descending = query.order_of(field.number) or (None, False)
    if place is None:
        sort_url = urls.sorted_by(field.number)
    else:
        sort_url = urls.table(query.sorted_by()) if descending else urls.sorted_by(field.number, descending=True)
    return ColumnHeader(
        number=field.number,
        title=field.title,
        type=field.type,
        mark=str(field.format.get("mark", ".")) if field.type in ("integer", "decimal") else None,
        width=width or automatic,
        automatic=automatic if width else None,
        direction=None if place is None else "descending" if descending else "ascending",
        place=place,
        sort_url=sort_url,
        add_url=urls.table(query.toggle_sort(field.number, add=True)) if query.sorts else "",
        panel_url=urls.column(field.number),
    )


# -- the status line ---------------------------------------------------------------------------------------------------


def is_part_of(table: Table, query: TableQuery) -> bool:
    """Whether the query shows a part of the table's rows; then how many there are is not known without counting."""
    return query.is_narrowed or table.ref.scope is not None


def needs_count(table: Table, query: TableQuery, page: Page) -> bool:
    """Whether the page itself does not tell how many rows the query shows."""
    has_all = page.before is None and page.after is None and table.state == "ready"
    return is_part_of(table, query) and page.stopped_at is None and not has_all


def present_status(table: Table, query: TableQuery, page: Page, count: Count | None) -> StatusLine:
    """`count` is None if it is not needed or took too long: then the browser asks for it."""
    if not is_part_of(table, query) or count is not None:
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
    elif is_part_of(table, query):
        return StatusLine(f"{_some_rows(table, query)}; counting them took too long")
    else:
        text = _sentence(table, query)
    if table.state == "ready":
        return StatusLine(text)
    return StatusLine(f"{text} so far; more are coming in", _count_url(table, query), COUNT_WHILE_IMPORTING)


def _sentence(table: Table, query: TableQuery, shown: int | None = None, *, is_capped: bool = False) -> str:
    return describe_rows(query, _total(table), shown, is_capped=is_capped, format_number=format_number)


def _some_rows(table: Table, query: TableQuery) -> str:
    total = _total(table)
    return f"Some{f' of {format_number(total)}' if total is not None else ''} rows{describe_query(query)}"


def _total(table: Table) -> int | None:
    """None for whom the table has only a part of its rows."""
    return table.row_count if table.ref.scope is None else None


def _count_url(table: Table, query: TableQuery) -> str:
    return TableUrls(table.id, query).to("tables.counts_show")
