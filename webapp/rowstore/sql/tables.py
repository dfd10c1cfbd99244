"""What is asked of a table before its rows are read."""

from itertools import chain

from webapp.rowstore.query import TableQuery
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.schema import table_name
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.table_ref import TableRef

SMALL_TABLE = 20_000  # rows; below this, reading them all is faster than planning


def ensure_own(table: TableRef, query: TableQuery) -> None:
    """Raises `QueryError` if a narrowed table does not show all that the query uses."""
    sorted_by, filtered = (sort.field for sort in query.sorts), (condition.field for condition in query.filters)
    table.ensure_shown(chain(query.fields, query.visible, sorted_by, filtered))


def highest_id(connection: Connection, table_id: int) -> int:
    found = f"SELECT max({connection.dialect.row_id}) FROM {table_name(table_id)}"
    return int(connection.execute(Sql(found))[0][0] or 0)
