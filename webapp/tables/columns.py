"""The columns of a table: which are shown and in what order; each one's own page or panel, with filter and profile."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from quart import Response, redirect, request
from quart.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from webapp.extensions import db, row_store
from webapp.models import Column, Table
from webapp.models.errors import NotFound
from webapp.models.tables.table import find_table
from webapp.rowstore.errors import QueryError, QueryTimeout
from webapp.rowstore.query import OPERATORS, Filter, TableQuery
from webapp.rowstore.table_ref import Field
from webapp.tables import bp
from webapp.tables.grid_presenter import TableUrls
from webapp.web.formatting import format_digits
from webapp.web.fragments import is_partial, render
from webapp.web.session import current_user

FILTER_FIELDS = ("operator", "value", "to", "lines")  # of the filter form; "lines" are the values of "one of"
PROFILE_SECONDS = 10.0  # what would take long is estimated before


@bp.get("/<id:table_id>/columns")
async def columns_index(table_id: int) -> ResponseReturnValue:
    """The form submits here: to show the list again with a column moved, or with `apply` to go to the table."""
    table = await find_table(db(), current_user(), table_id)
    query = TableQuery.from_args(request.args, table.ref.fields)
    urls = TableUrls(table.id, query)
    columns = _arrange_columns(query, request.args)
    if "apply" in request.args:
        return redirect(urls.table(query.with_columns(field.number for field, is_shown in columns if is_shown)), 303)
    hidden = [(name, value) for name, value in query.args() if name != "cols"]
    return await render(
        "tables/columns/index.html", table=table, table_url=urls.table(), hidden=hidden, columns=columns
    )


@bp.get("/<id:table_id>/columns/<id:number>")
async def columns_show(table_id: int, number: int) -> ResponseReturnValue:
    table = await find_table(db(), current_user(), table_id)
    query = TableQuery.from_args(request.args, table.ref.fields)
    return await _column_page(table, query, number)


@bp.get("/<id:table_id>/columns/<id:number>/filter")
async def filters_create(table_id: int, number: int) -> ResponseReturnValue:
    """Turn a column's filter form into a part of the table's URL; an invalid filter stays in the form with its
    error.
    """
    table = await find_table(db(), current_user(), table_id)
    query = TableQuery.from_args(request.args, table.ref.fields)
    operator = request.args.get("operator", "")
    try:
        filtered = query.with_filter(number, operator, *_filter_values(operator, request.args))
    except QueryError as problem:
        typed = {name: request.args.get(name, "") for name in FILTER_FIELDS} | {"error": str(problem)}
        page = await _column_page(table, query, number, typed=typed)
        page.status_code = 422
        page.headers.update({"HX-Retarget": "#panel", "HX-Reswap": "innerMorph"})  # the form targets the grid
        return page
    return redirect(TableUrls(table.id, filtered).table(), 303)


@bp.get("/<id:table_id>/columns/<id:number>/profile")
async def profiles_show(table_id: int, number: int) -> ResponseReturnValue:
    """Of the rows the view shows, ignoring the filters on this column, because its bars set them. The panel loads it
    afterwards, since it reads every value.
    """
    table = await find_table(db(), current_user(), table_id)
    column = _find_column(table, number)
    query = TableQuery.from_args(request.args, table.ref.fields)
    profile = await _present_profile(table, query.without_filters_on(number), number)
    if not is_partial():
        return await _column_page(table, query, number, profile)
    return await render("tables/columns/_profile.html", column=column, **profile)


async def _column_page(
    table: Table,
    query: TableQuery,
    number: int,
    profile: dict[str, Any] | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    """With the profile included for readers without JavaScript, and with the filter as it was typed."""
    column = _find_column(table, number)
    urls = TableUrls(table.id, query)
    filters = [condition for condition in query.filters if condition.field.number == number]
    rest = query.without_filters_on(number)
    others = [field.number for field in query.visible if field.number != number]
    return await render(
        "tables/columns/show.html",
        "tables/columns/_panel.html",
        table=table,
        table_url=urls.table(),
        column=column,
        filter=typed or (_filter_fields(filters[0]) if filters else None),
        operators=[(name, OPERATORS[name].label) for name in Field.of(column).kind.operators],
        filter_url=TableUrls(table.id, TableQuery.of(table.ref.fields)).to("tables.filters_create", number=number),
        hidden=rest.args(),
        sort=_present_sort(urls, number),
        hide_url=urls.table(query.with_columns(others)) if others else None,
        unfiltered_url=urls.table(rest) if filters else None,
        profile_url=urls.to("tables.profiles_show", number=number),
        **(profile or {}),
    )


def _find_column(table: Table, number: int) -> Column:
    for column in table.columns:
        if column.number == number:
            return column
    raise NotFound("column")


def _arrange_columns(query: TableQuery, args: "MultiDict[str, str]") -> list[tuple[Field, bool]]:
    """All columns in display order, each with whether it is shown: as the query or the submitted form has them."""
    order = [*query.visible, *(field for field in query.fields if field not in query.visible)]
    shown_numbers = {field.number for field in query.visible}
    is_submitted = any(name.startswith("place.") for name in args)
    if "all" in args:
        order, shown_numbers = list(query.fields), {field.number for field in query.fields}
    elif is_submitted:
        checked = set(args.getlist("show"))
        shown_numbers = {field.number for field in query.fields if str(field.number) in checked}
        order = _move(_sort_by_place(order, args), args.get("move", ""))
    return [(field, field.number in shown_numbers) for field in order]


def _sort_by_place(order: Sequence[Field], args: "MultiDict[str, str]") -> list[Field]:
    """A typed position goes before the column that had it."""
    before = {field: place for place, field in enumerate(order, 1)}

    def sort_key(field: Field) -> tuple[int, bool, int]:
        place = args.get(f"place.{field.number}", type=int) or before[field]
        return place, place == before[field], before[field]

    return sorted(order, key=sort_key)


def _move(order: list[Field], move: str) -> list[Field]:
    """`move`: a column's number and direction, as in `3.up`."""
    number, _, direction = move.partition(".")
    index = next((index for index, field in enumerate(order) if str(field.number) == number), None)
    if index is None or direction not in ("up", "down"):
        return order
    other = index - 1 if direction == "up" else index + 1
    if 0 <= other < len(order):
        order[index], order[other] = order[other], order[index]
    return order


