"""What one scan of rows says of a column: how many cells are filled, the ends of its values, their sum and average."""

from collections.abc import Sequence
from typing import Any

from webapp.rowstore.query.grouping import SUMMED
from webapp.rowstore.sql.dialect import Dialect, is_exception
from webapp.rowstore.sql.schema import column_name, companion_name
from webapp.rowstore.table_ref import Field
from webapp.rowstore.values import Figures
from webapp.types import TYPES

SIZE = 6  # expressions of a column
_WITHOUT_ENDS = ("text", "boolean")


def figures_sql(dialect: Dialect, column: Field) -> str:
    """`SIZE` aggregates: cells with a value, filled ones without, the lowest and highest value, average, sum."""
    name = column_name(column)
    odd = f"count(*) FILTER (WHERE {is_exception(column)})" if companion_name(column) else "0"
    ends = "NULL, NULL" if column.type in _WITHOUT_ENDS else f"min({name}), max({name})"
    numbers = f"{dialect.average(name)}, {dialect.total(name)}" if column.type in SUMMED else "NULL, 0.0"
    return f"count({name}), {odd}, {ends}, {numbers}"


def read_figures(column: Field, rows: int, values: Sequence[Any]) -> Figures:
    """What `figures_sql` gave, as the column writes it; `rows` is the number of rows."""
    valued, odd, lowest, highest, average, total = values
    minimum, maximum = (None if end is None else column.print_value(end) for end in (lowest, highest))
    has_sum = average is not None
    return Figures(
        rows,
        valued + odd,
        odd,
        minimum,
        maximum,
        _print(column, average, 2) if has_sum else None,
        _print(column, total, 0) if has_sum else None,
    )


def _print(column: Field, value: float, more_decimals: int) -> str:
    """In the column's format, with some more decimals; beyond a double's precision only the leading digits."""
    if column.type == "duration":
        return column.kind.print(value, column.format)
    if abs(value) >= 2**53:
        return f"{value:.6g}".replace(".", str(column.format.get("mark", ".")))
    scale = int(column.format.get("scale", 0)) + more_decimals
    return TYPES["decimal"].print(value, {**column.format, "style": "fixed", "scale": scale})
