"""The rows of a query, or a sample of them spread evenly over the table, where reading all would take too long."""

from webapp.rowstore.query import TableQuery
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.schema import table_name
from webapp.rowstore.sql.statement import Sql, all_of
from webapp.rowstore.sql.tables import ensure_own, highest_id
from webapp.rowstore.table_ref import TableRef

SAMPLE = 50_000  # rows
# With more distinct values in a sample than this, nearly all differ: sorting them all yields nothing new, and cannot be
# interrupted.
MOSTLY_DISTINCT = SAMPLE // 4


def select_rows(
    connection: Connection,
    table: TableRef,
    query: TableQuery,
    what: str,
    where: Sql | None = None,
    sample: int | None = None,
) -> Sql:
    """`what` of all rows of the query, or of those in a sample of about so many of the table's rows; only of those for
    which `where` is true.
    """
    if sample is None:
        return connection.make_plan(table, query, whole=True).select(what, where)
    ensure_own(table, query)
    condition = connection.plain_plan(table, query).condition
    size = highest_id(connection, table.id)
    return connection.dialect.sample(
        table_name(table.id), what, all_of([condition, where] if where else [condition]), size, sample
    )
