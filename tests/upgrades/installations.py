"""The installation that `record.py` has made, as the release before left it, on either database."""

import json
import lzma
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Table, inspect

from settings import Settings
from tests.database import FILE
from webapp.copies.own_tables import Kind, as_table, read_rows, write_rows
from webapp.db import copying, migrations
from webapp.db.folders import private_folder
from webapp.rowstore import raw_rows

RELEASE: Final = Path(__file__).parent / "release"
FIRST: Final = RELEASE.with_name("first")  # that of 0.1.0
BACKUP: Final = RELEASE.with_suffix(".backup")
TABLES: Final = RELEASE.with_suffix(".tables")
_OF_PEOPLE: Final = re.compile(r"[ts][0-9]+(_|$)")  # imported tables, and search indexes
_KINDS: Final[dict[str, Kind]] = {
    "BIGINT": "integer",
    "BLOB": "bytes",
    "BOOLEAN": "boolean",
    "DATETIME": "instant",
    "FLOAT": "float",
    "INTEGER": "integer",
    "JSON": "json",
    "TEXT": "text",
    "VARCHAR": "text",
}


def read_recorded(recording: Path = RELEASE) -> dict[str, Any]:
    """What was written down."""
    found: dict[str, Any] = json.loads(recording.with_suffix(".json").read_text())
    return found


def unpack(data_dir: Path, recording: Path = RELEASE) -> Path:
    """Make the data folder; its database is a file, as that release had it."""
    private_folder(data_dir)
    with closing(sqlite3.connect(data_dir / FILE)) as database:
        database.execute("PRAGMA auto_vacuum = INCREMENTAL")
        database.executescript(lzma.decompress(recording.with_suffix(".sql.xz").read_bytes()).decode())
        for path, content in database.execute("SELECT path, content FROM files").fetchall():
            private_folder((data_dir / path).parent)
            (data_dir / path).write_bytes(content.encode() if isinstance(content, str) else content)
        database.execute("DROP TABLE files")
        database.commit()
    return data_dir


def copy_database(source: Settings, target: Settings) -> None:
    """To another database, in the form of the revision that it has: by the tables that it has itself, since the models
    may have others.
    """
    revision = migrations.current(source)
    assert revision
    migrations.migrate(target, revision)
    with copying.snapshot(source) as old, copying.filling(target) as new, new.begin():
        for table in _own_tables(old):
            for rows in read_rows(old, table):
                write_rows(new, table, rows)
        for raw in raw_rows(old).tables():
            raw_rows(new).create(raw)
            for batch in raw_rows(old).read(raw):
                raw_rows(new).write(raw, batch)
            raw_rows(new).finish(raw.id)
        copying.set_last_ids(new, copying.last_ids(old))
        copying.ensure_whole(new)


def _own_tables(connection: Connection) -> Iterator[Table]:
    """Every table after those that its rows refer to."""
    inspector = inspect(connection)
    for name, _ in inspector.get_sorted_table_and_fkc_names():
        if name and name != "alembic_version" and not _OF_PEOPLE.match(name):
            columns = inspector.get_columns(name)
            yield as_table(name, [(column["name"], _KINDS[str(column["type"])]) for column in columns])
