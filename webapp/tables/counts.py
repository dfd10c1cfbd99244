"""How many rows a view shows, as a sentence: at once if known, otherwise counted in a second request."""

from dataclasses import dataclass

from quart import request
from quart.typing import ResponseReturnValue

from webapp.extensions import config, db
from webapp.models import Table
from webapp.rowstore.query import QueryTimeout, TableQuery, described, sentence
from webapp.rowstore.sqlite.pages import Page, count_rows
from webapp.tables import bp
from webapp.tables.finders import find_table
from webapp.tables.view import Addresses
from webapp.web.formatting import format_number
from webapp.web.fragments import is_partial, render
from webapp.web.session import current_user

AT_ONCE, WHILE_BUILDING = "50ms", "1s"
A_LITTLE = 0.3  # seconds


@dataclass(frozen=True, slots=True)
class Summary:
    """The status line. With `count_url` it reloads itself after `delay`."""

    sentence: str
    count_url: str | None = None
    delay: str = AT_ONCE


@bp.get("/<id:table_id>/count")
async def counts_show(table_id: int) -> ResponseReturnValue:
    table = await find_table(current_user(), table_id)
    query = TableQuery.from_args(request.args, table.columns)
    counted = await _counted(table, query, config().query_timeout)
    gave_up = Summary(f"{_some(table, query)}; counting them took too long")
    return await render("tables/_status.html", summary=counted or gave_up)


async def summary_of(table: Table, query: TableQuery, page: Page) -> Summary:
    """What can be said at once: all rows; or all matches, if they fit on one page.

    A fragment requests the rest later. A whole page may be all its reader ever gets, so it waits briefly.
    """
    if not query.is_narrowed:
        return _all_of(table, query)
    if page.left_at:
        return Summary(_so_far(table, query, page), _url(table, query))
    if page.before is None and page.after is None and table.state == "ready":
        return Summary(_said(table, query, len(page.rows)))
    later = Summary(_said(table, query) + ", being counted", _url(table, query))
    return later if is_partial() else await _counted(table, query, A_LITTLE) or later


async def _counted(table: Table, query: TableQuery, seconds: float) -> Summary | None:
    """None if it takes longer than `seconds`."""
    if not query.is_narrowed:
        return _all_of(table, query)
    try:
        count = await count_rows(db(), table, query, seconds=seconds)
    except QueryTimeout:
        return None
    said = _said(table, query, count.number, more=count.more)
    return _growing(table, query, said) if table.state != "ready" else Summary(said)


def _all_of(table: Table, query: TableQuery) -> Summary:
    said = _said(table, query)
    return Summary(said) if table.state == "ready" else _growing(table, query, said)


def _said(table: Table, query: TableQuery, shown: int | None = None, *, more: bool = False) -> str:
    return sentence(query, table.row_count, shown, more=more, number=format_number)


def _so_far(table: Table, query: TableQuery, page: Page) -> str:
    """For a page that ran out of time; the number so far is known only on the first page."""
    _, row_id = page.left_at or ("", 0)
    is_first = page.before is None
    said = f"So far {_said(table, query, len(page.rows))}" if is_first else _some(table, query)
    return f"{said}; looked as far as row {format_number(row_id)}"


def _some(table: Table, query: TableQuery) -> str:
    return f"Some of {format_number(table.row_count)} rows{described(query)}"


def _growing(table: Table, query: TableQuery, said: str) -> Summary:
    return Summary(f"{said} so far; more are coming in", _url(table, query), WHILE_BUILDING)


def _url(table: Table, query: TableQuery) -> str:
    return Addresses(table.id, query).to("tables.counts_show")
