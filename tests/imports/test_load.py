"""Pass 2: the rows of a file in their table, once each and in order, however often it is begun."""

import csv
import random
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.database import database_url
from tests.rowstore.backends import BACKENDS, PostgresqlBackend, SqliteBackend, StoredTable, column, make_table
from webapp.db.errors import StorageFull, UserError
from webapp.formats import ReadOptions
from webapp.imports.load import load
from webapp.imports.requests import LoadRequest
from webapp.rowstore.table_ref import Field

ROWS = 12_000
WITHOUT_WAITING = {"sqlite": "PRAGMA busy_timeout = 0", "postgresql": "SET lock_timeout = 1"}  # for locks of others
FIELDS = (
    column(1, "number", "integer"),
    column(2, "name"),
    column(3, "seen", "date", {"layout": "DD.MM.YYYY"}),
)


class Interrupted(Exception):
    pass


class Loading:
    """An import in the middle of its second pass; its file is `original` in `folder`."""

    def __init__(self, folder: Path, data_dir: Path, fields: Sequence[Field] = FIELDS) -> None:
        self.folder, url = folder, database_url(data_dir)
        self.backend = PostgresqlBackend(data_dir, url) if url else SqliteBackend(data_dir)
        self.table: StoredTable = make_table(self.backend, fields, [])

    def run(self, progress: Callable[[int, int], None] = lambda bytes_read, rows: None) -> int:
        positions = [field.number - 1 for field in self.table.fields]
        options = asdict(ReadOptions())
        request = LoadRequest(str(self.folder), self.backend.address, f"{1:032x}", options, self.table.ref, positions)
        return load(request, progress)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return self.backend.execute(sql)

    def stored(self) -> list[tuple[int, tuple[str, ...]]]:
        with self.table.opened:
            return self.table.all_rows()


@pytest.fixture(params=BACKENDS)
def system(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def rows() -> list[tuple[str, str, str]]:
    return [(str(number), f"name {number}", f"{number % 28 + 1:02}.0{number % 9 + 1}.2024") for number in range(ROWS)]


@pytest.fixture
def loading(tmp_path: Path, data_dir: Path, rows: list[tuple[str, str, str]]) -> Loading:
    with (tmp_path / "original").open("w", newline="") as file:
        csv.writer(file).writerows([("number", "name", "seen"), *rows])
    return Loading(tmp_path, data_dir)


def test_every_row_is_loaded_once_in_the_order_of_the_file(loading: Loading, rows: list[tuple[str, str, str]]) -> None:
    assert loading.run() == ROWS
    assert loading.stored() == list(enumerate(rows, 1))
    assert loading.ask("SELECT rows_done FROM imports") == [(ROWS,)]
    assert loading.ask("SELECT row_count, next_row_id FROM tables") == [(ROWS, ROWS + 1)]


@pytest.mark.parametrize("seed", range(5))
def test_an_interrupted_pass_is_continued(loading: Loading, rows: list[tuple[str, str, str]], seed: int) -> None:
    rng = random.Random(seed)

    def interrupt(bytes_read: int, done: int) -> None:
        if rng.random() < 0.3:
            raise Interrupted

    for _ in range(200):
        try:
            loading.run(interrupt)
        except Interrupted:
            done = loading.ask("SELECT rows_done FROM imports")[0][0]
            assert loading.ask("SELECT count(*), max(id) FROM t1") == [(done, done)]  # never one without the other
        else:
            break
    assert loading.stored() == list(enumerate(rows, 1))


def test_loading_again_changes_nothing(loading: Loading) -> None:
    loading.run()
    before = loading.ask("SELECT version FROM tables")
    assert loading.run() == ROWS
    assert loading.ask("SELECT version FROM tables") == before


def test_other_connections_can_write_between_batches_and_see_the_first_rows_early(
    loading: Loading, system: str
) -> None:
    seen: list[int] = []
    with closing(loading.backend.connect()) as other:
        other.execute(WITHOUT_WAITING[system])

        def write(bytes_read: int, done: int) -> None:
            other.execute("UPDATE tables SET title = 'Other'")
            seen.append(done)

        loading.run(write)
    assert seen[0] <= 500
    assert len(seen) > 2


def test_a_cancelled_import_stops_at_its_next_batch(loading: Loading) -> None:
    def cancel(bytes_read: int, done: int) -> None:
        loading.ask("UPDATE imports SET state = 'cancelled'")
        loading.table.write(lambda rows: rows.drop(1))

    assert loading.run(cancel) == 0
    assert loading.run() == 0


def test_a_full_disk_leaves_no_half_batch(loading: Loading) -> None:
    def fill(bytes_read: int, done: int) -> None:
        raise StorageFull

    with pytest.raises(StorageFull):
        loading.run(fill)
    done = loading.ask("SELECT rows_done FROM imports")[0][0]
    assert loading.ask("SELECT count(*) FROM t1") == [(done,)]


def test_skipped_columns_are_left_out_and_the_others_keep_their_numbers(tmp_path: Path, data_dir: Path) -> None:
    (tmp_path / "original").write_text("a,b,c\n1,2,3\n4,5,6\n")
    loading = Loading(tmp_path, data_dir, [column(1, "a", "integer"), column(3, "c")])
    assert loading.run() == 2
    assert loading.stored() == [(1, ("1", "3")), (2, ("4", "6"))]


def test_cells_with_nul_are_loaded(tmp_path: Path, data_dir: Path) -> None:
    (tmp_path / "original").write_text("a,b\nx\0y,1\n,2\n␀,3\n")
    loading = Loading(tmp_path, data_dir, [column(1, "a"), column(2, "b", "integer")])
    loading.run()
    assert loading.stored() == [(1, ("x\0y", "1")), (2, ("", "2")), (3, ("␀", "3"))]


@pytest.mark.parametrize(
    ("field", "cell", "words"),
    [
        (column(1, "a", "integer"), "x", "^A value of the column “a” does not fit its type[.:]"),
        (
            column(1, "a", "date", {"layout": "D.M.YYYY"}),
            "31.2.2024",
            "^A value of the column “a” does not fit its type: ",
        ),
    ],
)
def test_a_value_that_does_not_fit_its_type_fails_the_import(
    tmp_path: Path, data_dir: Path, field: Field, cell: str, words: str
) -> None:
    (tmp_path / "original").write_text(f"a\n\n{cell}\n")
    loading = Loading(tmp_path, data_dir, [field])
    with pytest.raises(UserError, match=words):
        loading.run()
    assert loading.stored() == []
