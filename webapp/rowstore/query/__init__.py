"""Views of a table: from a URL to SQL, to links and to a sentence.

query = TableQuery.from_args(request.args, table.columns)   # QueryError when it cannot be answered
page = await fetch_rows(db(), table, query, after=request.args.get("after"))
query.toggle_sort(3).query_string()                         # "?sort=3"
"""

from webapp.rowstore.errors import QueryError, QueryTimeout
from webapp.rowstore.query.args import Sort, TableQuery
from webapp.rowstore.query.filters import OPERATORS, Filter, Operator
from webapp.rowstore.query.sentence import Chip, chips, described, order, sentence

__all__ = [
    "OPERATORS",
    "Chip",
    "Filter",
    "Operator",
    "QueryError",
    "QueryTimeout",
    "Sort",
    "TableQuery",
    "chips",
    "described",
    "order",
    "sentence",
]
