"""Tables to query: real files, filled through the engine's own SQL."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from webapp.db.sqlite_driver import connect
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sqlite.connection import Read, reader
from webapp.rowstore.sqlite.schema import create_sql, insert_sql
from webapp.types import TYPES

Cells = Sequence[str]


@dataclass
class Column:
    number: int
    title: str
    type: str = "text"
    format: dict[str, Any] = field(default_factory=dict)


@dataclass
class Table:
    id: int
    columns: list[Column]
    connection: Connection
    path: Path
    search_index: str = "none"

    @property
    def read(self) -> Read:
        return reader(self.connection)

    def query(self, *args: tuple[str, str]) -> TableQuery:
        return TableQuery.from_args(list(args), self.columns)


def stored(path: Path, columns: list[Column], rows: Iterable[Cells], table_id: int = 1) -> Table:
    """A table made from rows of strings, as an import would read them."""
    connection = connect(path)
    connection.execute(create_sql(table_id, columns))
    insert(connection, table_id, columns, rows)
    return Table(table_id, columns, connection, path)


def insert(connection: Connection, table_id: int, columns: list[Column], rows: Iterable[Cells]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        insert_sql(table_id, columns), ((number, *_bound(columns, row)) for number, row in enumerate(rows, 1))
    )
    connection.execute("COMMIT")


def _bound(columns: list[Column], row: Cells) -> list[Any]:
    """As in an import: the database converts what it can, and the types do the rest."""
    kinds = [TYPES[column.type] for column in columns]
    return [
        cell if kind.sql_bind(column.format) else kind.parse(cell, column.format)
        for kind, column, cell in zip(kinds, columns, row, strict=True)
    ]
