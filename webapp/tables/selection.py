"""Which rows a request is about: all that the view shows, or those that somebody has chosen. The query travels, not a
list: what it shows is looked up when something is done with it.
"""

from dataclasses import dataclass

from quart import request

from webapp.models import Table
from webapp.rowstore.errors import QueryError
from webapp.rowstore.query import TableQuery, count_rows, describe_query, format_ranges, merge_ranges, parse_ranges
from webapp.rowstore.query.row_ranges import MAX_RANGES_TEXT
from webapp.tables.address import parse_query
from webapp.web.formatting import plural

ALL = "all"


@dataclass(frozen=True, slots=True)
class RowSelection:
    """`view` is what the reader looks at; `rows` the query of the rows that are meant."""

    view: TableQuery
    rows: TableQuery

    @property
    def is_all(self) -> bool:
        return not self.rows.only

    @property
    def argument(self) -> str:
        """`rows` in an address."""
        return ALL if self.is_all else format_ranges(self.rows.only)

    @property
    def chosen(self) -> int:
        """How many were chosen one by one."""
        return count_rows(self.rows.only)

    def describe(self, count: int | None = None) -> str:
        """As in “412 rows where city is Oslo”, “all rows”, “12 chosen rows”."""
        if not self.is_all:
            number = self.chosen if count is None else count
            return f"{plural(number, 'chosen row')}"
        rows = "all rows" if count is None else "the only row" if count == 1 else f"all {plural(count, 'row')}"
        return rows + describe_query(self.view.sorted_by())


def parse_selection(table: Table) -> RowSelection | None:
    """`rows=1-5,9` or `rows=all`, or the boxes `r` of a form; None if the address names no rows. Raises
    `QueryError`.
    """
    view = parse_query(table)
    text, boxes = request.args.get("rows", ""), request.args.getlist("r")
    if text == ALL:
        return RowSelection(view, view)
    ranges = merge_ranges([*parse_ranges(text), *parse_ranges(",".join(boxes))])
    if len(format_ranges(ranges)) > MAX_RANGES_TEXT:
        raise QueryError(
            "These are too many separate rows for one address. Choose fewer, or search or filter and choose all.",
            "rows",
        )
    return RowSelection(view, view.only_rows(ranges)) if ranges else None