def _filter_values(operator: str, args: "MultiDict[str, str]") -> Sequence[str]:
    """The values of the filter form that this operator takes."""
    value_count = OPERATORS[operator].value_count if operator in OPERATORS else 1
    if value_count is None:
        return args.get("lines", "").splitlines()
    return (args.get("value", ""), args.get("to", ""))[:value_count]


def _filter_fields(condition: Filter) -> dict[str, str]:
    """The fields of the filter form that hold this filter."""
    fields = dict.fromkeys(FILTER_FIELDS, "") | {"operator": condition.operator, "error": ""}
    if OPERATORS[condition.operator].value_count is None:
        return fields | {"lines": "\n".join(condition.values)}
    return fields | dict(zip(("value", "to"), condition.values, strict=False))


def _present_sort(urls: TableUrls, number: int) -> dict[str, Any]:
    query = urls.query
    others = [(sort.field.number, sort.descending) for sort in query.sorts if sort.field.number != number]
    order = query.order_of(number)

    def url(descending: bool, *before: tuple[int, bool]) -> str:
        return urls.table(query.sorted_by(*before, (number, descending)))

    return {
        "ascending_url": url(False),
        "descending_url": url(True),
        "add_ascending_url": url(False, *others),
        "add_descending_url": url(True, *others),
        "direction": None if order is None else "descending" if order[1] else "ascending",
        "has_others": bool(others),
    }


async def _present_profile(table: Table, query: TableQuery, number: int) -> dict[str, Any]:
    """The context of tables/columns/_profile.html."""
    try:
        profile = await row_store().read(lambda rows: rows.profile(table.ref, query, number), PROFILE_SECONDS)
    except QueryTimeout as problem:
        return {"profile": None, "note": str(problem), "buckets": [], "top": []}

    def url(narrowed: TableQuery | None) -> str | None:
        """In the view's order, which a profile itself ignores."""
        sorts = ((sort.field.number, sort.descending) for sort in query.sorts)
        return TableUrls(table.id, narrowed.sorted_by(*sorts)).table() if narrowed else None

    return {
        "profile": profile,
        "note": profile.note,
        "buckets": [(bucket, url(bucket.query)) for bucket in profile.buckets],
        "top": [(value, url(value.query)) for value in profile.top],
        "average": _format_figure(profile.average),
        "sum": _format_figure(profile.sum),
    }


def _format_figure(text: str | None) -> str:
    """A computed figure is not a cell: it is written in the reader's number format, not in the column's."""
    return format_digits(f"{Decimal(text.replace(',', '.')):,}") if text else ""
