"""A comparison with a table whose columns others change meanwhile."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.rowstore.backends import StoredTable, column
from tests.rowstore.conftest import Make
from webapp.rowstore import open_comparison
from webapp.rowstore.file_comparison import FileComparison
from webapp.rowstore.postgresql.comparing import ColumnGone

FIELDS = (column(1, "key"), column(2, "number", "integer"), column(3, "other"))
ROWS = [(f"row {number}", str(number), "x") for number in range(1_200)]


@pytest.fixture
def table(make: Make) -> StoredTable:
    return make(FIELDS, ROWS)


@pytest.fixture
def over(table: StoredTable, tmp_path: Path) -> Iterator[FileComparison]:
    with open_comparison(table.backend.address, tmp_path / "draft", table.ref, FIELDS, [1]) as laid:
        yield laid


@pytest.fixture
def other(table: StoredTable) -> Iterator[Any]:
    with closing(table.backend.connect()) as driver:
        driver.execute("SET lock_timeout = 300")
        yield driver


def ignore(done: int, of: int) -> None:
    pass


def test_others_change_columns_meanwhile_and_the_snapshot_stays(over: FileComparison, other: Any) -> None:
    over.take([(key, str(int(number) + 1), text) for key, number, text in ROWS])
    other.execute("ALTER TABLE t1 ADD COLUMN c2t text")
    matched = over.match_keys(lambda done, of: other.execute("ALTER TABLE t1 ADD COLUMN IF NOT EXISTS c7 text"))
    assert matched.changed == len(ROWS)
    other.execute("UPDATE t1 SET c2 = 0")
    seen = list[tuple[str, ...]]()
    for number, batch in enumerate(over.changed()):
        other.execute(f"ALTER TABLE t1 ADD COLUMN c{number + 10} text")
        seen += [row.before for row in batch]
    assert seen == ROWS
    assert over.problems().keyless == 0


def test_rows_without_a_key_are_matched_so_as_well(over: FileComparison, other: Any) -> None:
    over.take(ROWS[:1_000])
    matched = over.match_rows(lambda done, of: other.execute("ALTER TABLE t1 ADD COLUMN IF NOT EXISTS c7 text"))
    assert (matched.same, matched.missing) == (1_000, 200)
    for number, _ in enumerate(over.missing()):
        other.execute(f"ALTER TABLE t1 ADD COLUMN c{number + 10} text")


def test_a_column_that_goes_meanwhile_ends_it(over: FileComparison, other: Any) -> None:
    over.take(ROWS)
    over.match_keys(ignore)
    other.execute("ALTER TABLE t1 DROP COLUMN c3")
    with pytest.raises(ColumnGone):
        over.cells([1], FIELDS)


def test_a_column_that_went_before_is_said_to_be(table: StoredTable, tmp_path: Path) -> None:
    table.backend.execute("ALTER TABLE t1 DROP COLUMN c3")
    with pytest.raises(ColumnGone):
        open_comparison(table.backend.address, tmp_path / "draft", table.ref, FIELDS, [1])
    opened = table.backend.execute(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
    )
    assert opened == []
