"""The columns of a table: which are shown and in what order; each one's own page or panel, with filter and profile."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from quart import Response, redirect, request
from quart.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from webapp.extensions import db
from webapp.models import Column, Table, is_allowed
from webapp.models.errors import NotFound
from webapp.models.tables.access import TableAccess, find_access
from webapp.rowstore.errors import QueryError, QueryTimeout
from webapp.rowstore.query import OPERATORS, Filter, TableQuery, describe_direction, describe_exceptions, operator_label
from webapp.rowstore.query.grouping import Grouping
from webapp.rowstore.query.periods import EXAMPLES as PERIODS
from webapp.rowstore.table_ref import Field
from webapp.tables import bp
from webapp.tables.address import parse_query
from webapp.tables.column_order import arrange_columns
from webapp.tables.table_urls import TableUrls
from webapp.tables.visiting import may_search
from webapp.types.number_format import is_decorated
from webapp.web.access import Action
from webapp.web.formatting import capitalise, format_digits, plural
from webapp.web.fragments import is_partial, render, render_large
from webapp.web.paths import url_for
from webapp.web.row_reads import read_rows
from webapp.web.session import current_user

FILTER_FIELDS = ("operator", "value", "to", "lines")  # of the filter form; "lines" are the values of "one of"
PROFILE_SECONDS = 10.0  # what would take long is estimated before
MAX_BUTTONS = 500  # columns that can be moved step by step; with more of them, only by typing a place
MAX_LABEL, SHORT_LABEL = 200, 40  # characters of a title in the list of columns, and with more columns than that


@bp.get("/<id:table_id>/columns")
async def columns_index(table_id: int) -> ResponseReturnValue:
    """The form submits here: to show the list again with a column moved, or with `apply` to go to the table."""
    access = await find_access(db(), current_user(), table_id)
    table, query = access.table, parse_query(access.table)
    urls = TableUrls(table.id, query)
    columns = arrange_columns(query, request.args)
    if "apply" in request.args:
        return redirect(urls.table(query.with_columns(field.number for field, is_shown in columns if is_shown)), 303)
    hidden = [(name, value) for name, value in query.args() if name != "cols"]
    return await render_large(
        "tables/columns/index.html",
        "tables/columns/_popover.html",
        table=table,
        table_url=urls.table(),
        hidden=hidden,
        columns=columns,
        new_url=_new_url(access),
        has_buttons=len(columns) <= MAX_BUTTONS,
        label_length=MAX_LABEL if len(columns) <= MAX_BUTTONS else SHORT_LABEL,
    )


@bp.get("/<id:table_id>/columns/<id:number>")
async def columns_show(table_id: int, number: int) -> ResponseReturnValue:
    access = await find_access(db(), current_user(), table_id)
    return await _column_page(access, parse_query(access.table), number)


@bp.get("/<id:table_id>/columns/<id:number>/filter")
async def filters_create(table_id: int, number: int) -> ResponseReturnValue:
    """Turn a column's filter form into a part of the table's URL; an invalid filter stays in the form with its
    error.
    """
    access = await find_access(db(), current_user(), table_id)
    query = parse_query(access.table)
    operator = request.args.get("operator", "")
    try:
        filtered = _apply_filter(query, number, operator, request.args)
    except QueryError as problem:
        typed = {name: request.args.get(name, "") for name in FILTER_FIELDS} | {"error": str(problem)}
        page = await _column_page(access, query, number, typed=typed)
        page.status_code = 422
        page.headers.update({"HX-Retarget": "#panel", "HX-Reswap": "innerMorph"})  # the form targets the grid
        return page
    return redirect(TableUrls(access.table.id, filtered).table(), 303)


@bp.get("/<id:table_id>/columns/<id:number>/profile")
async def profiles_show(table_id: int, number: int) -> ResponseReturnValue:
    """Of the rows the view shows, ignoring the filters on this column, because its bars set them. The panel loads it
    afterwards, since it reads every value.
    """
    access = await find_access(db(), current_user(), table_id)
    table, query = access.table, parse_query(access.table)
    column = find_column(table, number)
    profile = await _present_profile(table, query.without_filters_on(number), number)
    if not is_partial():
        return await _column_page(access, query, number, profile)
    return await render("tables/columns/_profile.html", column=column, **profile)


def _apply_filter(query: TableQuery, number: int, operator: str, args: "MultiDict[str, str]") -> TableQuery:
    """`edit` is the place of the filter that is changed; without one it is a further filter, `join` says how."""
    values = _filter_values(operator, args)
    index = _edited_filter(query, number, args.get("edit"))
    if index is not None:
        return query.with_changed_filter(index, operator, *values)
    return query.with_filter(number, operator, *values, is_alternative=args.get("join") == "or")


def _edited_filter(query: TableQuery, number: int, edit: str | None) -> int | None:
    """The place of the filter that the form changes; None for a new one."""
    places = [place for place, condition in enumerate(query.filters) if condition.field.number == number]
    if edit is not None and edit.isascii() and edit.isdigit() and int(edit) in places:
        return int(edit)
    return None


async def _column_page(
    access: TableAccess,
    query: TableQuery,
    number: int,
    profile: dict[str, Any] | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    """With the profile included for readers without JavaScript, and with the filter as it was typed."""
    table = access.table
    column = find_column(table, number)
    field = Field.of(column)
    urls = TableUrls(table.id, query)
    filters = [(place, each) for place, each in enumerate(query.filters) if each.field.number == number]
    asked = request.args.get("edit")
    last = str(filters[-1][0]) if filters and asked is None and typed is None else asked
    edited = _edited_filter(query, number, last)
    rest = query.without_filters_on(number)
    others = [field.number for field in query.visible if field.number != number]
    return await render(
        "tables/columns/show.html",
        "tables/columns/_panel.html",
        table=table,
        table_url=urls.table(),
        column=column,
        reason=column.facts.get("reason") or field.kind.label,
        kept=_describe_kept(column),
        filter=typed or (None if edited is None else _filter_fields(query.filters[edited])),
        edit=edited,
        filters=[
            {
                "text": f"or {each.predicate}" if each.is_alternative else each.predicate,
                "edit_url": urls.to("tables.columns_show", number=number, edit=place),
                "remove_url": urls.table(query.without_filter(place)),
                "is_edited": place == edited,
            }
            for place, each in filters
        ],
        add_url=urls.to("tables.columns_show", number=number, edit="new") if filters else None,
        periods=PERIODS,
        operators=[(name, operator_label(field, name)) for name in field.operators],
        filter_url=TableUrls(table.id, TableQuery.of(table.ref.fields)).to("tables.filters_create", number=number),
        hidden=query.args(),
        sort=_present_sort(urls, column),
        hide_url=urls.table(query.with_columns(others)) if others else None,
        unfiltered_url=urls.table(rest) if filters else None,
        may_search=may_search(),
        group_url=urls.table(query.grouped(Grouping(field, sums=query.group.sums if query.group else ()))),
        colour_url=urls.table(query.coloured_by(None if query.colour == field else number)),
        is_coloured=query.colour == field,
        profile_url=urls.to("tables.profiles_show", number=number),
        **_edit_urls(access, urls, number),
        **(profile or {}),
    )


def _edit_urls(access: TableAccess, urls: TableUrls, number: int) -> dict[str, Any]:
    """Where it can be changed, for whom may change it."""
    if not is_allowed(current_user(), Action.EDIT_TABLE, access):
        return {"type_url": None}
    table_id, place = access.table.id, [column.number for column in access.table.columns].index(number) + 1
    return {
        "type_url": urls.to("tables.types_edit", number=number),
        "edit_url": url_for("tables.columns_edit", table_id=table_id, number=number),
        "insert_before_url": url_for("tables.columns_new", table_id=table_id, place=place),
        "insert_after_url": url_for("tables.columns_new", table_id=table_id, place=place + 1),
    }


def _new_url(access: TableAccess) -> str | None:
    """Where a column is added; None for whom may not."""
    is_editor = is_allowed(current_user(), Action.EDIT_TABLE, access)
    return url_for("tables.columns_new", table_id=access.table.id) if is_editor else None


def _describe_kept(column: Column) -> str | None:
    """How many cells have no value of the column's type, unless the reason of its type says it."""
    exceptions = column.facts.get("exceptions", 0)
    is_said = "their text" in column.facts.get("reason", "")
    return plural(exceptions, "cell keeps its text", "cells keep their text") if exceptions and not is_said else None


