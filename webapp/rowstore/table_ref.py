"""A table as the row store knows it: plain values, safe to keep, to hand to a thread and to send to a child process."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from webapp.types import NULL, TYPES, ColumnType


class ColumnLike(Protocol):
    """What makes a field; implemented by `webapp.models.Column`."""

    @property
    def number(self) -> int: ...
    @property
    def title(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def format(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Field:
    """A column. Its number never changes; titles are data and never reach SQL."""

    number: int
    title: str = field(compare=False)
    type: str
    format: dict[str, Any] = field(compare=False)

    @classmethod
    def of(cls, column: ColumnLike) -> "Field":
        return cls(column.number, column.title, column.type, dict(column.format))

    @property
    def kind(self) -> ColumnType:
        return TYPES[self.type]

    @property
    def shown(self) -> dict[str, Any]:
        """The format for the screen: empty cells are empty there, whatever token (NA) the file uses."""
        return {name: value for name, value in self.format.items() if name != NULL}


@dataclass(frozen=True, slots=True)
class TableRef:
    """A table and its columns, in table order."""

    id: int
    fields: tuple[Field, ...]

    @classmethod
    def of(cls, table_id: int, columns: Iterable[ColumnLike]) -> "TableRef":
        return cls(table_id, tuple(map(Field.of, columns)))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TableRef":
        """The reverse of `dataclasses.asdict`."""
        return cls(data["id"], tuple(Field(**field) for field in data["fields"]))
