"""Pass 2: the rows of a file in their table, once each and in order, however often it is begun."""

import csv
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from webapp.db.errors import StorageFull, UserError
from webapp.db.sqlite_driver import connect
from webapp.formats import ReadOptions
from webapp.imports.load import load
from webapp.imports.requests import LoadColumn, LoadRequest
from webapp.rowstore.sqlite.schema import create_sql

ROWS = 12_000
COLUMNS = [
    LoadColumn(1, "number", 0, "integer", {}),
    LoadColumn(2, "name", 1, "text", {}),
    LoadColumn(3, "seen", 2, "date", {"layout": "DD.MM.YYYY"}),
]


class Interrupted(Exception):
    pass


class Loading:
    """An import in the middle of its second pass."""

    def __init__(self, folder: Path, data_dir: Path, columns: list[LoadColumn] = COLUMNS) -> None:
        self.folder, self.database, self.columns = folder, data_dir / "rowcast.db", columns
        with closing(connect(self.database)) as connection:
            connection.executescript(
                "INSERT INTO users (id, email, name, password_hash, role, is_active, created_at)"
                " VALUES (1, 'ada@example.org', 'ada', '', 'owner', 1, '2026-01-01');"
                "INSERT INTO tables (id, owner_id, title, created_at, row_count, state, version, search_index)"
                " VALUES (1, 1, 'Numbers', '2026-01-01', 0, 'importing', 0, 'none');"
                "INSERT INTO imports (id, user_id, table_id, state, created_at, filename, size, sha256, overrules,"
                " rows_done) VALUES ('a', 1, 1, 'loading', '2026-01-01', 'numbers.csv', 1, '', '{}', 0);"
            )
            connection.execute(create_sql(1, columns))

    def run(self, progress: Callable[[int, int], None] = lambda bytes_read, rows: None) -> int:
        options = asdict(ReadOptions())
        return load(LoadRequest(self.folder, self.database, "a", 1, options, self.columns), progress)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(connect(self.database)) as connection:
            return connection.execute(sql).fetchall()

    def stored(self) -> list[tuple[Any, ...]]:
        return self.ask("SELECT rowid, * FROM t1 ORDER BY rowid")


@pytest.fixture
def rows() -> list[tuple[str, str, str]]:
    return [(str(number), f"name {number}", f"{number % 28 + 1:02}.0{number % 9 + 1}.2024") for number in range(ROWS)]


@pytest.fixture
def loading(tmp_path: Path, data_dir: Path, rows: list[tuple[str, str, str]]) -> Iterator[Loading]:
    with (tmp_path / "original").open("w", newline="") as file:
        csv.writer(file).writerows([("number", "name", "seen"), *rows])
    return Loading(tmp_path, data_dir)


def as_stored(rows: list[tuple[str, str, str]]) -> list[tuple[Any, ...]]:
    return [
        (index, int(number), name, f"{seen[6:]}-{seen[3:5]}-{seen[:2]}")
        for index, (number, name, seen) in enumerate(rows, 1)
    ]


def test_every_row_is_there_once_in_the_order_of_the_file(loading: Loading, rows: list[tuple[str, str, str]]) -> None:
    assert loading.run() == ROWS
    assert loading.stored() == as_stored(rows)
    assert loading.ask("SELECT rows_done FROM imports") == [(ROWS,)]
    assert loading.ask("SELECT row_count FROM tables") == [(ROWS,)]


@pytest.mark.parametrize("seed", range(5))
def test_wherever_it_is_interrupted_it_goes_on_there(
    loading: Loading, rows: list[tuple[str, str, str]], seed: int
) -> None:
    rng = random.Random(seed)

    def interrupt(bytes_read: int, done: int) -> None:
        if rng.random() < 0.3:
            raise Interrupted

    for _ in range(200):
        try:
            loading.run(interrupt)
        except Interrupted:
            done = loading.ask("SELECT rows_done FROM imports")[0][0]
            assert loading.ask("SELECT count(*), max(rowid) FROM t1") == [(done, done)]  # never one without the other
        else:
            break
    assert loading.stored() == as_stored(rows)


def test_loading_again_what_is_loaded_changes_nothing(loading: Loading) -> None:
    loading.run()
    before = loading.ask("SELECT version FROM tables")
    assert loading.run() == ROWS
    assert loading.ask("SELECT version FROM tables") == before


def test_others_can_write_between_two_batches_and_see_the_first_rows_at_once(loading: Loading) -> None:
    seen: list[int] = []
    with closing(sqlite3.connect(loading.database, timeout=0, isolation_level=None)) as other:

        def write(bytes_read: int, done: int) -> None:
            other.execute("UPDATE tables SET title = 'Other'")
            seen.append(done)

        loading.run(write)
    assert seen[0] <= 500
    assert len(seen) > 5


def test_a_cancelled_import_stops_at_its_next_batch(loading: Loading) -> None:
    def cancel(bytes_read: int, done: int) -> None:
        with closing(connect(loading.database)) as connection:
            connection.execute("UPDATE imports SET state = 'cancelled'")
            connection.execute("DROP TABLE t1")

    assert loading.run(cancel) == 0
    assert loading.run() == 0


def test_a_full_disk_is_told_as_such_and_no_half_batch_stays(loading: Loading) -> None:
    def fill(bytes_read: int, done: int) -> None:
        raise StorageFull

    with pytest.raises(StorageFull):
        loading.run(fill)
    done = loading.ask("SELECT rows_done FROM imports")[0][0]
    assert loading.ask("SELECT count(*) FROM t1") == [(done,)]


def test_skipped_columns_are_left_out_and_the_others_keep_their_numbers(tmp_path: Path, data_dir: Path) -> None:
    (tmp_path / "original").write_text("a,b,c\n1,2,3\n4,5,6\n")
    kept = [LoadColumn(1, "a", 0, "integer", {}), LoadColumn(3, "c", 2, "text", {})]
    loading = Loading(tmp_path, data_dir, kept)
    assert loading.run() == 2
    assert loading.ask("SELECT c1, c3 FROM t1") == [(1, "3"), (4, "6")]


def test_values_the_database_cannot_convert_are_parsed_by_their_type(tmp_path: Path, data_dir: Path) -> None:
    (tmp_path / "original").write_text("a,b\nx\0y,1\n,2\n")
    loading = Loading(
        tmp_path, data_dir, [LoadColumn(1, "a", 0, "text", {"nul": "␀"}), LoadColumn(2, "b", 1, "integer", {})]
    )
    loading.run()
    assert loading.stored() == [(1, "x␀y", 1), (2, None, 2)]


def test_a_value_that_does_not_fit_its_type_fails_the_import(tmp_path: Path, data_dir: Path) -> None:
    (tmp_path / "original").write_text("a\n1\nx\n")
    loading = Loading(tmp_path, data_dir, [LoadColumn(1, "a", 0, "integer", {})])
    with pytest.raises(UserError, match=r"^A value of the column “a” does not fit its type\.$"):
        loading.run()
    assert loading.stored() == []
