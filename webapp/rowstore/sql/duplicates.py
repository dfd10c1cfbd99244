"""Rows that repeat another one in some columns."""

from collections.abc import Sequence

from webapp.rowstore.query import TableQuery
from webapp.rowstore.reader import Keep
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.dialect import is_filled
from webapp.rowstore.sql.statement import Sql, add_up, any_of
from webapp.rowstore.table_ref import Field, TableRef


def repeated_rows_sql(
    connection: Connection, table: TableRef, query: TableQuery, keys: Sequence[Field], keep: Keep
) -> Sql:
    """The ids of the rows of the query that go, if one of each group with the same texts in `keys` stays."""
    table.ensure_shown(keys)
    plan = connection.make_plan(table, query, whole=True)
    texts = ", ".join(map(connection.dialect.print_exact, keys))
    order = f"{plan.row_id} DESC" if keep == "last" else plan.row_id
    if keep == "fullest":
        order = f"{add_up([f'CASE WHEN {is_filled(field)} THEN 1 ELSE 0 END' for field in table.fields])} DESC, {order}"
    place = f"row_number() OVER (PARTITION BY {texts} ORDER BY {order})"
    found = plan.select(f"{plan.row_id} AS id, {place} AS place", any_of([Sql(is_filled(field)) for field in keys]))
    return Sql(f"SELECT id FROM ({found.text}) AS found WHERE place > 1 ORDER BY id", found.values)
