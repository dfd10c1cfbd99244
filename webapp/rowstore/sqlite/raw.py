"""Rows as SQLite stores them: see `webapp.rowstore.raw`."""

import re
import sqlite3
from collections.abc import Iterable, Iterator

from webapp.rowstore.raw import RawRow, RawRows, RawTable, StoredKind, in_batches
from webapp.rowstore.sql.schema import table_name
from webapp.rowstore.sqlite.schema import MAX_COLUMNS, ROW_ID, drop_search_sql

_TABLE = re.compile(r"t([1-9]\d*)", re.ASCII)
_KINDS: dict[str, StoredKind] = {"TEXT": "text", "INTEGER": "integer", "REAL": "float"}
_TYPES = {kind: type_ for type_, kind in _KINDS.items()}


class SqliteRawRows(RawRows):
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def tables(self) -> list[RawTable]:
        names = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        numbers = sorted(int(found[1]) for (name,) in names if (found := _TABLE.fullmatch(name)))
        return [RawTable(number, self._columns(number)) for number in numbers]

    def read(self, table: RawTable, after: int = 0) -> Iterator[list[RawRow]]:
        names = ", ".join([ROW_ID, *table.names])
        statement = f"SELECT {names} FROM {table_name(table.id)} WHERE {ROW_ID} > ? ORDER BY {ROW_ID}"
        yield from in_batches(self._connection.execute(statement, (after,)))

    def read_ids(self, table_id: int) -> Iterator[list[int]]:
        found = self._connection.execute(f"SELECT {ROW_ID} FROM {table_name(table_id)} ORDER BY {ROW_ID}")
        while rows := found.fetchmany(10_000):
            yield [row_id for (row_id,) in rows]

    def create(self, table: RawTable) -> None:
        """As `schema.create_sql` does: the widest tables have no room for a declared id."""
        columns = [f"{name} {_TYPES[kind]}" for name, kind in table.columns]
        key = ["id INTEGER PRIMARY KEY"] if len(columns) < MAX_COLUMNS else []
        self._connection.execute(f"CREATE TABLE {table_name(table.id)} ({', '.join([*key, *columns])}) STRICT")

    def write(self, table: RawTable, rows: Iterable[RawRow]) -> None:
        marks = ", ".join("?" * (len(table.columns) + 1))
        names = ", ".join([ROW_ID, *table.names])
        self._connection.executemany(f"INSERT INTO {table_name(table.id)} ({names}) VALUES ({marks})", rows)

    def last_id(self, table_id: int) -> int:
        (last,) = self._connection.execute(f"SELECT max({ROW_ID}) FROM {table_name(table_id)}").fetchone()
        return int(last or 0)

    def drop(self, table_id: int) -> None:
        for statement in (*drop_search_sql(table_id), f"DROP TABLE IF EXISTS {table_name(table_id)}"):
            self._connection.execute(statement)

    def finish(self, table_id: int) -> None:
        """Nothing: SQLite reads by row ids, and sort indexes are analysed when they are made."""

    def _columns(self, table_id: int) -> tuple[tuple[str, StoredKind], ...]:
        found = self._connection.execute(f"PRAGMA table_info({table_name(table_id)})").fetchall()
        return tuple((name, _KINDS[type_]) for _, name, type_, *_ in found if name != "id")
