"""Chooses the access path of a query, because SQLite's planner cannot know how many rows contain a text or match a
filter.

Walking an index in sort order finds a page at once if matches are common, and takes seconds if they are rare; so does
fetching the rows of a broad range one by one. Hence a small sample first estimates how common they are. The full-text
index yields the rows that contain all trigrams of a search; whether they are adjacent is checked on the rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isqrt

from webapp.rowstore.nul_escape import spellings
from webapp.rowstore.query import TableQuery
from webapp.rowstore.reader import PAGE_SIZE
from webapp.rowstore.sql import tables
from webapp.rowstore.sql.compile import Plan
from webapp.rowstore.sql.conditions import filter_sql
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.schema import index_name, table_name
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.sql.tables import ensure_own, highest_id
from webapp.rowstore.sqlite.dialect import DIALECT
from webapp.rowstore.sqlite.schema import ROW_ID, search_name
from webapp.rowstore.table_ref import TableRef

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


@dataclass(frozen=True, slots=True)
class SqlitePlan(Plan):
    hint: str = ""  # after the table's name: which index must be used

    @property
    def source(self) -> str:
        """The table, or its full-text index joined before it: in SQLite, CROSS JOIN fixes the order of a join."""
        table, search = table_name(self.table_id), search_name(self.table_id)
        if self.match:
            return f"{search} CROSS JOIN {table} ON {table}.{ROW_ID} = {search}.{ROW_ID}"
        return f"{table}{self.hint}"

    @property
    def row_id(self) -> str:
        return f"{search_name(self.table_id) if self.match else table_name(self.table_id)}.{ROW_ID}"


def make_plan(connection: Connection, table: TableRef, query: TableQuery, *, whole: bool = False) -> SqlitePlan:
    """The rows of the query, by the path likely to be fastest for one page, or for all rows.

    Raises `QueryError` for a query that uses other columns than those which a narrowed table shows.
    """
    ensure_own(table, query)
    query, table_id = query.sorted_by() if whole else query, table.id
    plain = SqlitePlan(DIALECT, query, table)
    if query.only or not (query.is_narrowed or table.scope):
        return plain
    size = highest_id(connection, table_id)
    if size <= tables.SMALL_TABLE:
        return plain
    order = index_name(table_id, query.sorts[0].field) if query.sorts else ""
    filtered = [index_name(table_id, group[0].field) for group in plain.groups if len(group) == 1]
    names = connection.existing_names([search_name(table_id), *([order] if order else []), *filtered])
    match = match_trigrams(connection, table_id, plain.terms, size) if search_name(table_id) in names else None
    limit = isqrt(PAGE_SIZE * size) if order in names else size // 3
    if match and (not order or _is_rare(connection, table_id, match, limit)):
        return SqlitePlan(DIALECT, query, table, match=match)
    if not query.sorts:
        plain = replace(plain, scan_end=size)
    if not names.intersection([order, *filtered]) or (whole and len(filtered) == 1):
        return plain
    return _plan_by_sample(connection, plain, size, order, names, whole)


def _plan_by_sample(
    connection: Connection, plan: SqlitePlan, size: int, order: str, names: set[str], whole: bool
) -> SqlitePlan:
    """Use the index of the sort, that of the narrowest filter, or none."""
    filters = [group[0] for group in plan.groups if len(group) == 1]  # alternatives use no index
    terms = [filter_sql(DIALECT, condition) for condition in filters] + [plan.condition]
    what = ", ".join(f"count(*) FILTER (WHERE {term.text})" for term in terms)
    statement = DIALECT.sample(table_name(plan.table_id), what, Sql("TRUE"), size, SAMPLE_ROWS)
    values = tuple(value for term in terms for value in term.values)
    *counts, matching = connection.execute(Sql(statement.text, (*values, *statement.values)))[0]
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


def match_trigrams(connection: Connection, table_id: int, texts: Sequence[str], size: int) -> Sql | None:
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
    selective = _select_trigrams(connection, search_name(table_id), trigrams, size)
    return Sql(f"{search_name(table_id)} MATCH ?", (" AND ".join(map(_quoted, selective)),))


def _is_rare(connection: Connection, table_id: int, match: Sql, limit: int) -> bool:
    """Whether the full-text index yields at most `limit` rows: then it leads, otherwise it is a detour."""
    limited = f"SELECT 1 FROM {search_name(table_id)} WHERE {match.text} LIMIT ?"
    return int(connection.execute(Sql(f"SELECT count(*) FROM ({limited})", (*match.values, limit + 1)))[0][0]) <= limit


def _select_trigrams(connection: Connection, name: str, trigrams: list[str], size: int) -> list[str]:
    """The trigrams worth querying. All rows contain those of “@example.org”: walking six such lists took 30 ms per
    million rows, while checking the few rows left by the “407” before it takes 1 ms.

    A trigram is left out only if it is common at both ends of the table, because files are often sorted.
    """
    if len(trigrams) == 1:
        return trigrams
    shares = _shares(connection, name, trigrams, size)
    rarest = min(trigrams, key=shares.__getitem__)
    cost = CHECK_COST * shares[rarest]
    common = [trigram for trigram in trigrams if trigram != rarest and shares[trigram] >= cost * (1 - shares[trigram])]
    if common and cost:
        at_end = _shares(connection, name, common, size, from_end=True)
        common = [trigram for trigram in common if at_end[trigram] >= cost * (1 - at_end[trigram])]
    return [trigram for trigram in trigrams if trigram not in common]


def _shares(
    connection: Connection, name: str, trigrams: list[str], size: int, *, from_end: bool = False
) -> dict[str, float]:
    """The share of rows that contain each, estimated from the first (or last) that do: 1 is every row, 0 is none."""
    order, reach = (f"ORDER BY {ROW_ID} DESC", f"{size} + 1 - min(id)") if from_end else ("", "max(id)")
    matches = f"SELECT {ROW_ID} AS id FROM {name} WHERE {name} MATCH ? {order} LIMIT {TRIGRAM_SAMPLE}"
    share = f"(SELECT 1.0 * count(*) / iif(count(*) < {TRIGRAM_SAMPLE}, {size}, {reach}) FROM ({matches}))"
    statement = Sql(f"SELECT {', '.join([share] * len(trigrams))}", tuple(map(_quoted, trigrams)))
    return dict(zip(trigrams, connection.execute(statement)[0], strict=True))


def _quoted(trigram: str) -> str:
    return f'''"{trigram.replace('"', '""')}"'''
