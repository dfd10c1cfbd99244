"""The columns of a table: which are shown and in what order, and each column's own page or panel."""

from collections.abc import Sequence
from dataclasses import dataclass

from quart import Response, redirect, request
from quart.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from webapp.extensions import db
from webapp.models import Column, Table
from webapp.models.errors import NotFound
from webapp.models.tables.table import find_table
from webapp.rowstore.errors import QueryError
from webapp.rowstore.query import OPERATORS, Filter, TableQuery
from webapp.rowstore.table_ref import Field
from webapp.tables import bp
from webapp.tables.grid_presenter import TableUrls
from webapp.web.fragments import render
from webapp.web.session import current_user

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ColumnPlacement:
    """A column in the list of all columns."""

    number: int
    title: str
    type: str
    shown: bool
    place: int


@dataclass(frozen=True, slots=True)
class FilterView:
    """A filter as its form holds it: `lines` are the values of "one of"; `error` says why it is invalid."""

    operator: str
    value: str = ""
    to: str = ""
    lines: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class ColumnView:
    number: int
    title: str
    type: str
    reason: str
    filter: FilterView | None


@dataclass(frozen=True, slots=True)
class SortView:
    ascending_url: str
    descending_url: str
    add_ascending_url: str
    add_descending_url: str
    direction: str | None
    others: bool


@bp.get("/<id:table_id>/columns")
async def columns_index(table_id: int) -> ResponseReturnValue:
    """The form submits here: to show the list again with a column moved, or with `apply` to go to the table."""
    table = await find_table(db(), current_user(), table_id)
    query = TableQuery.from_args(request.args, table.ref.fields)
    urls = TableUrls(table.id, query)
    columns = arrange_columns(query, request.args)
    if "apply" in request.args:
        chosen = [column.number for column in columns if column.shown]
        return redirect(urls.table(query.with_columns(chosen)), 303)
    hidden = [(name, value) for name, value in query.args() if name != "cols"]
    return await render(
        "tables/columns/index.html", table=table, table_url=urls.table(), hidden=hidden, columns=columns
    )


@bp.get("/<id:table_id>/columns/<id:number>")
async def columns_show(table_id: int, number: int) -> ResponseReturnValue:
    table = await find_table(db(), current_user(), table_id)
    query = TableQuery.from_args(request.args, table.ref.fields)
    return await column_page(table, query, number)


@bp.get("/<id:table_id>/columns/<id:number>/filter")
async def filters_create(table_id: int, number: int) -> ResponseReturnValue:
    """Turn a column's filter form into a part of the table's URL; an invalid filter stays in the form with its
    error.
    """
    table = await find_table(db(), current_user(), table_id)
    find_column(table, number)
    query = TableQuery.from_args(request.args, table.ref.fields)
    operator = request.args.get("operator", "")
    try:
        filtered = query.with_filter(number, operator, *_values(operator, request.args))
    except QueryError as problem:
        page = await column_page(table, query, number, typed=_typed(request.args, str(problem)))
        page.status_code = 422
        page.headers.update({"HX-Retarget": "#panel", "HX-Reswap": "innerMorph"})  # the form targets the grid
        return page
    return redirect(TableUrls(table.id, filtered).table(), 303)


async def column_page(
    table: Table, query: TableQuery, number: int, profile: object = None, typed: FilterView | None = None
) -> Response:
    """With the profile included for readers without JavaScript, and with the filter as it was typed."""
    column = find_column(table, number)
    urls = TableUrls(table.id, query)
    filters = [condition for condition in query.filters if condition.field.number == number]
    rest = query_without(query, number)
    others = [field.number for field in query.visible if field.number != number]
    reason = str(column.facts.get("reason") or "")
    shown_filter = typed or (_filter_view(filters[0]) if filters else None)
    return await render(
        "tables/columns/show.html",
        "tables/columns/_panel.html",
        table=table,
        table_url=urls.table(),
        column=ColumnView(number, column.title, column.type, reason, shown_filter),
        operators=[(name, OPERATORS[name].words) for name in Field.of(column).kind.operators],
        filter_url=TableUrls(table.id, TableQuery.of(table.ref.fields)).to("tables.filters_create", number=number),
        hidden=rest.args(),
        sort=_sort_view(urls, number),
        hide_url=urls.table(query.with_columns(others)) if others else None,
        unfiltered_url=urls.table(rest) if filters else None,
        profile=profile,
        profile_url=urls.to("tables.profiles_show", number=number),
    )


