"""Chooses the access path of a query, because SQLite's planner cannot know how many rows contain a text or match a
filter.

Walking an index in sort order finds a page at once if matches are common, and takes seconds if they are rare; so does
fetching the rows of a broad range one by one. Hence a small sample first estimates how common they are.
"""

from dataclasses import replace
from math import isqrt

from webapp.rowstore.query.args import TableQuery
from webapp.rowstore.sqlite.compile import Rows
from webapp.rowstore.sqlite.connection import NO_INDEX, Read, existing, indexed_by, sample
from webapp.rowstore.sqlite.schema import ROW_ID, StoredTable, index_name, search_name, table_name
from webapp.rowstore.sqlite.search import match
from webapp.rowstore.sqlite.statement import Sql

SMALL = 20_000  # rows; below this, reading them all is faster than planning
PAGE = 100

# In a sample of this size, how many rows must match: to walk past the others until a page is full; to do so although a
# filter's index leads to all matches; to scan all rows rather than to fetch each match through a filter's index.
SAMPLE = 2_000
COMMON, COMMON_BESIDE_INDEX, BROAD = 10, 40, 100
# Operators that can use an index.
_SEEKING = frozenset(("eq", "lt", "le", "gt", "ge", "between", "before", "after", "empty"))


def rows_of(read: Read, table: StoredTable, query: TableQuery, *, whole: bool = False) -> Rows:
    """The rows of the query, by the path likely to be fastest for one page, or for all rows."""
    query = query.sorted_by() if whole else query
    plain = Rows(query, table.id)
    if not query.is_narrowed:
        return plain
    size = read(Sql(f"SELECT max({ROW_ID}) FROM {table_name(table.id)}"))[0][0] or 0
    if size <= SMALL:
        return plain
    order = index_name(table.id, query.sorts[0].field.number) if query.sorts else ""
    filtered = [index_name(table.id, condition.field.number) for condition in query.filters]
    names = existing(read, [search_name(table.id), *([order] if order else []), *filtered])
    found = match(read, table.id, query.search, size) if search_name(table.id) in names else None
    if found and (not order or _is_rare(read, table, found, isqrt(PAGE * size) if order in names else size // 3)):
        return Rows(query, table.id, match=found)
    if not query.sorts:
        plain = replace(plain, scanned=size)
    if not names.intersection([order, *filtered]) or (whole and len(filtered) == 1):
        return plain
    return _sampled(read, plain, size, order, names, whole)


def _sampled(read: Read, rows: Rows, size: int, order: str, names: set[str], whole: bool) -> Rows:
    """Use the index of the sort, that of the narrowest filter, or none."""
    filters = rows.query.filters
    terms = [condition.sql for condition in filters] + [rows.condition]
    what = ", ".join(f"count(*) FILTER (WHERE {term.text})" for term in terms)
    statement = sample(table_name(rows.table_id), what, Sql("1"), size, SAMPLE)
    values = tuple(value for term in terms for value in term.values)
    *each, fitting = read(Sql(statement.text, (*values, *statement.values)))[0]
    seeking = [
        (count, index)
        for count, condition in zip(each, filters, strict=True)
        if condition.operator in _SEEKING and count < BROAD
        if (index := index_name(rows.table_id, condition.field.number)) in names
    ]
    if not whole and order in names and fitting >= (COMMON_BESIDE_INDEX if seeking else COMMON):
        return replace(rows, hint=indexed_by(order))
    if not whole and not order and fitting >= COMMON:
        return replace(rows, hint=NO_INDEX)
    if seeking:
        return replace(rows, hint=indexed_by(min(seeking)[1]), in_order=False, scanned=None)
    return replace(rows, hint=NO_INDEX, in_order=False)


def _is_rare(read: Read, table: StoredTable, found: Sql, most: int) -> bool:
    """Whether the full-text index yields at most `most` rows: then it leads, otherwise it is a detour."""
    limited = f"SELECT 1 FROM {search_name(table.id)} WHERE {found.text} LIMIT ?"
    return int(read(Sql(f"SELECT count(*) FROM ({limited})", (*found.values, most + 1)))[0][0]) <= most
