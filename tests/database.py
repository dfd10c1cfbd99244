"""The database of a data folder in tests, whichever system it is (`pytest --database postgresql`).

A folder that a fixture has made may have a database on a PostgreSQL server; all other folders have a SQLite file.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.datetime import TimestamptzLoader
from psycopg.types.numeric import FloatLoader
from psycopg.types.string import TextLoader

from tests.postgresql import sqlalchemy_url
from webapp.db import postgresql_driver, sqlite_driver
from webapp.db.postgresql import WRITERS
from webapp.rowstore.postgresql.store import PostgresqlRowStore
from webapp.rowstore.postgresql.writer import PostgresqlRowWriter
from webapp.rowstore.sql.writer import SqlRowWriter
from webapp.rowstore.sqlite.store import SqliteRowStore
from webapp.rowstore.sqlite.writer import SqliteRowWriter

FILE = "rowcast.db"
CATALOGUES = {"table": "pg_tables", "index": "pg_indexes"}
_MARK = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|(%)|(\?)|(?<![:\w]):([a-z_]\w*)""")
_urls: dict[Path, str] = {}  # of the data folders whose database is not a file


def database_url(data_dir: Path) -> str:
    """For SQLAlchemy; empty if the database is the file of the folder."""
    return _urls.get(data_dir, "")


def environment(data_dir: Path) -> dict[str, str]:
    """Of a process that uses this folder."""
    url = database_url(data_dir)
    return {"ROWCAST_DATA_DIR": str(data_dir)} | ({"ROWCAST_DATABASE_URL": url} if url else {})


def address(data_dir: Path) -> str:
    """Of its row store."""
    return database_url(data_dir) or str(data_dir / FILE)


@contextmanager
def on_server(data_dir: Path, database: AbstractContextManager[str]) -> Iterator[None]:
    """The folder has that database, whose URL it gives, on a server."""
    with database as url:
        _urls[data_dir] = sqlalchemy_url(url)
        try:
            yield
        finally:
            del _urls[data_dir]


def connect(path: Path, *, query_only: bool = False) -> Any:
    """A plain connection to the database of the folder that `path`, `folder / "rowcast.db"`, is in. On either system it
    takes the marks of `sqlite3` and answers in its types.
    """
    url = database_url(path.parent)
    return PlainConnection(url, query_only) if url else sqlite_driver.connect(path, query_only=query_only)


def row_writer(connection: Any) -> SqlRowWriter:
    """The rows of tables, on such a connection."""
    if isinstance(connection, PlainConnection):
        return PostgresqlRowWriter(connection.driver)
    return SqliteRowWriter(connection)


def follow_ids(url: str) -> None:
    """Tests say ids of their own; the next one that is generated comes after them, as on SQLite."""
    with psycopg.connect(url) as connection:
        connection.execute(_FOLLOW)
        for (table,) in connection.execute(_GENERATED).fetchall():
            trigger = f"CREATE TRIGGER follow AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION follow_id()"
            connection.execute(trigger.encode())


_GENERATED = b"""
    SELECT quote_ident(table_name) FROM information_schema.columns
    WHERE table_schema = 'public' AND column_name = 'id' AND column_default LIKE 'nextval%'
"""
_FOLLOW = b"""
    CREATE FUNCTION follow_id() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        ids text := pg_get_serial_sequence(TG_TABLE_NAME, 'id');
        last bigint;
        was_generated boolean;
    BEGIN
        EXECUTE 'SELECT last_value, is_called FROM ' || ids INTO last, was_generated;
        IF NEW.id > last OR NEW.id = last AND NOT was_generated THEN
            PERFORM setval(ids, NEW.id);
        END IF;
        RETURN NULL;
    END $$
"""


_ROOM = 1_073_741_823  # pages, SQLite's own limit
_FULL = """
    CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full';
    END $$
"""


