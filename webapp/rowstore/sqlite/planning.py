"""Chooses the access path of a query, because SQLite's planner cannot know how many rows contain a text or match a
filter.

Walking an index in sort order finds a page at once if matches are common, and takes seconds if they are rare; so does
fetching the rows of a broad range one by one. Hence a small sample first estimates how common they are. The full-text
index yields the rows that contain all trigrams of a search; whether they are adjacent is checked on the rows.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from math import isqrt
from typing import Any

from webapp.rowstore.nul_escape import spellings
from webapp.rowstore.query import TableQuery
from webapp.rowstore.reader import PAGE_SIZE
from webapp.rowstore.sqlite.compile import Plan
from webapp.rowstore.sqlite.conditions import filter_sql
from webapp.rowstore.sqlite.schema import ROW_ID, index_name, index_prefix, search_name, table_name
from webapp.rowstore.sqlite.statement import Sql
from webapp.rowstore.table_ref import TableRef

Execute = Callable[[Sql], Sequence[Any]]  # runs one statement and returns all its rows
Iterate = Callable[[Sql], Iterator[list[Any]]]  # the same in batches, until the iterator is closed

SMALL_TABLE = 20_000  # rows; below this, reading them all is faster than planning

# In a sample of this size, how many rows must match: to walk past the others until a page is full; to do so although a
# filter's index leads to all matches; to scan all rows rather than to fetch each match through a filter's index.
SAMPLE_ROWS = 2_000
COMMON, COMMON_BESIDE_INDEX, BROAD = 10, 40, 100
# Operators that can use an index.
_SEEKING = frozenset(("eq", "lt", "le", "gt", "ge", "between", "within", "before", "after", "empty", "novalue"))
_NO_INDEX = " NOT INDEXED"

TRIGRAM = 3  # characters
TRIGRAM_SAMPLE = 100  # rows with a trigram that suffice to estimate its share
CHECK_COST = 1_000  # checking one row takes as long as passing this many rows of a trigram


def make_plan(execute: Execute, table: TableRef, query: TableQuery, *, whole: bool = False) -> Plan:
    """The rows of the query, by the path likely to be fastest for one page, or for all rows.

    Raises `QueryError` for a query that uses other columns than those which a narrowed table shows.
    """
    ensure_own(table, query)
    query, table_id = query.sorted_by() if whole else query, table.id
    plain = Plan(query, table)
    if query.only or not (query.is_narrowed or table.scope):
        return plain
    size = highest_id(execute, table_id)
    if size <= SMALL_TABLE:
        return plain
    order = index_name(table_id, query.sorts[0].field) if query.sorts else ""
    filtered = [index_name(table_id, group[0].field) for group in plain.groups if len(group) == 1]
    names = existing_names(execute, [search_name(table_id), *([order] if order else []), *filtered])
    match = match_trigrams(execute, table_id, plain.terms, size) if search_name(table_id) in names else None
    limit = isqrt(PAGE_SIZE * size) if order in names else size // 3
    if match and (not order or _is_rare(execute, table_id, match, limit)):
        return Plan(query, table, match=match)
    if not query.sorts:
        plain = replace(plain, scan_end=size)
    if not names.intersection([order, *filtered]) or (whole and len(filtered) == 1):
        return plain
    return _plan_by_sample(execute, plain, size, order, names, whole)


def ensure_own(table: TableRef, query: TableQuery) -> None:
    """Raises `QueryError` if a narrowed table does not show all that the query uses."""
    sorted_by, filtered = (sort.field for sort in query.sorts), (condition.field for condition in query.filters)
    table.ensure_shown(chain(query.fields, query.visible, sorted_by, filtered))


def existing_names(execute: Execute, names: Sequence[str]) -> set[str]:
    """Which of these tables and indexes exist."""
    marks = ", ".join("?" * len(names))
    return {row[0] for row in execute(Sql(f"SELECT name FROM sqlite_master WHERE name IN ({marks})", tuple(names)))}


def indexed_columns(execute: Execute, table_id: int) -> set[int]:
    """The numbers of the stored columns that have an index."""
    beginning = index_prefix(table_id)
    statement = "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ?"
    names = [row[0] for row in execute(Sql(statement, (table_name(table_id),)))]
    return {int(name.removeprefix(beginning)) for name in names if name.startswith(beginning)}


def highest_id(execute: Execute, table_id: int) -> int:
    return int(execute(Sql(f"SELECT max({ROW_ID}) FROM {table_name(table_id)}"))[0][0] or 0)


def sample_sql(table_id: int, what: str, where: Sql, size: int, rows: int) -> Sql:
    """`what` over about this many `rows`, spread evenly over a table whose highest id is `size`."""
    step, table = max(size // rows, 1), table_name(table_id)
    ids = f"WITH RECURSIVE ids(id) AS (SELECT 1 UNION ALL SELECT id + {step} FROM ids WHERE id + {step} <= {size})"
    source = f"ids CROSS JOIN {table} ON {table}.{ROW_ID} = ids.id"
    return Sql(f"{ids} SELECT {what} FROM {source} WHERE {where.text}", where.values)


def _plan_by_sample(execute: Execute, plan: Plan, size: int, order: str, names: set[str], whole: bool) -> Plan:
    """Use the index of the sort, that of the narrowest filter, or none."""
    filters = [group[0] for group in plan.groups if len(group) == 1]  # alternatives use no index
    terms = [filter_sql(condition) for condition in filters] + [plan.condition]
    what = ", ".join(f"count(*) FILTER (WHERE {term.text})" for term in terms)
    statement = sample_sql(plan.table_id, what, Sql("1"), size, SAMPLE_ROWS)
    values = tuple(value for term in terms for value in term.values)
    *counts, matching = execute(Sql(statement.text, (*values, *statement.values)))[0]
    seeking = [
        (count, index)
        for count, condition in zip(counts, filters, strict=True)
        if condition.operator in _SEEKING and count < BROAD
        if (index := index_name(plan.table_id, condition.field)) in names
    ]
    if not whole and order in names and matching >= (COMMON_BESIDE_INDEX if seeking else COMMON):
        return replace(plan, hint=f" INDEXED BY {order}")
    if not whole and not order and matching >= COMMON:
        return replace(plan, hint=_NO_INDEX)
    if seeking:
        return replace(plan, hint=f" INDEXED BY {min(seeking)[1]}", may_use_sort_index=False, scan_end=None)
    return replace(plan, hint=_NO_INDEX, may_use_sort_index=False)


# -- the full-text index -----------------------------------------------------------------------------------------------


def match_trigrams(execute: Execute, table_id: int, texts: Sequence[str], size: int) -> Sql | None:
    """The index query for rows that contain the trigrams of all texts, each in whatever cell.

    Of a text that is too short, or may be stored in two ways, the index knows nothing. None: of none of them.

    `size` is the highest row of the table. Trigrams that add nothing to the others are left out, because the rows found
    are checked anyway.
    """
    known = [stored for stored, *others in map(spellings, texts) if not others]
    pieces = (text[start : start + TRIGRAM] for text in known for start in range(len(text) - TRIGRAM + 1))
    trigrams = list(dict.fromkeys(pieces))
    if not trigrams:
        return None
    selective = _select_trigrams(execute, search_name(table_id), trigrams, size)
    return Sql(f"{search_name(table_id)} MATCH ?", (" AND ".join(map(_quoted, selective)),))


def _is_rare(execute: Execute, table_id: int, match: Sql, limit: int) -> bool:
    """Whether the full-text index yields at most `limit` rows: then it leads, otherwise it is a detour."""
    limited = f"SELECT 1 FROM {search_name(table_id)} WHERE {match.text} LIMIT ?"
    return int(execute(Sql(f"SELECT count(*) FROM ({limited})", (*match.values, limit + 1)))[0][0]) <= limit


def _select_trigrams(execute: Execute, name: str, trigrams: list[str], size: int) -> list[str]:
    """The trigrams worth querying. All rows contain those of “@example.org”: walking six such lists took 30 ms per
    million rows, while checking the few rows left by the “407” before it takes 1 ms.

    A trigram is left out only if it is common at both ends of the table, because files are often sorted.
    """
    if len(trigrams) == 1:
        return trigrams
    shares = _shares(execute, name, trigrams, size)
    rarest = min(trigrams, key=shares.__getitem__)
    cost = CHECK_COST * shares[rarest]
    common = [trigram for trigram in trigrams if trigram != rarest and shares[trigram] >= cost * (1 - shares[trigram])]
    if common and cost:
        at_end = _shares(execute, name, common, size, from_end=True)
        common = [trigram for trigram in common if at_end[trigram] >= cost * (1 - at_end[trigram])]
    return [trigram for trigram in trigrams if trigram not in common]


def _shares(execute: Execute, name: str, trigrams: list[str], size: int, *, from_end: bool = False) -> dict[str, float]:
    """The share of rows that contain each, estimated from the first (or last) that do: 1 is every row, 0 is none."""
    order, reach = (f"ORDER BY {ROW_ID} DESC", f"{size} + 1 - min(id)") if from_end else ("", "max(id)")
    matches = f"SELECT {ROW_ID} AS id FROM {name} WHERE {name} MATCH ? {order} LIMIT {TRIGRAM_SAMPLE}"
    share = f"(SELECT 1.0 * count(*) / iif(count(*) < {TRIGRAM_SAMPLE}, {size}, {reach}) FROM ({matches}))"
    statement = Sql(f"SELECT {', '.join([share] * len(trigrams))}", tuple(map(_quoted, trigrams)))
    return dict(zip(trigrams, execute(statement)[0], strict=True))


def _quoted(trigram: str) -> str:
    return f'''"{trigram.replace('"', '""')}"'''