def find_column(table: Table, number: int) -> Column:
    found = next((column for column in table.columns if column.number == number), None)
    if found is None:
        raise NotFound("column")
    return found


def query_without(query: TableQuery, number: int) -> TableQuery:
    """The query without the filters on this column."""
    for index in reversed(range(len(query.filters))):
        if query.filters[index].field.number == number:
            query = query.without_filter(index)
    return query


def arrange_columns(query: TableQuery, args: "MultiDict[str, str]") -> list[ColumnPlacement]:
    """All columns in display order: as the query has them, or as the submitted form says."""
    order = [*query.visible, *(field for field in query.fields if field not in query.visible)]
    shown = {field.number for field in query.visible}
    is_submitted = any(name.startswith("place.") for name in args)
    if "all" in args:
        order, shown = list(query.fields), {field.number for field in query.fields}
    elif is_submitted:
        wanted = set(args.getlist("show"))
        shown = {field.number for field in query.fields if str(field.number) in wanted}
        order = _moved(_by_place(order, args), args.get("move", ""))
    return [
        ColumnPlacement(field.number, field.title, field.type, field.number in shown, place)
        for place, field in enumerate(order, 1)
    ]


def _by_place(order: Sequence[Field], args: "MultiDict[str, str]") -> list[Field]:
    """A typed position goes before the column that had it."""
    now = {field: place for place, field in enumerate(order, 1)}

    def place(field: Field) -> tuple[int, bool, int]:
        wanted = args.get(f"place.{field.number}", type=int) or now[field]
        return wanted, wanted == now[field], now[field]

    return sorted(order, key=place)


def _moved(order: list[Field], move: str) -> list[Field]:
    """`move`: a column's number and direction, as in `3.up`."""
    number, _, where = move.partition(".")
    index = next((index for index, field in enumerate(order) if str(field.number) == number), None)
    if index is None or where not in ("up", "down"):
        return order
    other = index - 1 if where == "up" else index + 1
    if 0 <= other < len(order):
        order[index], order[other] = order[other], order[index]
    return order


def _values(operator: str, args: "MultiDict[str, str]") -> Sequence[str]:
    known = OPERATORS.get(operator)
    if known is None or known.values == 1:
        return (args.get("value", ""),)
    if known.values is None:
        return args.get("lines", "").splitlines()
    return (args.get("value", ""), args.get("to", "")) if known.values == 2 else ()


def _typed(args: "MultiDict[str, str]", error: str) -> FilterView:
    operator, value, to, lines = (args.get(name, "") for name in ("operator", "value", "to", "lines"))
    return FilterView(operator, value, to, lines, error)


def _filter_view(condition: Filter) -> FilterView:
    values = condition.values
    if OPERATORS[condition.operator].values is None:
        return FilterView(condition.operator, lines="\n".join(values))
    return FilterView(condition.operator, *values)


def _sort_view(urls: TableUrls, number: int) -> SortView:
    query = urls.query
    others = [(sort.field.number, sort.descending) for sort in query.sorts if sort.field.number != number]
    order = query.order_of(number)

    def url(descending: bool, *before: tuple[int, bool]) -> str:
        return urls.table(query.sorted_by(*before, (number, descending)))

    return SortView(
        ascending_url=url(False),
        descending_url=url(True),
        add_ascending_url=url(False, *others),
        add_descending_url=url(True, *others),
        direction=None if order is None else "descending" if order[1] else "ascending",
        others=bool(others),
    )
