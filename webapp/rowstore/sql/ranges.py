"""The ranges that the values of a column are put into: its edges, how they are written, and the query for one."""

from typing import Any

from webapp.rowstore.histogram import (
    MAX_BARS,
    DateUnit,
    Range,
    date_ranges,
    duration_ranges,
    number_ranges,
    time_ranges,
)
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sql.dialect import layout_of
from webapp.rowstore.table_ref import Field
from webapp.types import TYPES
from webapp.types.layouts import date_part, layout
from webapp.types.number_format import MAX_DIGITS

_DECIMALS_OF_SECONDS = 6


def column_ranges(column: Field, lowest: Any, highest: Any, most: int = MAX_BARS) -> list[Range]:
    """From the lowest to the highest value, as stored; about as many as `most` or fewer."""
    if column.type in ("date", "datetime"):
        return date_ranges(lowest, highest, shortest_unit(column), most)
    if column.type == "time":
        has_seconds = "ss" in layout_of(column) or (column.keeps_texts and lowest < highest)
        return time_ranges(lowest, highest, has_seconds=has_seconds, most=most)
    if column.type == "duration":
        return _duration_ranges(column, lowest, highest, most)
    scale = int(column.format.get("scale", 0))
    if column.keeps_texts and column.type == "decimal" and lowest < highest:
        scale = MAX_DIGITS  # there may be more decimals than it prints
    return number_ranges(lowest, highest, scale, most)


def shortest_unit(column: Field) -> DateUnit:
    """The shortest time that the layout of a date tells apart."""
    parts = layout(layout_of(column)).parts
    return "day" if "day" in parts or "weekday" in parts else "week" if "week" in parts else "month"


def print_range(column: Field, range_: Range) -> tuple[str, str]:
    """Its low and high end, as the column writes them; of a datetime whole days, in the column's own format."""
    if column.type == "datetime":
        format = {"layout": date_part(column.format["layout"])}
        low, high = (TYPES["date"].print(edge, format) for edge in (range_.low, range_.high))
    elif column.type == "time":
        low, high = (_time_text(column, edge) for edge in (range_.low, range_.high))
    else:
        low, high = map(column.print_value, (range_.low, range_.high))
    return low, high


def narrow_to_range(query: TableQuery, column: Field, range_: Range) -> TableQuery:
    """The query for exactly its rows."""
    low, high = print_range(column, range_)
    if column.type not in ("decimal", "duration"):
        return query.with_filter(column.number, "between", low, high)
    return query.with_filter(column.number, "ge", low).with_filter(column.number, "lt", high)


def _duration_ranges(column: Field, lowest: float, highest: float, most: int) -> list[Range]:
    if column.keeps_texts and lowest < highest:  # there may be more decimals than it prints
        return duration_ranges(lowest, highest, _DECIMALS_OF_SECONDS, most=most)
    _, _, seconds = layout_of(column).partition(":mm")
    decimals = max(0, len(seconds) - len(":ss."))
    return duration_ranges(lowest, highest, decimals, has_seconds=bool(seconds), most=most)


def _time_text(column: Field, time: str) -> str:
    """As the column writes it, if that says all."""
    text = column.print_value(time)
    return text if column.kind.read(text, column.format) == time else time
