"""A query in words, as the status line of a grid has it."""

from collections.abc import Callable

from webapp.rowstore.query.args import TableQuery
from webapp.rowstore.query.filters import describe_filters
from webapp.rowstore.query.row_ranges import count_rows
from webapp.rowstore.query.search import describe_search
from webapp.rowstore.query.sorts import describe_order


def describe_rows(
    query: TableQuery,
    total: int | None,
    shown: int | None = None,
    *,
    is_capped: bool = False,
    format_number: Callable[[int], str] = "{:,}".format,
) -> str:
    """As in "412 of 1,000,000 rows where city is Oslo, by price, highest first"; `shown` is None if it is unknown, and
    capped if there may be more. `total` is None for whoever sees a part of the table and not how large it is.
    """
    if total is None:
        number = "Rows" if shown is None else f"{format_number(shown)}{'+' if is_capped else ''}"
        rows = number if shown is None else f"{number} {'row' if shown == 1 else 'rows'}"
        return rows + describe_query(query)
    rows = f"{format_number(total)} {'row' if total == 1 else 'rows'}"
    if query.is_narrowed and shown is None:
        rows = f"Of {format_number(total)} rows, those"
    elif query.is_narrowed and shown is not None:
        rows = f"{format_number(shown)}{'+' if is_capped else ''} of {rows}"
    return rows + describe_query(query)


def describe_query(query: TableQuery) -> str:
    """The description without its counts: starts with a space or a comma, or is empty."""
    if query.only:
        return f", {count_rows(query.only):,} chosen"
    text = f" matching {describe_search(query.terms)}" if query.search else ""
    if query.filters:
        text += f"{' and' if text else ''} where {describe_filters(query.filters)}"
    if query.sorts:
        text += f", {describe_order(query.sorts)}"
    return text
