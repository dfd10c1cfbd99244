"""What part of a table is shown, independent of any database: from a URL, to links, to a sentence.

query = TableQuery.from_args(request.args, table.ref.fields)  # QueryError when it cannot be answered
query.toggle_sort(3).query_string()  # "?sort=3"
"""

from webapp.rowstore.query.args import TableQuery
from webapp.rowstore.query.descriptions import describe_query, describe_rows
from webapp.rowstore.query.filters import OPERATORS, Filter, Operator, describe_exceptions, operator_label
from webapp.rowstore.query.periods import Clock
from webapp.rowstore.query.row_ranges import RowRanges, count_rows, format_ranges, merge_ranges, parse_ranges
from webapp.rowstore.query.sorts import Sort, describe_direction, describe_order

__all__ = [
    "OPERATORS",
    "Clock",
    "Filter",
    "Operator",
    "RowRanges",
    "Sort",
    "TableQuery",
    "count_rows",
    "describe_direction",
    "describe_exceptions",
    "describe_order",
    "describe_query",
    "describe_rows",
    "format_ranges",
    "merge_ranges",
    "operator_label",
    "parse_ranges",
]
