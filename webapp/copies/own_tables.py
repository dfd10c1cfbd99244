"""Our own tables, read and written whole by the models' metadata, with values that JSON can hold.

What a column holds is one of a few kinds. A backup names them, so that it can be read when a later version has other
columns: it is restored in the form of its own revision, and migrated then.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    inspect,
    select,
    update,
)
from sqlalchemy.types import TypeEngine

from webapp.models import Base
from webapp.models.base import UtcDateTime
from webapp.models.tables.table import SearchIndex
from webapp.models.tables.table import Table as TableModel

Kind = Literal["integer", "float", "boolean", "text", "bytes", "instant", "json"]
Row = Sequence[Any]

BATCH: Final = 500  # rows
BATCH_WITH_BLOBS: Final = 20  # each may have megabytes

_TYPES: Final[dict[Kind, Callable[[], TypeEngine[Any]]]] = {
    "instant": UtcDateTime,
    "boolean": Boolean,
    "integer": BigInteger,
    "float": Float,
    "bytes": LargeBinary,
    "json": lambda: JSON(none_as_null=True),
    "text": String,
}
_KINDS: Final[tuple[tuple[type[TypeEngine[Any]], Kind], ...]] = (
    (UtcDateTime, "instant"),
    (Boolean, "boolean"),
    (Integer, "integer"),
    (Float, "float"),
    (LargeBinary, "bytes"),
    (JSON, "json"),
    (String, "text"),
)


def own_tables() -> list[Table]:
    """Every table after those that its rows refer to."""
    return list(Base.metadata.sorted_tables)


def columns_of(table: Table) -> list[tuple[str, Kind]]:
    return [(column.name, _kind(column)) for column in table.columns]


def as_table(name: str, columns: Iterable[tuple[str, Kind]]) -> Table:
    """A table of these columns, whatever the models have."""
    return Table(name, MetaData(), *(Column(column, _TYPES[kind]()) for column, kind in columns))


def has_columns(connection: Connection, table: Table) -> bool:
    """Whether the database has the table with exactly these columns."""
    inspector = inspect(connection)
    if not inspector.has_table(table.name):
        return False
    return {column["name"] for column in inspector.get_columns(table.name)} == set(table.columns.keys())


def read_rows(connection: Connection, table: Table) -> Iterator[list[Row]]:
    """All rows in the order of their primary keys, in batches."""
    has_blobs = any(isinstance(column.type, LargeBinary) for column in table.columns)
    size = BATCH_WITH_BLOBS if has_blobs else BATCH
    statement = select(table).order_by(*table.primary_key.columns)
    found = connection.execute(statement, execution_options={"yield_per": size})
    for rows in found.partitions(size):
        yield [tuple(row) for row in rows]


def write_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    names = table.columns.keys()
    if rows:
        connection.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in rows])


def delete_all(connection: Connection) -> None:
    for table in reversed(own_tables()):
        connection.execute(delete(table))


def index_anew(connection: Connection) -> None:
    """Search indexes are not copied: the schedule of the next server builds those that there were."""
    stale = update(TableModel).where(TableModel.search_index == SearchIndex.READY)
    connection.execute(stale.values(search_index=SearchIndex.BUILDING))


# -- lines of JSON -----------------------------------------------------------------------------------------------------

dump_line: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def line_of(row: Row, kinds: Sequence[Kind]) -> bytes:
    return _line([None if value is None else _DUMP[kind](value) for value, kind in zip(row, kinds, strict=True)])


def row_of(line: bytes, kinds: Sequence[Kind]) -> Row:
    """Raises `ValueError` for what is no such row."""
    values = json.loads(line)
    if not isinstance(values, list) or len(values) != len(kinds):
        raise ValueError("a row has other columns")
    return [None if value is None else _load(value, kind) for value, kind in zip(values, kinds, strict=True)]


def _line(values: Any) -> bytes:
    return dump_line(values).encode() + b"\n"


def _same(value: Any) -> Any:
    return value


_DUMP: Final[dict[Kind, Callable[[Any], Any]]] = {
    "integer": _same,
    "float": _same,
    "boolean": _same,
    "text": _same,
    "json": _same,
    "bytes": lambda value: b64encode(value).decode(),
    "instant": datetime.isoformat,
}
_EXPECTED: Final[dict[Kind, tuple[type, ...]]] = {
    "integer": (int,),
    "float": (float, int),
    "boolean": (bool,),
    "text": (str,),
    "bytes": (str,),
    "instant": (str,),
}


def _load(value: Any, kind: Kind) -> Any:
    if kind == "json":
        return value
    if not isinstance(value, _EXPECTED[kind]):
        raise ValueError(f"a value is not of the kind {kind}")
    read = _LOAD.get(kind)
    return read(value) if read else value


_LOAD: Final[dict[Kind, Callable[[Any], Any]]] = {
    "bytes": lambda value: b64decode(value, validate=True),
    "instant": datetime.fromisoformat,
}


def _kind(column: Column[Any]) -> Kind:
    for type_, kind in _KINDS:
        if isinstance(column.type, type_):
            return kind
    raise TypeError(f"{column} is of a type that copies do not know")
