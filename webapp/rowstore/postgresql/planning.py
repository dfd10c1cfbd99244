"""Chooses how the rows of a query are found, as far as PostgreSQL's planner cannot know it.

It takes the right path for ranges, equal values, and rare or common texts by itself, from statistics. What these do not
say is whether the rows that match are spread over a sort order, or all at its end: walking the sort index then takes a
second. A sample tells.
"""

from dataclasses import dataclass, replace

from webapp.rowstore.postgresql.search import match_sql, search_name
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sql import tables
from webapp.rowstore.sql.compile import Plan
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.schema import index_name, table_name
from webapp.rowstore.sql.tables import ensure_own, highest_id
from webapp.rowstore.table_ref import Field, TableRef

# In a sample of this size, how many rows must match to walk past the others in sort order until a page is full.
SAMPLE_ROWS = 2_000
COMMON = 10
# Rows; one statement reads fewer than these sooner, with several processes, than chunks would.
LARGE_TABLE = 2_000_000


@dataclass(frozen=True, slots=True)
class PostgresqlPlan(Plan):
    @property
    def order_id(self) -> str:
        """Where the search index leads, the planner must not walk the ids: it takes no text for as rare as it is."""
        return f"({self.row_id} + 0)" if self.match else self.row_id

    def empty_keys(self, field: Field) -> tuple[str, ...]:
        """Ordered by the id alone, rows without a value would be sorted: the index has both."""
        return self.keys(field) if self.may_use_sort_index else ()


def make_plan(connection: Connection, table: TableRef, query: TableQuery, *, whole: bool = False) -> PostgresqlPlan:
    ensure_own(table, query)
    query = query.sorted_by() if whole else query
    plain = PostgresqlPlan(connection.dialect, query, table)
    if query.only or not (query.is_narrowed or table.scope):
        return plain
    size = highest_id(connection, table.id)
    if size <= tables.SMALL_TABLE:
        return plain
    order = index_name(table.id, query.sorts[0].field) if query.sorts else ""
    match = match_sql(table.indexed, plain.terms)
    search = search_name(table) if match else ""
    names = connection.existing_names([name for name in (search, order) if name])
    if search in names and (query.sorts or whole or size <= LARGE_TABLE or not _is_common(connection, plain, size)):
        # It finds all rows before the first is shown: too many of ten million, and more than there are where their
        # letters are frequent.
        is_slow_perhaps = size > LARGE_TABLE and not (query.sorts or whole)
        fallback = replace(plain, scan_end=size) if is_slow_perhaps else None
        plain = replace(plain, match=match, fallback=fallback)
    if order and (order not in names or not _is_common(connection, plain, size)):
        return replace(plain, may_use_sort_index=False)
    if not query.sorts and not whole and not plain.match and size > LARGE_TABLE:
        return replace(plain, scan_end=size)
    return plain


def _is_common(connection: Connection, plan: PostgresqlPlan, size: int) -> bool:
    condition = replace(plan, match=None).condition
    sample = connection.dialect.sample(table_name(plan.table_id), "count(*)", condition, size, SAMPLE_ROWS)
    return int(connection.execute(sample)[0][0]) >= COMMON
