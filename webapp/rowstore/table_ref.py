"""A table as the row store knows it: plain values, safe to keep, to hand to a thread and to send to a child process."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from webapp.rowstore.errors import QueryError
from webapp.types import NULL, TYPES, ColumnType, Value
from webapp.types.duration import print_duration


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
    @property
    def keeps_texts(self) -> bool: ...
    @property
    def storage(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Field:
    """A column. Its number never changes; titles are data and never reach SQL.

    `storage` is the number of the stored column that has its values: its own at first, another one after each change of
    its type.

    A column that `keeps_texts` stores the text of every cell that differs from how its value is printed, in a companion
    column that is NULL where the value prints back.
    """

    number: int
    title: str = field(compare=False)
    type: str
    format: dict[str, Any] = field(compare=False)
    keeps_texts: bool = False
    storage: int = 0  # 0 is written as the column's own number

    def __post_init__(self) -> None:
        if not self.storage:
            object.__setattr__(self, "storage", self.number)

    @classmethod
    def of(cls, column: ColumnLike) -> "Field":
        return cls(column.number, column.title, column.type, dict(column.format), column.keeps_texts, column.storage)

    @property
    def kind(self) -> ColumnType:
        return TYPES[self.type]

    @property
    def operators(self) -> tuple[str, ...]:
        """The filters it takes: those of its type, those on its texts, and whether a cell has a value at all."""
        names = [*self.kind.operators]
        if self.type != "text":
            names += ["novalue"] if self.keeps_texts else []
            names += ["contains"] if self.type != "boolean" else []
        return tuple(dict.fromkeys(names))

    def print_value(self, value: Value) -> str:
        """As the format prints it; or where that would round it, which it may if texts are kept, with all digits, and a
        day or a time as ISO writes it.
        """
        text = self.kind.print(value, self.format)
        if not self.keeps_texts or value is None or self.kind.read(text, self.format) == value:
            return text
        if isinstance(value, float) and self.type == "duration":
            return print_duration(value)
        if isinstance(value, float):
            return repr(value).replace(".", str(self.format.get("mark", ".")))
        return str(value)

    @property
    def empty_text(self) -> str:
        """The text of a cell without a value, such as `NA` if the whole column is written so."""
        return self.kind.print(None, self.format)

    @property
    def shown(self) -> dict[str, Any]:
        """The format for the screen: empty cells are empty there, whatever token (NA) the file uses."""
        return {name: value for name, value in self.format.items() if name != NULL}


class RowScope(Protocol):
    """Which rows there are for somebody: those that filters and a search show. Implemented by `TableQuery`."""

    @property
    def fields(self) -> tuple[Field, ...]: ...  # that the search looks at
    @property
    def groups(self) -> list[list[Any]]: ...
    @property
    def terms(self) -> tuple[str, ...]: ...
    @property
    def only(self) -> tuple[Any, ...]: ...


@dataclass(frozen=True, slots=True)
class TableRef:
    """A table and its columns, in table order. `kept` are columns that were deleted: nothing shows or finds their
    cells, but these go and come back with their rows.

    For somebody who may see only a part of the table it is narrowed. `hidden` are the columns that they may not see:
    like those that were deleted, but the search index has them. `scope` shows the rows that they may see, and may use
    hidden columns for that: no other row is there for whatever is done with this reference.
    """

    id: int
    fields: tuple[Field, ...]
    kept: tuple[Field, ...] = ()
    hidden: tuple[Field, ...] = ()
    scope: RowScope | None = None

    def __post_init__(self) -> None:
        if self.scope is not None and self.scope.only:
            raise ValueError("a scope is a search and filters")

    @property
    def stored(self) -> tuple[Field, ...]:
        """The columns that a row has cells of, in the order in which `StoredRow` has them."""
        return (*self.fields, *self.kept, *self.hidden)

    @property
    def indexed(self) -> tuple[Field, ...]:
        """The columns that the search index has."""
        return (*self.fields, *self.hidden)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.hidden) or self.scope is not None

    def ensure_shown(self, fields: Iterable[Field]) -> None:
        """Raises `QueryError` for a column that a narrowed table does not show, as for one that there never was."""
        if self.is_narrowed:
            shown = {(field.number, field.storage) for field in self.fields}
            for field in fields:
                if (field.number, field.storage) not in shown:
                    raise QueryError(f"This table has no column number {field.number}.")

    def ensure_whole(self) -> None:
        """Raises `ValueError` if it is narrowed: what works on all rows or columns is for those who may see them."""
        if self.is_narrowed:
            raise ValueError("this is for whole tables")

    @classmethod
    def of(cls, table_id: int, columns: Iterable[ColumnLike]) -> "TableRef":
        return cls(table_id, tuple(map(Field.of, columns)))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TableRef":
        """The reverse of `dataclasses.asdict`. Raises `ValueError` for a narrowed table: no child gets one."""
        if data.get("hidden") or data.get("scope"):
            raise ValueError("this is for whole tables")
        fields, kept = (tuple(Field(**field) for field in data.get(name, ())) for name in ("fields", "kept"))
        return cls(data["id"], fields, kept)
