"""Which way to its rows a query takes: each of them is tested for its rows in `test_search.py`."""

from contextlib import closing

import pytest

from tests.rowstore.backends import StoredTable, column
from tests.rowstore.conftest import Make
from webapp.rowstore.postgresql import planning
from webapp.rowstore.postgresql.connection import PostgresqlConnection
from webapp.rowstore.postgresql.planning import PostgresqlPlan
from webapp.rowstore.sql import pages

FIELDS = (column(1, "text"), column(2, "number", "integer"))


@pytest.fixture
def table(always_indexed: None, make: Make) -> StoredTable:
    made = make(FIELDS, [(f"row {number}", str(number % 100)) for number in range(300)])
    made.build_sort_index(FIELDS[1])
    assert made.build_search_index()
    return made


def plan(table: StoredTable, *args: tuple[str, str], whole: bool = False) -> PostgresqlPlan:
    with closing(table.backend.connect()) as driver:
        return planning.make_plan(PostgresqlConnection(driver), table.ref, table.query(*args), whole=whole)


def test_common_matches_are_found_by_walking_the_sort_index_and_rare_ones_are_not(table: StoredTable) -> None:
    assert plan(table, ("sort", "2"), ("f.2", "ge:10")).may_use_sort_index
    assert not plan(table, ("sort", "2"), ("f.1", "eq:row 7")).may_use_sort_index
    assert not plan(table, ("sort", "1"), ("f.2", "ge:10")).may_use_sort_index  # there is none


def test_a_search_that_the_index_knows_is_led_by_it(table: StoredTable) -> None:
    led = plan(table, ("q", "row 77"))
    assert led.match is not None
    assert (led.order_id, led.scan_end) == ("(t1.id + 0)", None)
    assert plan(table, ("q", "w 7")).match is None
    assert plan(table, ("f.1", "contains:row 7")).match is None


def test_a_large_table_is_read_in_chunks_until_there_are_enough_rows(
    table: StoredTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ("f.1", "contains:7")
    assert plan(table, args).scan_end == 300
    assert plan(table, args, whole=True).scan_end is None
    monkeypatch.setattr(planning, "LARGE_TABLE", 300)
    assert plan(table, args).scan_end is None


def test_a_frequent_word_of_a_large_table_is_not_looked_up(table: StoredTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index finds all rows that have it before the first is shown."""
    monkeypatch.setattr(planning, "LARGE_TABLE", 299)
    assert plan(table, ("q", "row 7")).match is None  # 11 of 300
    assert plan(table, ("q", "row 77")).match is not None
    assert plan(table, ("q", "row 7"), whole=True).match is not None
    assert plan(table, ("q", "row 7"), ("sort", "2")).match is not None


def test_a_search_whose_letters_are_frequent_is_given_up_for_reading_the_rows(
    table: StoredTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index knows where its letters are, and not in which order: it may yield half of the table."""
    by_index = table.page(("q", "row 77"))
    monkeypatch.setattr(planning, "LARGE_TABLE", 299)
    fallback = plan(table, ("q", "row 77")).fallback
    assert fallback is not None
    assert (fallback.match, fallback.scan_end) == (None, 300)
    assert plan(table, ("q", "row 77"), whole=True).fallback is None
    assert table.page(("q", "row 77")).rows == by_index.rows

    monkeypatch.setattr(pages, "FALLBACK_SECONDS", 0.0)
    assert table.page(("q", "row 77")).rows == by_index.rows
    after = table.page(("q", "row 77"), size=1).after
    assert table.page(("q", "row 77"), after=after).rows == by_index.rows[1:]
