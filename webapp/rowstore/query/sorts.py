"""A column to sort by, in the URL and in words."""

from collections.abc import Iterable
from dataclasses import dataclass

from webapp.rowstore.table_ref import Field

_DIRECTIONS = {
    "text": ("A to Z", "Z to A"),
    "date": ("oldest first", "newest first"),
    "datetime": ("oldest first", "newest first"),
}
_NUMBERS = ("lowest first", "highest first")


@dataclass(frozen=True, slots=True)
class Sort:
    """A column to sort by. Empty cells come last in both directions."""

    field: Field
    descending: bool = False

    @property
    def argument(self) -> str:
        return f"{'-' if self.descending else ''}{self.field.number}"


def describe_order(sorts: Iterable[Sort]) -> str:
    """As in "by price, highest first"; empty in file order."""
    return ", then ".join(map(_describe_sort, sorts))


def _describe_sort(sort: Sort) -> str:
    return f"by {sort.field.title}, {describe_direction(sort.field, sort.descending)}"


def describe_direction(field: Field, is_descending: bool) -> str:
    """Such as "lowest first"; for a column of yes and no, with the file's own words."""
    if field.type == "boolean":
        return f"{field.kind.print(1 if is_descending else 0, field.format)} first"
    return _DIRECTIONS.get(field.type, _NUMBERS)[is_descending]
