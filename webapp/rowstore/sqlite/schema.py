"""Where rows live: every imported table is a real SQL table, whose names are built from numbers.

Titles are data and never reach SQL. The key is SQLite's own `rowid`, so all 2,000 columns that SQLite allows are the
user's. The import assigns it as 1, 2, 3 ... in file order: a row's id is its position in the table, and inserting a
batch again after a crash changes nothing. Code that deletes rows must not reuse their ids: SQLite would reuse the
highest one, so new rows would need a separate counter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from webapp.types import TYPES, ColumnType
from webapp.types.base import NULL
from webapp.types.text import NUL

ROW_ID = "rowid"


class StoredTable(Protocol):
    """What the engine needs of a table; implemented by `models.Table`."""

    @property
    def id(self) -> int: ...


class StoredColumn(Protocol):
    """What the engine needs of a column; implemented by `models.Column`."""

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
    """A column detached from whatever loaded it: safe to keep, to hash and to hand to a thread."""

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
        """The format for the screen: empty cells are empty there, whatever token (NA) the file uses."""
        return {name: value for name, value in self.format.items() if name not in (NULL, NUL)}

    @property
    def printed(self) -> str:
        """SQL for the cell as people see and search it; never NULL."""
        return self.kind.sql_print(self.name, self.shown)

    @property
    def exported(self) -> str:
        """SQL for the cell as it was in the file, byte for byte; never NULL."""
        return self.kind.sql_print(self.name, self.format)

    @property
    def key(self) -> str:
        """SQL for the column's sort key. Text sorts case-insensitively: apple, Banana, cherry.

        This covers A to Z only: SQLite has no collation for other letters, which sort by code point. An index is used
        only if it was created on exactly this expression.
        """
        return f"{self.name} COLLATE NOCASE" if self.type == "text" else self.name


def table_name(table_id: int) -> str:
    return f"t{int(table_id)}"


def column_name(number: int) -> str:
    return f"c{int(number)}"


def search_name(table_id: int, *, building: bool = False) -> str:
    """The full-text index. It gets this name only once it is complete."""
    return f"s{int(table_id)}_building" if building else f"s{int(table_id)}"


def index_name(table_id: int, number: int) -> str:
    """The index on a column's `Field.key`."""
    return f"i{int(table_id)}_{int(number)}"


def create_sql(table_id: int, columns: Sequence[StoredColumn]) -> str:
    """STRICT: a value of the wrong type is an error here, not a surprise in a later sort."""
    names = (f"{column_name(column.number)} {TYPES[column.type].sql_type}" for column in columns)
    return f"CREATE TABLE {table_name(table_id)} ({', '.join(names)}) STRICT"


def insert_sql(table_id: int, columns: Sequence[StoredColumn]) -> str:
    """Takes the row's id, then one value per column. An existing row stays unchanged.

    If the type has a `sql_bind`, the value is the cell's text and the database converts it; otherwise it is the result
    of `ColumnType.parse`.
    """
    names = [ROW_ID, *(column_name(column.number) for column in columns)]
    values = ["?", *(TYPES[column.type].sql_bind(dict(column.format)) or "?" for column in columns)]
    return f"INSERT OR IGNORE INTO {table_name(table_id)} ({', '.join(names)}) VALUES ({', '.join(values)})"


def drop_sql(table_id: int) -> tuple[str, ...]:
    """The statements that remove a table completely, in this order."""
    names = (search_name(table_id, building=True), search_name(table_id), table_name(table_id))
    return tuple(f"DROP TABLE IF EXISTS {name}" for name in names)
