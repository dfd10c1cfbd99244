"""Rows as PostgreSQL stores them: see `webapp.rowstore.raw`."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import psycopg

from webapp.db.postgresql_driver import register_escaped_text
from webapp.rowstore.raw import BATCH_CHARACTERS, BATCH_ROWS, RawRow, RawRows, RawTable, StoredKind
from webapp.rowstore.sql.schema import table_name

_TABLE = re.compile(r"t([1-9]\d*)", re.ASCII)
_KINDS: dict[str, StoredKind] = {"text": "text", "bigint": "integer", "double precision": "float"}
_TYPES = {"text": 'text COLLATE "C"', "integer": "bigint", "float": "double precision"}
_COLUMNS = (
    "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_class c"
    " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    " WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND c.relname ~ '^t[1-9][0-9]*$'"
    " ORDER BY c.relname, a.attnum"
)


class PostgresqlRawRows(RawRows):
    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection

    def tables(self) -> list[RawTable]:
        columns = dict[int, list[tuple[str, StoredKind]]]()
        for name, column, type_ in self._connection.execute(_COLUMNS).fetchall():
            if found := _TABLE.fullmatch(name):
                of_table = columns.setdefault(int(found[1]), [])
                if column != "id":
                    of_table.append((column, _KINDS[type_]))
        return [RawTable(number, tuple(columns[number])) for number in sorted(columns)]

    def read(self, table: RawTable, after: int = 0) -> Iterator[list[RawRow]]:
        """By ids and not with a cursor of the server, which fetches a number of rows: each may have megabytes."""
        names = ", ".join(["id", *table.names])
        rows = f"SELECT {names} FROM {table_name(table.id)} WHERE id > %s AND id <= %s ORDER BY id".encode()
        last = _last_of_batch(table)
        while (found := self._connection.execute(last, (after,)).fetchone()) and found[0] is not None:
            yield self._connection.execute(rows, (after, found[0])).fetchall()
            after = found[0]

    def read_ids(self, table_id: int) -> Iterator[list[int]]:
        with self._connection.cursor("raw_ids") as cursor:
            cursor.execute(f"SELECT id FROM {table_name(table_id)} ORDER BY id".encode())
            while rows := cursor.fetchmany(10_000):
                yield [row_id for (row_id,) in rows]

    def create(self, table: RawTable) -> None:
        columns = [f"{name} {_TYPES[kind]}" for name, kind in table.columns]
        listed = ", ".join(["id bigint PRIMARY KEY", *columns])
        self._connection.execute(f"CREATE TABLE {table_name(table.id)} ({listed})".encode())

    def write(self, table: RawTable, rows: Iterable[RawRow]) -> None:
        """Texts are escaped already, as on the other side."""
        names = ", ".join(["id", *table.names])
        with self._connection.cursor() as cursor:
            register_escaped_text(cursor.adapters)
            with cursor.copy(f"COPY {table_name(table.id)} ({names}) FROM STDIN".encode()) as copy:
                for row in rows:
                    copy.write_row(row)

    def last_id(self, table_id: int) -> int:
        found = self._connection.execute(f"SELECT max(id) FROM {table_name(table_id)}".encode()).fetchone()
        return int(found[0] or 0) if found else 0

    def drop(self, table_id: int) -> None:
        self._connection.execute(f"DROP TABLE IF EXISTS {table_name(table_id)}".encode())

    def finish(self, table_id: int) -> None:
        """The planner knows nothing of the rows yet."""
        self._connection.execute(f"ANALYZE {table_name(table_id)}".encode())


def _last_of_batch(table: RawTable) -> bytes:
    """The id of the last row of the next batch: a further row is in it if those before it are small enough. PostgreSQL
    knows the sizes of long texts without reading them.
    """
    sizes = [f"coalesce(octet_length({name}), 0)" for name, kind in table.columns if kind == "text"]
    size = " + ".join(["0", *sizes])
    some = f"SELECT id, {size} AS size FROM {table_name(table.id)} WHERE id > %s ORDER BY id LIMIT {BATCH_ROWS}"
    sized = f"SELECT id, sum(size) OVER (ORDER BY id) - size AS before FROM ({some}) AS chosen"
    return f"SELECT max(id) FROM ({sized}) AS sized WHERE before < {BATCH_CHARACTERS}".encode()