class PlainConnection:
    """What tests use of `sqlite3.Connection`."""

    def __init__(self, url: str, query_only: bool) -> None:
        self.driver = postgresql_driver.connect(url, read_only=query_only)
        adapters = self.driver.adapters
        adapters.register_loader("timestamptz", _TimestampText)
        adapters.register_loader("bool", _Number)
        adapters.register_loader("json", TextLoader)
        adapters.register_loader("numeric", FloatLoader)

    def execute(self, statement: str, parameters: Any = None) -> "psycopg.Cursor[Any]":
        if statement.startswith("BEGIN"):
            statement = "BEGIN"
        return self.driver.execute(translated(statement).encode(), parameters or None)

    def executemany(self, statement: str, parameters: Iterable[Any]) -> "psycopg.Cursor[Any]":
        cursor = self.driver.cursor()
        cursor.executemany(translated(statement).encode(), list(parameters))
        return cursor

    @property
    def in_transaction(self) -> bool:
        return self.driver.info.transaction_status != psycopg.pq.TransactionStatus.IDLE

    def commit(self) -> None:
        self.driver.commit()

    def rollback(self) -> None:
        self.driver.rollback()

    def close(self) -> None:
        self.driver.close()

    def __enter__(self) -> "PlainConnection":
        return self

    def __exit__(self, *_: object) -> None:
        if self.in_transaction:
            self.commit()


def translated(statement: str) -> str:
    """From marks as `?` and `:name` to psycopg's."""

    def mark(found: re.Match[str]) -> str:
        if found[1]:
            return "%%"
        if found[2]:
            return "%s"
        return f"%({found[3]})s" if found[3] else found[0].replace("%", "%%")

    text = _MARK.sub(mark, statement)
    return text if "%s" in text or "%(" in text else text.replace("%%", "%")


def insert(connection: Any, statement: str, parameters: Any = ()) -> int:
    """The id of the row that the statement makes."""
    [(made,)] = connection.execute(f"{statement} RETURNING id", parameters).fetchall()
    return int(made)


def use_ids(data_dir: Path, table: str, last: int) -> None:
    """Let the ids of a table without rows begin after `last`."""
    if database_url(data_dir):
        statement = "SELECT setval(pg_get_serial_sequence(:table, 'id'), :last)"
    else:
        statement = "INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :last)"
    rows(data_dir / FILE, statement, {"table": table, "last": last})


def relations(path: Path, kind: str = "table", of: str | None = None) -> list[str]:
    """The names of tables or indexes, in order; of indexes, those of the table `of`."""
    if database_url(path.parent):
        catalogue = f"{CATALOGUES[kind]} WHERE schemaname = current_schema()"
        about = f"SELECT {kind}name FROM {catalogue}{' AND tablename = :of' if of else ''}"
    else:
        about = f"SELECT name FROM sqlite_master WHERE type = '{kind}'{' AND tbl_name = :of' if of else ''}"
    return sorted(name for (name,) in rows(path, about, {"of": of} if of else {}))


def search_indexes(path: Path, table_id: int = 1) -> dict[str, bool]:
    """The search indexes of a table by their names, and whether they are complete."""
    if database_url(path.parent):
        valid = "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
        found = dict(rows(path, f"{valid} WHERE starts_with(relname, 's{table_id}_')"))
        return {name: bool(is_complete) for name, is_complete in found.items()}
    names = [name for name in relations(path) if name in (f"s{table_id}", f"s{table_id}_building")]
    return {name: not name.endswith("building") for name in names}


def search_index_sql(data_dir: Path, table_id: int = 1, *, is_complete: bool = True) -> str:
    """A statement that makes what has the name of a search index, of the first column."""
    if database_url(data_dir):
        return f"CREATE INDEX IF NOT EXISTS s{table_id}_made ON t{table_id} (c1)"
    return f"CREATE TABLE IF NOT EXISTS s{table_id}{'' if is_complete else '_building'} (a)"


