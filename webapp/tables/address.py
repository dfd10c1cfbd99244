"""What a request asks of a table: its address, read for whoever is signed in."""

from dataclasses import replace

from quart import request

from webapp.models import Table
from webapp.rowstore.errors import QueryError
from webapp.rowstore.query import TableQuery
from webapp.tables.visiting import may_search
from webapp.web.reader_clock import reader_clock


def parse_query(table: Table) -> TableQuery:
    """Relative dates are those of the reader's time zone. Raises QueryError."""
    query = TableQuery.from_args(request.args, table.ref.fields, reader_clock())
    if (query.search or query.filters or query.group) and not may_search():
        raise QueryError("This link shows its rows without search, filters and groups.")
    if query.view is None and table.default_view_id is not None:
        return replace(query, view=0)  # or the links that take the last filter away would lead to another view
    return query
