"""Revision 0009 gives stored columns numbers of their own; older versions find theirs again."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from settings import Settings
from webapp.db import migrations
from webapp.db.sqlite_driver import connect

if TYPE_CHECKING:
    from alembic.config import Config

PEOPLE = "INSERT INTO users (id, email, name, password_hash, role, is_active, created_at) VALUES"
TABLES = "INSERT INTO tables (id, owner_id, title, created_at, row_count, state, version, search_index) VALUES"
COLUMNS = "INSERT INTO columns (table_id, number, position, title, type, format, facts"


def add_table(settings: Settings, revision: str) -> tuple["Config", Path]:
    """A database of this revision, with a table that has no columns yet."""
    from alembic import command

    configuration, path = migrations.configuration(settings), settings.data_dir / "rowcast.db"
    command.upgrade(configuration, revision)
    with closing(connect(path)) as database:
        database.execute(f"{PEOPLE} (1, 'ada@example.org', 'ada', '', 'owner', 1, '2026-01-01')")
        database.execute(f"{TABLES} (1, 1, 'T', '2026-01-01', 1, 'ready', 0, 'none')")
    return configuration, path


def test_going_back_gives_the_stored_columns_the_names_of_their_columns(settings: Settings) -> None:
    from alembic import command

    configuration, path = add_table(settings, "0008")
    with closing(connect(path)) as database:
        for number in (1, 4):
            database.execute(f"{COLUMNS}) VALUES (1, {number}, {number}, 'x', 'text', '{{}}', '{{}}')")
    command.upgrade(configuration, "0009")
    with closing(connect(path)) as database:
        assert database.execute("SELECT number, storage FROM columns").fetchall() == [(1, 1), (4, 4)]
        database.execute("UPDATE columns SET storage = 5, type = 'integer', keeps_texts = true WHERE number = 4")
        database.execute(
            "CREATE TABLE t1 (id INTEGER PRIMARY KEY, c1 TEXT, c4 TEXT, c5 INTEGER, c5t TEXT, c6 TEXT) STRICT"
        )
        database.execute("INSERT INTO t1 VALUES (1, 'a', 'old', 7, '007', NULL)")
        database.execute("CREATE INDEX i1_5 ON t1 (c5)")
    command.downgrade(configuration, "0008")
    with closing(connect(path)) as database:
        assert database.execute("SELECT c1, c4, c4t FROM t1").fetchall() == [("a", 7, "007")]
        assert (
            database.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 't1'").fetchall() == []
        )


def test_going_back_finds_the_values_of_columns_that_have_each_others_place(settings: Settings) -> None:
    from alembic import command

    configuration, path = add_table(settings, "0009")
    with closing(connect(path)) as database:
        for number, storage in ((1, 3), (2, 1), (3, 2)):
            facts = f"{number}, {number}, 'x', 'text', '{{}}', '{{}}', {storage}"
            database.execute(f"{COLUMNS}, storage) VALUES (1, {facts})")
        database.execute("CREATE TABLE t1 (id INTEGER PRIMARY KEY, c1 TEXT, c1t TEXT, c2 TEXT, c3 TEXT) STRICT")
        database.execute("INSERT INTO t1 VALUES (1, 'second', 'kept', 'third', 'first')")
    command.downgrade(configuration, "0008")
    with closing(connect(path)) as database:
        cells = database.execute("SELECT c1, c2, c2t, c3 FROM t1").fetchall()
        assert cells == [("first", "second", "kept", "third")]


def test_going_back_twice_replaces_twice(settings: Settings) -> None:
    from alembic import command

    configuration, path = add_table(settings, "0009")
    with closing(connect(path)) as database:
        database.execute(f"{COLUMNS}) VALUES (1, 1, 1, 'x', 'text', '{{}}', '{{}}')")
        database.execute("CREATE TABLE t1 (id INTEGER PRIMARY KEY, c1 TEXT) STRICT")
        database.execute("INSERT INTO t1 VALUES (1, '0')")
    for value in ("1", "2"):
        command.upgrade(configuration, "0009")
        with closing(connect(path)) as database:
            database.execute("ALTER TABLE t1 ADD COLUMN c2 TEXT")
            database.execute("UPDATE t1 SET c2 = ?", (value,))
            database.execute("UPDATE columns SET storage = 2")
        command.downgrade(configuration, "0008")
    with closing(connect(path)) as database:
        assert database.execute("SELECT c1 FROM t1").fetchall() == [("2",)]
