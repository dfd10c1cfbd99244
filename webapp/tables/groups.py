"""Grouping the rows of a table: by which column, with which sums; and the first rows of one group.

The groups themselves are the table's page, whose address says `group=3` then (`tables.py`).
"""

from quart import redirect, request
from quart.typing import ResponseReturnValue

from webapp.extensions import db
from webapp.models.tables.access import find_table
from webapp.rowstore.errors import QueryError
from webapp.rowstore.query import TableQuery
from webapp.rowstore.query.filters import parse_filter
from webapp.rowstore.query.grouping import SUMMED
from webapp.tables import bp
from webapp.tables.address import parse_query
from webapp.tables.table_urls import TableUrls
from webapp.web.fragments import is_partial, render
from webapp.web.row_reads import read_rows
from webapp.web.session import current_user

GROUP_ROWS = 50  # of an open group; the table itself has them all
ROWS_SECONDS = 5.0


@bp.get("/<id:table_id>/groups")
async def groups_edit(table_id: int) -> ResponseReturnValue:
    """The form; its button comes back with `apply`, and leads to the table."""
    table = await find_table(db(), current_user(), table_id)
    query = parse_query(table)
    urls = TableUrls(table.id, query)
    if "apply" in request.args:
        return redirect(urls.table(), 303)
    chosen = query.group
    plain = query.grouped(None)
    return await render(
        "tables/groups/edit.html",
        "tables/groups/_panel.html",
        table=table,
        table_url=urls.table(),
        fields=query.visible,
        summed=[field for field in query.visible if field.type in SUMMED],
        group=chosen.field.number if chosen else None,
        sums=[field.number for field in chosen.sums] if chosen else [],
        hidden=plain.args(),
        plain_url=urls.table(plain) if chosen else None,
    )


@bp.get("/<id:table_id>/groups/rows")
async def groups_rows(table_id: int) -> ResponseReturnValue:
    """The first rows of the group that `in` names, as in `eq:Oslo`: a condition on the column that groups them. As a
    page that is the table with all of them.
    """
    table = await find_table(db(), current_user(), table_id)
    query = parse_query(table)
    own = _only_group(query, request.args.get("in", ""))
    all_url = TableUrls(table.id, own.grouped(None)).table()
    if not is_partial():
        return redirect(all_url, 303)
    urls = TableUrls(table.id, query)  # a row's panel leads back to the groups
    page = await read_rows(lambda rows: rows.page(table.ref, own, size=GROUP_ROWS), ROWS_SECONDS)
    return await render(
        "tables/groups/_rows.html",
        fields=page.fields or query.visible,
        rows=[(number, cells, urls.row(str(number))) for number, cells in page.rows],
        more_url=all_url if page.after or page.stopped_at else None,
    )


def _only_group(query: TableQuery, text: str) -> TableQuery:
    """Raises `QueryError`."""
    if query.group is None:
        raise QueryError("The address does not say by which column the rows are grouped.", "group")
    return query.with_condition(parse_filter(query.group.field, text, query.clock))
