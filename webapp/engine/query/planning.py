"""Which way to the rows of a query: SQLite's planner cannot know how many rows hold a text or fit a filter.

Walking an index in the order of the sort finds a page among common rows at once, and takes seconds when hardly a row
fits. So a small sample says first whether they are common.
"""

from math import isqrt

from webapp.engine.query.args import TableQuery
from webapp.engine.query.sql import Rows
from webapp.engine.search import match
from webapp.engine.sqlite import NO_INDEX, Read, existing, indexed_by, sample
from webapp.engine.statement import Sql
from webapp.engine.storage import ROW_ID, StoredTable, index_name, search_name, table_name

SMALL = 20_000  # rows that are read faster than thought about
SAMPLE = 2_000
COMMON = 10  # of the sample

PAGE = 100


def rows_of(read: Read, table: StoredTable, query: TableQuery) -> Rows:
    """The rows of the query, by the way that is likely the quickest."""
    plain = Rows(query, table.id)
    if not query.is_narrowed:
        return plain
    size = read(Sql(f"SELECT max({ROW_ID}) FROM {table_name(table.id)}"))[0][0] or 0
    if size <= SMALL:
        return plain
    order = index_name(table.id, query.sorts[0].field.number) if query.sorts else ""
    filtered = [index_name(table.id, condition.field.number) for condition in query.filters]
    names = existing(read, [search_name(table.id), *([order] if order else []), *filtered])
    ordered = order in names
    found = match(table.id, query.search) if search_name(table.id) in names else None
    if found and (not order or _is_rare(read, table, found, isqrt(PAGE * size) if ordered else size // 3)):
        return Rows(query, table.id, match=found)
    if not ordered and (order or not names.intersection(filtered)):
        return plain
    if _is_common(read, plain, size):
        return Rows(query, table.id, hint=indexed_by(order) if ordered else NO_INDEX)
    return Rows(query, table.id, in_order=False)


def _is_rare(read: Read, table: StoredTable, found: Sql, most: int) -> bool:
    """Whether the full-text index has at most so many rows: it leads the way then, else it is a detour."""
    limited = f"SELECT 1 FROM {search_name(table.id)} WHERE {found.text} LIMIT ?"
    return int(read(Sql(f"SELECT count(*) FROM ({limited})", (*found.values, most + 1)))[0][0]) <= most


def _is_common(read: Read, rows: Rows, size: int) -> bool:
    fits = rows.condition
    statement = sample(table_name(rows.table_id), "count(*)", fits, size, SAMPLE)
    return int(read(statement)[0][0]) >= COMMON
