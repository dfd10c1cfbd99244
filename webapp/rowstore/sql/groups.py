"""The rows of a query in groups that have the same value in one column: how many, and sums of other columns."""

from typing import Any

from webapp.rowstore.nul_escape import decode
from webapp.rowstore.query import TableQuery
from webapp.rowstore.query.filters import Filter, make_filter
from webapp.rowstore.query.grouping import Grouping
from webapp.rowstore.query.periods import Clock
from webapp.rowstore.sql.connection import Connection
from webapp.rowstore.sql.dialect import is_exception
from webapp.rowstore.sql.figures import SIZE, figures_sql, read_figures
from webapp.rowstore.sql.profile import MAX_VALUE, compared_text
from webapp.rowstore.sql.schema import column_name
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import Group, Groups

_ORDERS = {
    "ascending": "v IS NULL, is_plain, {value}, v",
    "descending": "v IS NULL, is_plain, {value} DESC, v DESC",
    "rows": "n DESC, v IS NULL, is_plain, {value}, v",
}


def find_groups(
    connection: Connection, table: TableRef, query: TableQuery, grouping: Grouping, start: int, size: int
) -> Groups:
    """The groups from number `start` on (from 0), at most `size`. Empty cells come last, and before them those that
    have a text but no value.
    """
    field = grouping.field
    name = column_name(field)
    value = compared_text(connection.dialect, name) if field.type == "text" else name
    figures = "".join(f", {figures_sql(connection.dialect, each)}" for each in grouping.sums)
    what = f"{value} AS v, NOT {is_exception(field)} AS is_plain, count(*) AS n{figures}"
    rows = connection.make_plan(table, query.sorted_by(), whole=True).select(what)
    order = _ORDERS[grouping.order].format(value=connection.dialect.ignoring_case("v") if field.type == "text" else "v")
    totals = "(SELECT count(*) FROM found), (SELECT sum(n) FROM found)"
    text = f"WITH found AS MATERIALIZED ({rows.text} GROUP BY 1, 2) SELECT {totals}, * FROM found ORDER BY {order}"
    found = connection.execute(Sql(f"{text} LIMIT ? OFFSET ?", (*rows.values, size, start)))
    if not found and start:
        return find_groups(connection, table, query, grouping, 0, size)
    number, total = found[0][:2] if found else (0, 0)
    return Groups([_read_group(query.clock, grouping, row[2:]) for row in found], start, number, total)


def _read_group(clock: Clock, grouping: Grouping, row: Any) -> Group:
    value, is_empty, rows, *figures = row
    parts = [figures[start : start + SIZE] for start in range(0, len(figures), SIZE)]
    sums = [read_figures(field, rows, part).sum for field, part in zip(grouping.sums, parts, strict=True)]
    return Group(*_name(clock, grouping.field, value, is_empty), rows, tuple(sums))


def _name(clock: Clock, field: Field, value: Any, is_empty: bool) -> tuple[str | None, Filter | None]:
    """The value in words, None without one; and what is true of the group's rows."""
    if value is None:
        return None, make_filter(field, "empty" if is_empty else "novalue", (), clock)
    text = decode(field.print_value(value))
    if len(text) > MAX_VALUE:
        return text[:MAX_VALUE] + "…", None
    return text, make_filter(field, "eq", (text,), clock)
