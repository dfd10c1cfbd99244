"""Where rows live: a real SQL table a user table, every name in it made from numbers of ours.

A title is data: it never reaches SQL. The key is SQLite's own `rowid`, so that all 2,000 columns SQLite allows are
the user's. The import assigns it as 1, 2, 3 ... in file order: the id of a row is its line in the table, and a batch
that is inserted twice after a crash changes nothing. Whoever deletes rows must not hand their ids out again: SQLite
would reuse the highest one, so new rows need a counter of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from webapp.engine.types import TYPES, ColumnType
from webapp.engine.types.base import NULL
from webapp.engine.types.text import NUL

ROW_ID = "rowid"


class StoredTable(Protocol):
    """What the engine knows of a table; `models.Table` is one."""

    @property
    def id(self) -> int: ...


class StoredColumn(Protocol):
    """What the engine knows of a column; `models.Column` is one."""

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
    """A column, taken out of whatever loaded it: safe to keep, to hash and to hand to a thread."""

    number: int
    title: str = field(compare=False)
    type: str
    format: dict[str, Any] = field(compare=False)

    @classmethod
    def of(cls, column: StoredColumn) -> "Field":
        return cls(column.number, column.title, column.type, dict(column.format))

    @property
    def kind(self) -> ColumnType:
        return TYPES[self.type]

    @property
    def name(self) -> str:
        return column_name(self.number)

    @property
    def shown(self) -> dict[str, Any]:
        """The format for the screen: empty is empty there, whatever token (NA) the file has for it."""
        return {name: value for name, value in self.format.items() if name not in (NULL, NUL)}

    @property
    def printed(self) -> str:
        """SQL for the cell as a person sees it, and searches it; never NULL."""
        return self.kind.sql_print(self.name, self.shown)

    @property
    def exported(self) -> str:
        """SQL for the cell as it was in the file, byte for byte; never NULL."""
        return self.kind.sql_print(self.name, self.format)

    @property
    def key(self) -> str:
        """SQL for what the column sorts by. Text sorts as people expect of letters: apple, Banana, cherry.

        That is true of A to Z only; SQLite knows no order of other letters, they follow by code point. An index is
        used only when it is made of this very expression.
        """
        return f"{self.name} COLLATE NOCASE" if self.type == "text" else self.name


def table_name(table_id: int) -> str:
    return f"t{int(table_id)}"


def column_name(number: int) -> str:
    return f"c{int(number)}"


def search_name(table_id: int, *, building: bool = False) -> str:
    """The full-text index. It has its name only once it is complete."""
    return f"s{int(table_id)}_building" if building else f"s{int(table_id)}"


def index_name(table_id: int, number: int) -> str:
    """The index of a column, of its `Field.key`."""
    return f"i{int(table_id)}_{int(number)}"


def create_sql(table_id: int, columns: Sequence[StoredColumn]) -> str:
    """STRICT: a value that is not of its column's type is an error here, never a surprise in a sort later."""
    names = (f"{column_name(column.number)} {TYPES[column.type].sql_type}" for column in columns)
    return f"CREATE TABLE {table_name(table_id)} ({', '.join(names)}) STRICT"


def insert_sql(table_id: int, columns: Sequence[StoredColumn]) -> str:
    """Takes the row's id, then one value a column. A row that is there already stays as it is.

    Where the type has a `sql_bind` the value is the cell's text, and the database converts it; else it is what
    `ColumnType.parse` gives.
    """
    names = [ROW_ID, *(column_name(column.number) for column in columns)]
    values = ["?", *(TYPES[column.type].sql_bind(dict(column.format)) or "?" for column in columns)]
    return f"INSERT OR IGNORE INTO {table_name(table_id)} ({', '.join(names)}) VALUES ({', '.join(values)})"


def drop_sql(table_id: int) -> tuple[str, ...]:
    """The statements that leave nothing of a table behind, run in this order."""
    names = (search_name(table_id, building=True), search_name(table_id), table_name(table_id))
    return tuple(f"DROP TABLE IF EXISTS {name}" for name in names)
