"""A column's profile: its panel loads it afterwards, since it reads every value."""

from dataclasses import dataclass
from decimal import Decimal

from quart import request
from quart.typing import ResponseReturnValue

from webapp.extensions import db, row_store
from webapp.models import Table
from webapp.models.tables.table import find_table
from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.query import TableQuery
from webapp.rowstore.store import Profile
from webapp.tables import bp
from webapp.tables.columns import column_page, find_column, query_without
from webapp.tables.grid_presenter import TableUrls
from webapp.web.formatting import format_digits
from webapp.web.fragments import is_partial, render
from webapp.web.session import current_user

TIMEOUT = 10.0  # seconds; what would take long is estimated before


@dataclass(frozen=True, slots=True)
class Bar:
    """A bucket of the histogram, with the URL of its rows."""

    low: str
    high: str
    count: int
    url: str


@dataclass(frozen=True, slots=True)
class Frequent:
    text: str
    count: int
    url: str | None


@dataclass(frozen=True, slots=True)
class ProfileView:
    """See templates/tables/columns/_profile.html."""

    found: Profile | None
    note: str
    buckets: list[Bar]
    top: list[Frequent]
    average: str = ""
    sum: str = ""


@bp.get("/<id:table_id>/columns/<id:number>/profile")
async def profiles_show(table_id: int, number: int) -> ResponseReturnValue:
    """Of the rows the view shows, ignoring the filters on this column, because its bars set them."""
    table = await find_table(db(), current_user(), table_id)
    column = find_column(table, number)
    query = TableQuery.from_args(request.args, table.ref.fields)
    view = await _view(table, query_without(query, number), number)
    if not is_partial():
        return await column_page(table, query, number, view)
    return await render("tables/columns/_profile.html", column=column, profile=view)


async def _view(table: Table, query: TableQuery, number: int) -> ProfileView:
    urls = TableUrls(table.id, query)
    try:
        found = await row_store().read(lambda rows: rows.profile(table.ref, query, number), TIMEOUT)
    except QueryTimeout as problem:
        return ProfileView(None, str(problem), [], [])
    bars = [Bar(each.low, each.high, each.count, urls.table(_sorted(each.query, query))) for each in found.buckets]
    top = [
        Frequent(each.text, each.count, urls.table(_sorted(each.query, query)) if each.query else None)
        for each in found.top
    ]
    return ProfileView(found, found.note, bars, top, _figure(found.average), _figure(found.sum))


def _figure(text: str | None) -> str:
    """A computed figure is not a cell: it is written in the reader's number format, not in the column's."""
    return format_digits(f"{Decimal(text.replace(',', '.')):,}") if text else ""


def _sorted(narrowed: TableQuery, query: TableQuery) -> TableQuery:
    """In the view's order, which a profile itself ignores."""
    return narrowed.sorted_by(*((sort.field.number, sort.descending) for sort in query.sorts))
