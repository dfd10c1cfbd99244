"""Searches with an index find the same rows as searches without one, whatever is written meanwhile."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rowstore.backends import StoredTable, column, ids
from tests.rowstore.conftest import Make
from webapp.rowstore.errors import QueryError
from webapp.rowstore.loader import IndexWithdrawn
from webapp.rowstore.query import TableQuery
from webapp.rowstore.values import CellChange, StoredRow
from webapp.rowstore.writer import RowWriter

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


@settings(max_examples=60)
@given(
    st.lists(st.tuples(LETTERS, LETTERS), min_size=1, max_size=12),
    st.lists(st.text(alphabet=st.sampled_from("abAé%_*['1.ß␀␛"), min_size=1, max_size=4), min_size=2, max_size=4),
)
def test_each_word_is_in_some_cell_of_a_row(
    always_indexed: None, make: Make, cells: list[tuple[str, str]], words: list[str]
) -> None:
    table = make(FIELDS, [(one, "12.50", two) for one, two in cells])
    expected = set.intersection(*(set(ids(table.page(("q", word)))) for word in words))
    assert set(ids(table.page(("q", " ".join(words))))) == expected
    assert table.build_search_index()
    assert set(ids(table.page(("q", " ".join(words))))) == expected


@pytest.mark.parametrize("is_indexed", [False, True])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("york 2.50", [1]),
        ("2.50 york", [1]),
        ("york new", [1, 2]),
        ('"new york"', [1]),
        ('"new york" zeta', []),
        ("alpha york zeta", []),
        ("NEW yOrK alp", [1]),
        ('"new yo', [1]),
        ("a al alp", [1]),
        ("é ÉTÉ", [3]),
        ('5" disk', [3]),
        ('"5"" disk"', [3]),
        ("“new york”", [1]),
    ],
)
def test_words_may_be_in_different_cells_and_phrases_in_one(
    always_indexed: None, make: Make, text: str, expected: list[int], is_indexed: bool
) -> None:
    rows = [("New York", "2.50", "alpha"), ("York", "3.00", "new zeta"), ("été", "4.00", '5" disk')]
    table = make(FIELDS, rows)
    if is_indexed:
        assert table.build_search_index()
    assert ids(table.page(("q", text))) == expected
    assert table.count(("q", text)).number == len(expected)


def test_a_search_has_a_limited_number_of_words(make: Make, columns_limit: int) -> None:
    words = " ".join("abcdefghijk")
    with pytest.raises(QueryError, match="at most 10 words; this one has 11"):
        TableQuery.from_args([("q", words)], FIELDS)
    assert TableQuery.from_args([("q", f'"{words}"')], FIELDS).terms == (words,)
    wide = [column(number, str(number)) for number in range(1, 2001)]
    with pytest.raises(QueryError, match="2,000 columns has at most 2 words"):
        TableQuery.from_args([("q", "one two three")], wide)
    table = make(wide[:columns_limit], [["é␀xa" if number == 0 else "" for number in range(columns_limit)]])
    assert ids(table.page(("q", "é␀x ␀xa"))) == [1]


def test_numbers_are_found_as_they_are_printed(always_indexed: None, make: Make) -> None:
    table = make(FIELDS, [("a", "12.50", ""), ("b", "125.00", "")])
    table.build_search_index()
    assert ids(table.page(("q", "12.5"))) == [1]


def test_a_table_of_as_many_columns_as_there_may_be_is_searched(
    always_indexed: None, make: Make, columns_limit: int
) -> None:
    numbers = range(1, columns_limit + 1)
    rows = [[f"{line}.{number}." for number in numbers] for line in (1, 2)]
    table = make([column(number, str(number)) for number in numbers], rows)
    assert table.build_search_index() == table.backend.indexes_all_columns
    assert ids(table.page(("q", f"2.{columns_limit - 1}."))) == [2]


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
    assert not is_built(table, lambda rows: rows.drop(1))


def test_a_build_ends_when_somebody_drops_the_index_until_further_notice(always_indexed: None, make: Make) -> None:
    """As a change of all rows does."""
    table = make(FIELDS, [(f"row {number}", "", "") for number in range(900)])
    table.backend.execute("UPDATE tables SET search_index = 'none'")
    assert not is_built(table, lambda rows: rows.drop_search_index(1))
    assert not table.rows.has_search_index(table.ref)


def is_built(table: StoredTable, meanwhile: Callable[[RowWriter], None]) -> bool:
    try:
        return table.build_search_index(lambda done, total: table.write(meanwhile))
    except IndexWithdrawn:
        return False


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
