"""Searches with an index find the same rows as searches without one, whatever is written meanwhile."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rowstore.backends import StoredTable, column, ids
from tests.rowstore.conftest import Make
from webapp.rowstore.query import TableQuery
from webapp.rowstore.store import CellChange, StoredRow

FIELDS = (column(1, "a"), column(2, "b", "decimal", {"style": "fixed", "scale": 2}), column(3, "c"))
LETTERS = st.text(alphabet=st.sampled_from("abAB\"é É%_*['\n-1.ßß␀␛\0"), max_size=8)


@settings(max_examples=80)
@given(st.lists(st.tuples(LETTERS, LETTERS), min_size=1, max_size=12), LETTERS, st.sampled_from(["", "1", "-1", "3"]))
def test_a_search_index_changes_no_result(
    always_indexed: None, make: Make, cells: list[tuple[str, str]], text: str, sort: str
) -> None:
    table = make(FIELDS, [(one, "12.50", two) for one, two in cells])
    without = table.page(("q", text), ("sort", sort))
    assert table.build_search_index()
    assert table.page(("q", text), ("sort", sort)) == without
    assert table.count(("q", text)).number == len(without.rows)


@settings(max_examples=80)
@given(
    st.lists(st.text("ab@", max_size=9), min_size=3, max_size=30), st.text("ab@", min_size=4, max_size=6), st.booleans()
)
def test_common_trigrams_change_no_result(
    always_indexed: None, make: Make, cells: list[str], text: str, is_sorted: bool
) -> None:
    table = make(FIELDS[:1], [(cell,) for cell in (sorted(cells) if is_sorted else cells)])
    without = all_pages(table, table.query(("q", text)))
    assert table.build_search_index()
    assert all_pages(table, table.query(("q", text))) == without


def test_numbers_are_found_as_they_are_printed(always_indexed: None, make: Make) -> None:
    table = make(FIELDS, [("a", "12.50", ""), ("b", "125.00", "")])
    table.build_search_index()
    assert ids(table.page(("q", "12.5"))) == [1]


def test_a_table_of_two_thousand_columns_is_indexed(always_indexed: None, make: Make) -> None:
    rows = [[f"{line}.{number}." for number in range(1, 2001)] for line in (1, 2)]
    table = make([column(number, str(number)) for number in range(1, 2001)], rows)
    assert table.build_search_index()
    assert ids(table.page(("q", "2.1999."))) == [2]


def test_the_index_follows_every_change(always_indexed: None, make: Make) -> None:
    table = make(FIELDS, [("first", "1.00", "x"), ("second", "2.00", "y"), ("third", "3.00", "z")])
    table.build_search_index()
    table.write(lambda rows: rows.apply(table.ref, [CellChange(1, FIELDS[0], "first", "changed")]))
    table.write(lambda rows: rows.delete(table.ref, [2]))
    table.write(lambda rows: rows.insert(table.ref, [StoredRow(4, ("fourth", "4.00", ""))]))
    texts = ("first", "changed", "second", "third", "fourth", "4.00")
    assert {text: ids(table.page(("q", text))) for text in texts} == {
        "first": [],
        "changed": [1],
        "second": [],
        "third": [3],
        "fourth": [4],
        "4.00": [4],
    }


def test_an_index_that_is_being_built_follows_every_change(always_indexed: None, make: Make) -> None:
    """Rows it has reached are updated, rows it has not reached are read later, rows added at the end as well."""
    table = make(FIELDS, [(f"row {number:03}", "", "") for number in range(1, 901)])
    steps: list[int] = []

    def change(done: int, total: int) -> None:
        steps.append(done)
        if len(steps) == 1:
            assert done < 900
            for row_id in (1, 900):
                changes = [CellChange(row_id, FIELDS[0], f"row {row_id:03}", f"changed {row_id}")]
                table.write(lambda rows, changes=changes: rows.apply(table.ref, changes))
            table.write(lambda rows: rows.delete(table.ref, [2, 899]))
        if done == 900:
            table.write(lambda rows: rows.insert(table.ref, [StoredRow(901, ("added", "", ""))]))

    assert table.build_search_index(change)
    assert ids(table.page(("q", "changed"))) == [1, 900]
    assert ids(table.page(("q", "added"))) == [901]
    for gone in ("row 001", "row 002", "row 899", "row 900"):
        assert ids(table.page(("q", gone))) == []
    assert ids(table.page(("q", "row 003"))) == [3]


def test_an_interrupted_build_is_started_again(always_indexed: None, make: Make) -> None:
    table = make(FIELDS, [(f"row {number}", "", "") for number in range(900)])

    def interrupt(done: int, total: int) -> None:
        assert total == 900
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        table.build_search_index(interrupt)
    assert len(table.page(("q", "row 89")).rows) == 11
    assert table.build_search_index()
    assert table.build_search_index()
    assert len(table.page(("q", "row 89")).rows) == 11


def test_an_unfinished_search_index_can_be_dropped(always_indexed: None, make: Make) -> None:
    table = make(FIELDS, [("row", "", "")] * 900)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        table.build_search_index(interrupt)
    table.write(lambda rows: rows.drop_unfinished_search_index(1))
    table.write(lambda rows: rows.delete(table.ref, [1]))
    assert len(table.page(("q", "row"), size=1000).rows) == 899


def test_the_index_of_a_table_that_does_not_exist_is_not_built(make: Make) -> None:
    table = make(FIELDS, [("a", "1.00", "b")])
    table.write(lambda rows: rows.drop(1))
    assert not table.build_search_index()


def test_a_build_ends_when_its_table_is_dropped(always_indexed: None, make: Make) -> None:
    table = make(FIELDS, [(f"row {number}", "", "") for number in range(900)])
    assert not table.build_search_index(lambda done, total: table.write(lambda rows: rows.drop(1)))


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


@settings(max_examples=120)
@given(st.lists(st.tuples(FEW, st.sampled_from(["", "1", "2", "3"]), FEW), max_size=30), FILTERS, SORTS, st.data())
def test_no_index_and_no_plan_changes_a_result(
    make: Make,
    any_plan: Any,
    rows: list[tuple[str, str, str]],
    filters: list[tuple[str, str]],
    sort: str,
    data: st.DataObject,
) -> None:
    table = make([column(1, "a"), column(2, "b", "integer"), column(3, "c")], rows)
    query = table.query(*filters, ("sort", sort))
    plain = all_pages(table, query)
    for field in data.draw(st.lists(st.sampled_from(table.fields), unique_by=lambda field: field.number)):
        table.build_sort_index(field)
    if data.draw(st.booleans()):
        table.build_search_index()
    with any_plan(lambda: data.draw(st.integers(0, 10))):
        assert all_pages(table, query) == plain
        assert table.count(query=query).number == len(plain[0])


def all_pages(table: StoredTable, query: TableQuery) -> tuple[list[Any], list[Any]]:
    """All rows by pages of four: forward, and backward from the last page."""
    page = table.page(query=query, size=4)
    forward = page.rows
    while page.after:
        page = table.page(query=query, after=page.after, size=4)
        forward = forward + page.rows
    backward = page.rows
    while page.before:
        page = table.page(query=query, before=page.before, size=4)
        backward = page.rows + backward
    return forward, backward