def find_column(table: Table, number: int) -> Column:
    for column in table.columns:
        if column.number == number:
            return column
    raise NotFound("column")


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


def _present_sort(urls: TableUrls, column: Column) -> dict[str, Any]:
    query, number = urls.query, column.number
    field = query.field(number)
    others = [(sort.field.number, sort.descending) for sort in query.sorts if sort.field.number != number]
    order = query.order_of(number)

    def url(descending: bool, *before: tuple[int, bool]) -> str:
        return urls.table(query.sorted_by(*before, (number, descending)))

    return {
        "ascending_url": url(False),
        "ascending_label": capitalise(describe_direction(field, is_descending=False)),
        "descending_url": url(True),
        "descending_label": capitalise(describe_direction(field, is_descending=True)),
        "add_ascending_url": url(False, *others),
        "add_descending_url": url(True, *others),
        "direction": None if order is None else "descending" if order[1] else "ascending",
        "has_others": bool(others),
    }


async def _present_profile(table: Table, query: TableQuery, number: int) -> dict[str, Any]:
    """The context of tables/columns/_profile.html."""
    try:
        profile = await read_rows(lambda rows: rows.profile(table.ref, query, number), PROFILE_SECONDS)
    except QueryTimeout as problem:
        return {"profile": None, "note": str(problem), "buckets": [], "top": [], "exceptions": []}

    def url(narrowed: TableQuery | None) -> str | None:
        """In the view's order, which a profile itself ignores."""
        sorts = ((sort.field.number, sort.descending) for sort in query.sorts)
        return TableUrls(table.id, narrowed.sorted_by(*sorts)).table() if narrowed else None

    return {
        "profile": profile,
        "note": profile.note,
        "buckets": [(bucket, url(bucket.query)) for bucket in profile.buckets],
        "top": [(value, url(value.query)) for value in profile.top],
        "exceptions_label": _exceptions_label(query.field(number), profile.exceptions),
        "exceptions": [(value, url(value.query)) for value in profile.exception_values],
        "average": format_figure(query.field(number), profile.average),
        "sum": format_figure(query.field(number), profile.sum),
    }


def _exceptions_label(field: Field, count: int) -> str:
    return describe_exceptions(field, format_digits(f"{count:,}"), is_one=count == 1) if count else ""


def format_figure(field: Field, text: str | None) -> str:
    """A computed figure is not a cell: it is written in the reader's number format, unless the column has one of its
    own, such as a currency.
    """
    if text and (field.type == "duration" or is_decorated(field.format)):
        return text
    return format_digits(f"{Decimal(text.replace(',', '.')):,}") if text else ""
