"""A query in words: the sentence of the status line."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from webapp.rowstore.query.args import Sort, TableQuery

_DIRECTIONS = {
    "text": ("A to Z", "Z to A"),
    "date": ("oldest first", "newest first"),
    "datetime": ("oldest first", "newest first"),
}
_NUMBERS = ("lowest first", "highest first")


def sentence(
    query: "TableQuery",
    total: int,
    shown: int | None = None,
    *,
    more: bool = False,
    number: Callable[[int], str] = "{:,}".format,
) -> str:
    """As in "412 of 1,000,000 rows where city is Oslo, by price, highest first"; `number` formats the counts."""
    return _how_many(query, number(total), None if shown is None else number(shown), more) + described(query)


def described(query: "TableQuery") -> str:
    """The sentence without its counts: starts with a space or a comma, or is empty."""
    said = f" that hold “{query.search}”" if query.search else ""
    if query.filters:
        said += (" and" if said else "") + " where " + _and([condition.words for condition in query.filters])
    if query.sorts:
        said += ", " + order(query)
    return said


def order(query: "TableQuery") -> str:
    """As in "by price, highest first"; empty in file order."""
    return ", then ".join(_sorted_by(sort) for sort in query.sorts)


def _how_many(query: "TableQuery", total: str, shown: str | None, more: bool) -> str:
    rows = "row" if total == "1" else "rows"
    if not query.is_narrowed:
        return f"{total} {rows}"
    if shown is None:
        return f"Of {total} rows those"
    return f"{shown}{'+' if more else ''} of {total} {rows}"


def _sorted_by(sort: "Sort") -> str:
    if sort.field.type == "boolean":
        first = sort.field.kind.print(1 if sort.descending else 0, sort.field.format)
        return f"by {sort.field.title}, {first} first"
    return f"by {sort.field.title}, {_DIRECTIONS.get(sort.field.type, _NUMBERS)[sort.descending]}"


def _and(parts: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)
