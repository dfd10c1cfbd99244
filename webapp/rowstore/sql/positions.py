"""Which row is so far along in a view: what a scroll bar over all rows needs.

In file order a row's id tells. Elsewhere a sample of rows, in the order of the view, tells well enough, and as quickly
for a million rows as for ten thousand; few matches are read altogether, if that does not take too long.
"""

from contextlib import suppress
from dataclasses import replace

from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sql import tables
from webapp.rowstore.sql.compile import make_parts
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.schema import table_name
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.sql.tables import ensure_own, highest_id
from webapp.rowstore.table_ref import TableRef
from webapp.rowstore.values import Position

SAMPLE = 4_000  # rows; half of all answers are then off by less than one percent of the way
ENOUGH = 200  # of the sample that match


def find_position(
    connection: Connection,
    table: TableRef,
    query: TableQuery,
    fraction: float,
    seconds: float,
) -> Position | None:
    """The row at `fraction` (0 to 1) of the way through the query's rows; None if it shows none, and in a scope also if
    none was found in time.
    """
    ensure_own(table, query)
    is_narrowed = query.is_narrowed or table.scope is not None
    fraction, size = min(max(fraction, 0.0), 1.0), highest_id(connection, table.id)
    by_id = Position(1 + round(fraction * (size - 1)), is_exact=not query.sorts and not is_narrowed)
    if by_id.is_exact:
        return by_id if size else None
    sample = _sample(connection, table, query, size) if size > tables.SMALL_TABLE else []
    if len(sample) >= ENOUGH:
        return Position(_pick(sample, fraction), is_exact=False)
    with suppress(QueryTimeout), connection.time_limit(seconds):
        found = _all(connection, table, query)
        return Position(_pick(found, fraction), is_exact=True) if found else None
    if sample:
        return Position(_pick(sample, fraction), is_exact=False)
    return None if table.scope else by_id  # which says how many rows there are beyond the scope


def _pick(ids: list[int], fraction: float) -> int:
    return ids[round(fraction * (len(ids) - 1))]


def _sample(connection: Connection, table: TableRef, query: TableQuery, size: int) -> list[int]:
    plan = connection.plain_plan(table, query)
    part = next(make_parts(plan, None))
    statement = connection.dialect.sample(table_name(table.id), plan.row_id, plan.condition, size, SAMPLE)
    return [row[0] for row in connection.execute(Sql(f"{statement.text} ORDER BY {part.order}", statement.values))]


def _all(connection: Connection, table: TableRef, query: TableQuery) -> list[int]:
    plan = replace(connection.make_plan(table, query, whole=True), query=query, may_use_sort_index=False)
    part = next(make_parts(plan, None))
    return [row[0] for row in connection.execute(plan.select(plan.row_id, order=part.order))]
