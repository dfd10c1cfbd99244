"""Which columns a view shows, and in which order: as its address or the submitted list of columns has them."""

from collections.abc import Sequence

from werkzeug.datastructures import MultiDict

from webapp.rowstore.query import TableQuery
from webapp.rowstore.table_ref import Field


def arrange_columns(query: TableQuery, args: "MultiDict[str, str]") -> list[tuple[Field, bool]]:
    """All columns in display order, each with whether it is shown: as the query or the submitted form has them."""
    shown_numbers = {field.number for field in query.visible}
    order = [*query.visible, *(field for field in query.fields if field.number not in shown_numbers)]
    is_submitted = any(name.startswith("place.") for name in args)
    if "all" in args:
        order, shown_numbers = list(query.fields), {field.number for field in query.fields}
    elif is_submitted:
        checked = set(args.getlist("show"))
        shown_numbers = {field.number for field in query.fields if str(field.number) in checked}
        order = _move(_sort_by_place(order, args), args.get("move", ""))
    elif move := args.get("move"):
        order = [*_move_before(query, move).visible, *order[len(query.visible) :]]
    return [(field, field.number in shown_numbers) for field in order]


def _sort_by_place(order: Sequence[Field], args: "MultiDict[str, str]") -> list[Field]:
    """A typed position goes before the column that had it."""
    before = {field: place for place, field in enumerate(order, 1)}

    def sort_key(field: Field) -> tuple[int, bool, int]:
        place = args.get(f"place.{field.number}", type=int) or before[field]
        return place, place == before[field], before[field]

    return sorted(order, key=sort_key)


def _move_before(query: TableQuery, move: str) -> TableQuery:
    """`move`: a column's number and that of the one it goes before, as in `3.before.5`; `3.before.` is the end."""
    number, _, before = move.partition(".before.")
    return query.with_column_moved(query.field(number, "move").number, int(before) if before.isdigit() else None)


def _move(order: list[Field], move: str) -> list[Field]:
    """`move`: a column's number and direction, as in `3.up`."""
    number, _, direction = move.partition(".")
    index = next((index for index, field in enumerate(order) if str(field.number) == number), None)
    if index is None or direction not in ("up", "down"):
        return order
    other = index - 1 if direction == "up" else index + 1
    if 0 <= other < len(order):
        order[index], order[other] = order[other], order[index]
    return order
