"""Revision 0003 writes every table of rows anew: with ids that VACUUM keeps, and one escape for U+0000."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from settings import Settings
from webapp.db import migrations, sqlite, sqlite_driver
from webapp.rowstore.nul_escape import encode

PEOPLE = "INSERT INTO users (id, email, name, password_hash, role, is_active, created_at) VALUES"
TABLES = "INSERT INTO tables (id, owner_id, title, created_at, row_count, state, version, search_index) VALUES"
COLUMNS = (
    "INSERT INTO columns (table_id, number, position, title, type, format, facts) VALUES (?, ?, ?, 'x', ?, ?, '{}')"
)
IMPORTS = (
    "INSERT INTO imports (id, user_id, table_id, state, created_at, filename, size, sha256, overrules, rows_done,"
    " inspection) VALUES ('a', 1, 1, 'done', '2026-01-01', 'a.csv', 1, '', '{}', 3, ?)"
)
FORMATS = [("text", {"nul": "␀"}), ("text", {"nul": "\ue000", "null": "NA"}), ("text", {}), ("integer", {"null": "-"})]
# What revision 0002 stores for the cells below: U+0000 as the column's substitute.
OLD = [
    ("a␀b", "␀\ue000␛", "plain", 1),
    ("␛", None, "␀", 2),
    (None, "x", "␛␀", None),
]
CELLS = [
    ("a\0b", "␀\0␛", "plain", 1),
    ("␛", None, "␀", 2),
    (None, "x", "␛␀", None),
]


@pytest.fixture
def before(settings: Settings) -> Settings:
    """A database of revision 0002 with two tables of rows."""
    from alembic import command

    command.upgrade(migrations.configuration(settings), "0002")
    with closing(connect(settings)) as database:
        database.execute(f"{PEOPLE} (1, 'ada@example.org', 'ada', '', 'owner', 1, '2026-01-01')")
        for table_id in (1, 2):
            database.execute(f"{TABLES} ({table_id}, 1, 'T', '2026-01-01', 3, 'ready', 0, 'ready')")
            database.execute(f"CREATE VIRTUAL TABLE s{table_id} USING fts5(g0, content = '', tokenize = 'trigram')")
        database.executemany(
            COLUMNS, [(1, number, number, kind, json.dumps(format)) for number, (kind, format) in enumerate(FORMATS, 1)]
        )
        database.execute(COLUMNS, (2, 3, 0, "text", "{}"))
        database.execute("CREATE TABLE t1 (c1 TEXT, c2 TEXT, c3 TEXT, c4 INTEGER) STRICT")
        database.execute("CREATE INDEX i1_1 ON t1 (c1 COLLATE NOCASE)")
        database.executemany("INSERT INTO t1 VALUES (?, ?, ?, ?)", OLD)
        database.execute("CREATE TABLE t2 (c3 TEXT) STRICT")
        database.execute("INSERT INTO t2 (rowid, c3) VALUES (1, 'a'), (7, 'b')")
        database.execute(IMPORTS, (json.dumps({"columns": inspected()}),))
    return settings


def inspected() -> list[object]:
    return [
        {"type": kind, "format": format, "choices": [{"type": "text", "format": dict(format), "label": "Text"}]}
        for kind, format in FORMATS
    ]


def connect(settings: Settings) -> sqlite3.Connection:
    return sqlite_driver.connect(sqlite.database_file(settings.sqlalchemy_url))


@pytest.fixture
def database(before: Settings) -> Iterator[sqlite3.Connection]:
    migrations.upgrade(before)
    with closing(connect(before)) as connection:
        yield connection


def test_rows_keep_their_ids_and_texts_are_escaped(database: sqlite3.Connection) -> None:
    wanted = [
        (row_id, *(encode(cell) if isinstance(cell, str) else cell for cell in cells))
        for row_id, cells in enumerate(CELLS, 1)
    ]
    assert database.execute("SELECT id, * FROM t1 ORDER BY id").fetchall() == [(row[0], *row) for row in wanted]
    assert database.execute("SELECT id, rowid, c3 FROM t2").fetchall() == [(1, 1, "a"), (7, 7, "b")]


def test_the_next_row_id_follows_the_highest_id(database: sqlite3.Connection) -> None:
    assert database.execute("SELECT id, next_row_id FROM tables").fetchall() == [(1, 4), (2, 8)]


def test_formats_have_no_substitute_any_more(database: sqlite3.Connection) -> None:
    formats = [json.loads(text) for (text,) in database.execute("SELECT format FROM columns WHERE table_id = 1")]
    assert formats == [{}, {"null": "NA"}, {}, {"null": "-"}]
    ((inspection,),) = database.execute("SELECT inspection FROM imports")
    assert [column["format"] for column in json.loads(inspection)["columns"]] == formats
    assert "nul" not in {
        name for column in json.loads(inspection)["columns"] for name in column["choices"][0]["format"]
    }


def test_sort_indexes_are_rebuilt_and_search_indexes_only_where_texts_have_changed(
    database: sqlite3.Connection,
) -> None:
    names = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    assert "i1_1" in names
    assert ("s1" in names, "s2" in names) == (False, True)
    assert database.execute("SELECT search_index FROM tables").fetchall() == [("building",), ("ready",)]
    assert database.execute("SELECT count(*) FROM sqlite_stat1 WHERE idx = 'i1_1'").fetchone() == (1,)


def test_a_table_with_the_maximum_number_of_columns_is_not_rewritten(before: Settings) -> None:
    names = [f"c{number}" for number in range(1, 2001)]
    with closing(connect(before)) as database:
        database.execute(f"{TABLES} (3, 1, 'Wide', '2026-01-01', 1, 'ready', 0, 'none')")
        database.execute(f"CREATE TABLE t3 ({', '.join(f'{name} TEXT' for name in names)}) STRICT")
        database.execute("INSERT INTO t3 (rowid, c1, c2000) VALUES (5, 'first', 'last')")
    migrations.upgrade(before)
    with closing(connect(before)) as database:
        assert database.execute("SELECT rowid, c1, c2000 FROM t3").fetchall() == [(5, "first", "last")]


def test_a_downgrade_keeps_rows_and_ids(before: Settings) -> None:
    from alembic import command

    migrations.upgrade(before)
    with closing(connect(before)) as database:
        database.execute("DROP TABLE t1")
    command.downgrade(migrations.configuration(before), "0002")
    with closing(connect(before)) as database:
        assert database.execute("SELECT rowid, c3 FROM t2").fetchall() == [(1, "a"), (7, "b")]
        assert "next_row_id" not in {row[1] for row in database.execute("PRAGMA table_info(tables)")}


@pytest.mark.parametrize("cell", ["a␀b", "␛␛"])
def test_a_downgrade_is_refused_if_a_cell_has_a_character_that_older_versions_store_differently(
    before: Settings, cell: str
) -> None:
    from alembic import command

    migrations.upgrade(before)
    with closing(connect(before)) as database:
        database.execute("DROP TABLE t1")
        database.execute("INSERT INTO t2 (c3) VALUES (?)", (cell,))
    with pytest.raises(RuntimeError, match="Table 2 has cells with U"):
        command.downgrade(migrations.configuration(before), "0002")
    with closing(connect(before)) as database:
        assert migrations.current(before) == migrations.head()
        assert database.execute("SELECT next_row_id FROM tables WHERE id = 2").fetchone() == (8,)
