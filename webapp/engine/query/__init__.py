"""Views of a table: from a URL to SQL, to links and to a sentence.

query = TableQuery.from_args(request.args, table.columns)   # QueryProblem when it cannot be answered
page = await fetch_rows(db(), table, query, after=request.args.get("after"))
query.toggle_sort(3).query_string()                         # "?sort=3"
"""

from webapp.engine.problems import QueryProblem, QueryTimeout
from webapp.engine.query.args import Sort, TableQuery
from webapp.engine.query.filters import OPERATORS, Filter, Operator
from webapp.engine.query.pages import (
    COUNT_LIMIT,
    PAGE_SIZE,
    Count,
    Page,
    RowView,
    count_rows,
    fetch_row,
    fetch_rows,
    row_position,
)
from webapp.engine.query.sentence import Chip, chips, described, order, sentence

__all__ = [
    "COUNT_LIMIT",
    "OPERATORS",
    "PAGE_SIZE",
    "Chip",
    "Count",
    "Filter",
    "Operator",
    "Page",
    "QueryProblem",
    "QueryTimeout",
    "RowView",
    "Sort",
    "TableQuery",
    "chips",
    "count_rows",
    "described",
    "fetch_row",
    "fetch_rows",
    "order",
    "row_position",
    "sentence",
]
