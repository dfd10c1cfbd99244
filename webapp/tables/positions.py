"""Going to a place in a table: a row by its number, the end, or a part of the way, as the bar beside the grid asks."""

import re

from quart import redirect, request
from quart.typing import ResponseReturnValue

from webapp.extensions import config, db, row_store
from webapp.models import Table
from webapp.models.tables.access import find_table
from webapp.rowstore.errors import QueryError
from webapp.rowstore.query import TableQuery
from webapp.tables import bp
from webapp.tables.address import parse_query
from webapp.tables.table_urls import TableUrls
from webapp.web.formatting import format_number
from webapp.web.session import current_user

_GROUPS = re.compile(r"[\s.,'\u2019\u202f]")  # between the digits of a row number, in anybody's style
_PERCENT = re.compile(r"(\d{1,3}(?:[.,]\d{1,6})?)\s*%", re.ASCII)


@bp.get("/<id:table_id>/position")
async def positions_show(table_id: int) -> ResponseReturnValue:
    """`to` is the number of a row, a part of the way as in `50%`, or `last`."""
    table = await find_table(db(), current_user(), table_id)
    query, to = parse_query(table), request.args.get("to", "").strip()
    urls = TableUrls(table.id, query)
    if to == "last":
        return redirect(urls.table(last=1), 303)
    if match := _PERCENT.fullmatch(to):
        return redirect(await _part_of_the_way(table, urls, float(match[1].replace(",", "."))), 303)
    return redirect(await _row(table, urls, to), 303)


async def _part_of_the_way(table: Table, urls: TableUrls, percent: float) -> str:
    query: TableQuery = urls.query
    found = await row_store().read(lambda rows: rows.position(table.ref, query, percent / 100), config().query_timeout)
    if found is None:
        return urls.table()
    return urls.table(at=found.row_id, way=f"{percent:g}", about=None if found.is_exact else 1)


async def _row(table: Table, urls: TableUrls, text: str) -> str:
    """In file order the place where a deleted row was serves as well. Raises QueryError for what is no row."""
    digits = _GROUPS.sub("", text)
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise QueryError(f"“{text}” is no row. Type its number, or a part of the way such as 50%.", "to")
    number, last = int(digits), table.next_row_id - 1
    is_part = table.ref.scope is not None  # then nobody is told how far it goes
    if not is_part and (number > last or number < 1):
        raise QueryError(f"There is no row {format_number(number)}: the last one is {format_number(last)}.", "to")
    if (is_part or urls.query.sorts) and not await row_store().read(
        lambda rows: rows.has_row(table.ref, number), config().query_timeout
    ):
        what = f"There is no row {format_number(number)}." if is_part else f"Row {format_number(number)} was deleted."
        raise QueryError(what, "to")
    return urls.table(at=number)
