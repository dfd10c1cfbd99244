"""Rows as they are stored are read by their bytes: a few may have more than a thousand others."""

import tracemalloc
from contextlib import closing

import pytest

from tests.rowstore.backends import StoredTable, column
from tests.rowstore.conftest import Make
from webapp.rowstore.postgresql.raw import PostgresqlRawRows
from webapp.rowstore.raw import BATCH_ROWS, RawRow

MEGABYTE = 1_000_000


@pytest.fixture
def table(make: Make) -> StoredTable:
    made = make((column(1), column(2)), [("a", "b")])
    made.backend.execute("DELETE FROM t1")
    return made


def batches(table: StoredTable, after: int = 0) -> list[list[RawRow]]:
    with closing(table.backend.connect()) as driver:
        rows = PostgresqlRawRows(driver)
        return list(rows.read(rows.tables()[0], after))


def test_many_small_rows_are_read_at_once(table: StoredTable) -> None:
    table.backend.execute("INSERT INTO t1 SELECT 2 * n, 'a' || n, NULL FROM generate_series(1, 2500) AS n")
    assert list(map(len, batches(table))) == [BATCH_ROWS, BATCH_ROWS, 500]
    assert [row[0] for batch in batches(table) for row in batch] == list(range(2, 5001, 2))
    assert batches(table, after=4998) == [[(5000, "a2500", None)]]
    assert batches(table, after=5000) == []


def test_of_rows_with_long_texts_a_few_are_in_memory(table: StoredTable) -> None:
    table.backend.execute("INSERT INTO t1 SELECT n, 'short', NULL FROM generate_series(1, 300) AS n")
    table.backend.execute(f"INSERT INTO t1 SELECT n, repeat('x', {MEGABYTE}), '' FROM generate_series(301, 340) AS n")
    sizes, last = list[int](), 0
    with closing(table.backend.connect()) as driver:
        rows = PostgresqlRawRows(driver)
        (stored,) = rows.tables()
        tracemalloc.start()
        try:
            for batch in rows.read(stored):
                sizes.append(len(batch))
                last = int(batch[-1][0] or 0)
                del batch
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (sizes[0], max(sizes[1:]), last) == (304, 4, 340)
    assert peak < 15 * MEGABYTE


def test_one_row_may_be_larger_than_a_batch(table: StoredTable) -> None:
    table.backend.execute(f"INSERT INTO t1 SELECT n, repeat('x', {5 * MEGABYTE}), '' FROM generate_series(1, 3) AS n")
    assert list(map(len, batches(table))) == [1, 1, 1]
