"""The full-text index finds the same as a scan, only faster."""

import itertools
import sqlite3
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.rowstore.conftest import Store
from tests.rowstore.stored import Column, Table
from webapp.db.sqlite_driver import connect
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sqlite import planning, search
from webapp.rowstore.sqlite.connection import ensure_index, existing
from webapp.rowstore.sqlite.pages import count, page, row
from webapp.rowstore.sqlite.schema import drop_sql
from webapp.rowstore.sqlite.search import build_search_index

COLUMNS = [Column(1, "a"), Column(2, "b", "decimal", {"style": "fixed", "scale": 2}), Column(3, "c")]
LETTERS = st.text(alphabet=st.sampled_from("abAB\"é É%_*['\n-1.ßß"), max_size=8)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tables are searched the way large ones are."""
    monkeypatch.setattr(planning, "SMALL", 0)
    monkeypatch.setattr(search, "HOLD", 0.0001)
    monkeypatch.setattr(search, "ENOUGH", 2)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.tuples(LETTERS, LETTERS), min_size=1, max_size=12), LETTERS, st.sampled_from(["", "1", "-1", "3"]))
def test_the_index_and_the_rows_agree(
    eager: None, store: Store, cells: list[tuple[str, str]], text: str, sort: str
) -> None:
    table = store(COLUMNS, [(one, "12.50", two) for one, two in cells])
    query = table.query(("q", text), ("sort", sort))
    without = page(table.read, table, query)
    assert build_search_index(table.connection, 1, COLUMNS)
    assert page(table.read, table, query) == without
    assert count(table.read, table, query).number == len(without.rows)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.text("ab@", max_size=9), min_size=3, max_size=30), st.text("ab@", min_size=4, max_size=6), st.booleans()
)
def test_what_most_rows_hold_may_be_left_out_of_the_question(
    eager: None, store: Store, cells: list[str], text: str, is_sorted: bool
) -> None:
    table = store(COLUMNS[:1], [(cell,) for cell in (sorted(cells) if is_sorted else cells)])
    query = table.query(("q", text))
    without = pages(table, query)
    assert build_search_index(table.connection, 1, COLUMNS[:1])
    assert pages(table, query) == without


def asked_for(table: Table, text: str) -> list[str]:
    """The trigrams that find the rows of a search."""
    found: list[str] = []

    def read(sql: Any) -> Any:
        if sql.text.startswith("SELECT s1.rowid"):
            found.extend(sql.values[0].replace('"', "").split(" AND "))
        return table.read(sql)

    assert page(read, table, table.query(("q", text))).rows
    return found


def test_beside_a_rare_part_of_a_search_its_common_parts_are_not_asked_for(store: Store) -> None:
    rows = [(f"{number:05}@example", "", "first" if number < 200 else "then") for number in range(21_000)]
    table = store(COLUMNS, rows)
    build_search_index(table.connection, 1, COLUMNS)
    assert asked_for(table, "12345@exa") == ["123", "234", "345", "45@", "5@e"]
    assert asked_for(table, "exa") == ["exa"]
    # Common at the beginning only: among all rows it may be rare.
    table.connection.execute("UPDATE t1 SET c3 = 'firstly' WHERE rowid = 150")
    table.connection.execute("DROP TABLE s1")
    build_search_index(table.connection, 1, COLUMNS)
    assert asked_for(table, "firstly") == ["fir", "irs", "rst", "stl", "tly"]


def plans(table: Table) -> tuple[Any, list[str]]:
    seen: list[str] = []

    def read(sql: Any) -> Any:
        seen.extend(step[3] for step in table.connection.execute(f"EXPLAIN QUERY PLAN {sql.text}", sql.values))
        return table.read(sql)

    return read, seen


def test_pages_of_a_search_go_both_ways_through_the_index(eager: None, store: Store) -> None:
    table = store(COLUMNS, [(f"row {number}", "", "even" if number % 2 else "odd") for number in range(200)])
    build_search_index(table.connection, 1, COLUMNS)
    read, seen = plans(table)
    query = table.query(("q", "EVEN"))
    first = page(read, table, query, size=30)
    second = page(read, table, query, after=first.after, size=30)
    assert [found[0] for found in second.rows] == list(range(62, 122, 2))
    assert page(read, table, query, before=second.before, size=30).rows == first.rows
    assert [found[0] for found in page(read, table, query, last=True, size=2).rows] == [198, 200]
    assert row(read, table, query, 62).previous == 60  # type: ignore[union-attr]
    assert any("VIRTUAL TABLE INDEX" in step for step in seen)
    assert not any(step.startswith("SCAN t1") for step in seen)


def test_what_is_printed_is_found_also_in_numbers(eager: None, store: Store) -> None:
    table = store(COLUMNS, [("a", "12.50", ""), ("b", "125.00", "")])
    build_search_index(table.connection, 1, COLUMNS)
    assert [found[0] for found in page(table.read, table, table.query(("q", "12.5"))).rows] == [1]


def test_an_interrupted_build_is_started_again(eager: None, store: Store) -> None:
    table = store(COLUMNS, [(f"row {number}", "", "") for number in range(900)])

    def stop(done: int, total: int) -> None:
        assert total == 900
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_search_index(table.connection, 1, COLUMNS, progress=stop)
    assert existing(table.read, ["s1", "s1_building"]) == {"s1_building"}
    assert len(page(table.read, table, table.query(("q", "row 89"))).rows) == 11
    assert build_search_index(table.connection, 1, COLUMNS)
    assert build_search_index(table.connection, 1, COLUMNS)
    assert existing(table.read, ["s1", "s1_building"]) == {"s1"}
    assert len(page(table.read, table, table.query(("q", "row 89"))).rows) == 11


def test_a_table_that_is_deleted_before_its_index_is_begun_leaves_nothing(store: Store) -> None:
    table = store(COLUMNS, [("a", "1.00", "b")])
    table.connection.execute("DROP TABLE t1")
    assert not build_search_index(table.connection, 1, COLUMNS)
    assert existing(table.read, ["s1", "s1_building"]) == set()


def test_a_build_waits_for_whoever_holds_the_lock_longer_than_a_person_would(eager: None, store: Store) -> None:
    table = store(COLUMNS, [("abc", "1.00", "b")])
    table.connection.execute("PRAGMA busy_timeout = 10")
    other = connect(table.path)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, other.execute, ("COMMIT",))
    release.start()
    try:
        assert build_search_index(table.connection, 1, COLUMNS)
    finally:
        release.join()
        other.close()


def test_an_index_that_is_interrupted_says_so(store: Store) -> None:
    table = store(COLUMNS, [(f"{number}", "1.00", "b") for number in range(2000)])
    table.connection.set_progress_handler(lambda: True, 2000)
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        ensure_index(table.connection, 1, COLUMNS[0])
    assert not table.connection.in_transaction


def test_others_write_while_the_index_is_built(eager: None, store: Store) -> None:
    table = store(COLUMNS, [(f"row {number}", "", "") for number in range(900)])
    table.connection.execute("CREATE TABLE other (x)")
    writer = connect(table.path)
    writer.execute("PRAGMA busy_timeout = 0")
    try:
        writes = itertools.count()
        build_search_index(
            table.connection,
            1,
            COLUMNS,
            progress=lambda done, total: writer.execute("INSERT INTO other VALUES (?)", (next(writes),)) and None,
        )
        assert next(writes) > 3
    finally:
        writer.close()


def test_a_table_that_goes_away_meanwhile_ends_the_build(eager: None, store: Store) -> None:
    table = store(COLUMNS, [(f"row {number}", "", "") for number in range(900)])

    def drop(done: int, total: int) -> None:
        for statement in drop_sql(1):
            table.connection.execute(statement)

    assert not build_search_index(table.connection, 1, COLUMNS, progress=drop)
    assert existing(table.read, ["s1", "s1_building"]) == set()


def test_without_trigrams_there_is_no_index_and_search_still_works(
    eager: None, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = store(COLUMNS, [("abcd", "", "")])
    monkeypatch.setattr(search, "is_available", lambda connection: False)
    assert not build_search_index(table.connection, 1, COLUMNS)
    assert len(page(table.read, table, table.query(("q", "bcd"))).rows) == 1


def test_a_table_of_two_thousand_columns_is_indexed(eager: None, store: Store) -> None:
    columns = [Column(number, str(number)) for number in range(1, 2001)]
    table = store(columns, [[f"{line}.{number}." for number in range(1, 2001)] for line in (1, 2)])
    assert build_search_index(table.connection, 1, columns)
    assert [found[0] for found in page(table.read, table, table.query(("q", "2.1999."))).rows] == [2]


def test_an_index_for_a_sort_is_made_once_and_used(store: Store) -> None:
    table = store(COLUMNS, [(f"row {number % 10}", str(number), "") for number in range(300)])
    for column in COLUMNS[:2] * 2:
        ensure_index(table.connection, 1, column)
    read, seen = plans(table)
    page(read, table, table.query(("sort", "-1")))
    page(read, table, table.query(("sort", "2")))
    assert {step.split(" (")[0] for step in seen} == {"SEARCH t1 USING INDEX i1_1", "SEARCH t1 USING INDEX i1_2"}


def test_a_failed_index_leaves_no_transaction_open(store: Store) -> None:
    table = store(COLUMNS, [])
    with pytest.raises(sqlite3.OperationalError):
        ensure_index(table.connection, 9, COLUMNS[0])
    assert not table.connection.in_transaction


def test_a_rare_match_does_not_walk_the_index_of_the_sort(eager: None, store: Store) -> None:
    table = store(COLUMNS, [("", str(number), "rare" if number == 5 else "common") for number in range(3000)])
    ensure_index(table.connection, 1, COLUMNS[1])
    read, seen = plans(table)
    assert [found[0] for found in page(read, table, table.query(("sort", "-2"), ("f.3", "eq:rare"))).rows] == [6]
    assert not any("i1_2" in step for step in seen)
    seen.clear()
    assert len(page(read, table, table.query(("sort", "-2"), ("f.3", "eq:common"))).rows) == 100
    assert any("i1_2" in step for step in seen)


def test_a_broad_range_does_not_collect_the_index_of_its_filter(eager: None, store: Store) -> None:
    table = store(COLUMNS, [("", str(number), "") for number in range(3000)])
    ensure_index(table.connection, 1, COLUMNS[1])
    read, seen = plans(table)
    assert page(read, table, table.query(("f.2", "ge:5"))).rows[0][0] == 6
    assert not any("i1_2" in step for step in seen)


FILTERS = st.lists(
    st.sampled_from(
        [
            ("f.1", "eq:a"),
            ("f.1", "ne:a"),
            ("f.1", "oneof:a,b,"),
            ("f.1", "contains:A"),
            ("f.1", "empty"),
            ("f.2", "ge:2"),
            ("f.2", "between:1,3"),
            ("f.2", "filled"),
            ("f.3", "eq:c"),
            ("q", "cab"),
            ("q", "a"),
        ]
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda pair: pair,
)
SORTS = st.sampled_from(["", "1", "-1", "2,-1", "-2,3", "3"])
FEW = st.sampled_from(["", "a", "A", "b", "c", "cab"])


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(FEW, st.sampled_from(["", "1", "2", "3"]), FEW), max_size=30), FILTERS, SORTS, st.data())
def test_every_way_leads_to_the_same_rows(
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[tuple[str, str, str]],
    filters: list[tuple[str, str]],
    sort: str,
    data: st.DataObject,
) -> None:
    table = store([Column(1, "a"), Column(2, "b", "integer"), Column(3, "c")], rows)
    query = table.query(*filters, ("sort", sort))
    plain = pages(table, query)
    for column in data.draw(st.lists(st.sampled_from(table.columns), unique_by=lambda column: column.number)):
        ensure_index(table.connection, 1, column)
    if data.draw(st.booleans()):
        build_search_index(table.connection, 1, table.columns)
    with monkeypatch.context() as patch:
        patch.setattr(planning, "SMALL", 0)
        for name in ("COMMON", "COMMON_BESIDE_INDEX", "BROAD"):
            patch.setattr(planning, name, data.draw(st.integers(0, 10)))
        assert pages(table, query) == plain
        assert count(table.read, table, query).number == len(plain[0])


def pages(table: Table, query: TableQuery) -> tuple[list[Any], list[Any]]:
    """All rows by pages of four: forward, and backward from the last."""
    found = page(table.read, table, query, size=4)
    forward = found.rows
    while found.after:
        found = page(table.read, table, query, after=found.after, size=4)
        forward = forward + found.rows
    found = page(table.read, table, query, last=True, size=4)
    backward = found.rows
    while found.before:
        found = page(table.read, table, query, before=found.before, size=4)
        backward = found.rows + backward
    return forward, backward