def writers(data_dir: Path) -> int:
    """How many units of work run at the same time."""
    return WRITERS if database_url(data_dir) else 1


def most_columns(data_dir: Path) -> int:
    """Of a table."""
    return (PostgresqlRowStore if database_url(data_dir) else SqliteRowStore).limits.columns


def size(data_dir: Path) -> int:
    """In bytes."""
    if database_url(data_dir):
        return int(rows(data_dir / FILE, "SELECT pg_database_size(current_database())")[0][0])
    return (data_dir / FILE).stat().st_size


def broken(path: Path) -> list[Any]:
    """What a check of all that is stored finds: an index that is not complete, for example."""
    if database_url(path.parent):
        return rows(path, "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
    checked = rows(path, "PRAGMA integrity_check") + rows(path, "PRAGMA foreign_key_check")
    return [row for row in checked if row[0] != "ok"]


def full_disk(data_dir: Path, *, is_full: bool) -> list[str]:
    """Statements for a connection that writes: until it is over, no change of a table has room."""
    if not database_url(data_dir):
        return [f"PRAGMA max_page_count = {1 if is_full else _ROOM}"]  # below what it has: it does not grow
    if not is_full:
        return ["DROP TRIGGER full_disk ON change_sets", "DROP FUNCTION full_disk"]
    trigger = "CREATE TRIGGER full_disk BEFORE INSERT ON change_sets FOR EACH ROW EXECUTE FUNCTION full_disk()"
    return [_FULL, trigger]


def _rows_of(data_dir: Path, name: str) -> list[Any]:
    try:
        return rows(data_dir / FILE, f'SELECT * FROM "{name}"')
    except psycopg.errors.UndefinedTable:  # it was listed, and was dropped since
        return []


def lock_writes(data_dir: Path) -> list[str]:
    """Statements after which, until the end of their transaction, nobody else writes; everybody reads."""
    if not database_url(data_dir):
        return ["BEGIN IMMEDIATE"]
    return ["BEGIN", f"LOCK TABLE {', '.join(relations(data_dir / FILE))} IN SHARE ROW EXCLUSIVE MODE"]


def contents(data_dir: Path) -> bytes:
    """All that the database has, in bytes: to look for what must not be there."""
    if database_url(data_dir):
        return "\n".join(str(row) for name in relations(data_dir / FILE) for row in _rows_of(data_dir, name)).encode()
    return b"".join(path.read_bytes() for path in sorted(data_dir.glob(f"{FILE}*")))


class Record(tuple[Any, ...]):
    """A row whose cells have a place and a name, as `sqlite3.Row` has them."""

    names: tuple[str, ...]

    def __getitem__(self, place: Any) -> Any:
        return super().__getitem__(self.names.index(place) if isinstance(place, str) else place)

    def keys(self) -> tuple[str, ...]:
        return self.names


def records(path: Path, statement: str, parameters: Sequence[Any] = ()) -> list[Record]:
    with closing(connect(path)) as connection:
        cursor = connection.execute(statement, parameters)
        named = type("Named", (Record,), {"names": tuple(column[0] for column in cursor.description)})
        return [named(row) for row in cursor.fetchall()]


def rows(path: Path, statement: str, parameters: Mapping[str, Any] | Iterable[Any] = ()) -> list[Any]:
    with closing(connect(path)) as connection:
        return list(connection.execute(statement, parameters or ()).fetchall())


class _TimestampText(TimestamptzLoader):
    """As SQLite keeps an instant."""

    def load(self, data: Any) -> Any:
        moment: datetime = super().load(data)
        return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


class _Number(TextLoader):
    def load(self, data: Any) -> Any:
        return int(bytes(data) == b"t")


async def write(path: Path, *statements: str) -> None:
    """In a thread: what the application does in the background may hold the lock, and ends only if the loop goes on."""

    def run() -> None:
        with closing(connect(path)) as connection:
            for statement in statements:
                connection.execute(statement)

    await asyncio.to_thread(run)
