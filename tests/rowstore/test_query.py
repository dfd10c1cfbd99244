"""Queries of tables: from arguments of a URL, back to them, and in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from tests.rowstore.backends import column
from webapp.rowstore.errors import QueryError
from webapp.rowstore.query import TableQuery, describe_rows

FIELDS = (
    column(1, "name"),
    column(2, "city"),
    column(3, "price", "decimal", {"style": "fixed", "scale": 2}),
    column(4, "count", "integer"),
    column(5, "day", "date", {"layout": "YYYY-MM-DD"}),
    column(6, "at", "datetime", {"layout": "YYYY-MM-DD HH:mm"}),
    column(7, "paid", "boolean", {"true": "yes", "false": "no"}),
)


def query(*args: tuple[str, str]) -> TableQuery:
    return TableQuery.from_args(list(args), FIELDS)


def test_a_query_without_arguments_shows_all_rows() -> None:
    assert query().args() == []
    assert query().query_string() == ""
    assert not query().is_narrowed


def test_arguments_have_one_canonical_form() -> None:
    found = query(
        ("sort", "-3,1"), ("utm_source", "x"), ("f.2", "eq:Oslo"), ("q", "  a b "), ("cols", "3,1,3"), ("after", "x")
    )
    assert found.args() == [("q", "a b"), ("f.2", "eq:Oslo"), ("sort", "-3,1"), ("cols", "3,1")]
    assert TableQuery.from_args(found.args(), FIELDS) == found
    assert found.query_string(after="A") == "?q=a+b&f.2=eq:Oslo&sort=-3,1&cols=3,1&after=A"


def test_arguments_of_a_request_are_read() -> None:
    assert TableQuery.from_args(MultiDict([("f.3", "ge:1"), ("f.3", "lt:2")]), FIELDS).args() == [
        ("f.3", "ge:1"),
        ("f.3", "lt:2"),
    ]


def test_cols_can_be_repeated_as_forms_do() -> None:
    assert query(("cols", "3"), ("cols", "1")).args() == [("cols", "3,1")]


@given(st.permutations(range(1, 8)), st.integers(0, 7), st.sets(st.integers(1, 7), max_size=4))
def test_adjacent_columns_are_a_range_in_the_url(order: list[int], most: int, skipped: set[int]) -> None:
    """Also where the import has left some out, so that numbers are missing."""
    fields = tuple(each for each in FIELDS if each.number not in skipped)
    made = TableQuery.of(fields).with_columns(number for number in order[:most] if number not in skipped)
    assert TableQuery.from_args(made.args(), fields) == made


def test_urls_of_wide_tables_are_short() -> None:
    wide = tuple(column(number, f"column {number}") for number in range(1, 2001) if number != 99)
    hidden = TableQuery.of(wide).with_columns(each.number for each in wide if each.number != 1000)
    assert hidden.args() == [("cols", "1-999,1001-2000")]
    assert TableQuery.from_args([("cols", "7,98-100,7")], wide).args() == [("cols", "7,98,100")]
    for strange in ("5-3", "1-", "-3", "1-2-3", "1-99", "1-9999"):
        with pytest.raises(QueryError, match="no column number"):
            TableQuery.from_args([("cols", strange)], wide)


@given(st.lists(st.text(alphabet=st.sampled_from("a,\\:b \n"), max_size=5), min_size=1, max_size=4))
def test_values_of_oneof_may_contain_commas_colons_and_backslashes(values: list[str]) -> None:
    made = query().with_filter(2, "oneof", *values)
    assert TableQuery.from_args(made.args(), FIELDS) == made
    assert made.filters[0].values == tuple(values)


def test_a_single_value_is_not_split() -> None:
    assert query(("f.2", "eq:a:b,c\\ ")).filters[0].values == ("a:b,c\\ ",)


@pytest.mark.parametrize(
    ("args", "argument", "words"),
    [
        ((("f.9", "eq:1"),), "f.9", "no column number 9"),
        ((("f.x", "eq:1"),), "f.x", "no column number x"),
        ((("f.3", "like:1"),), "f.3", "cannot be filtered by “like”"),
        ((("f.1", "gt:1"),), "f.1", "cannot be filtered by “gt”"),
        ((("f.3", "gt:dear"),), "f.3", "“dear” does not fit the column price"),
        ((("f.3", "gt:1e999"),), "f.3", "does not fit"),
        ((("f.3", "gt:"),), "f.3", "needs a value"),
        ((("f.3", "between:1"),), "f.3", "needs two values"),
        ((("f.3", "empty:1"),), "", ""),
        ((("f.2", "oneof:" + "a," * 600),), "f.2", "at most 500"),
        ((("f.2", "contains:" + "x" * 201),), "f.2", "at most 200 characters"),
        ((("f.5", "before:soon"),), "f.5", "needs a date"),
        ((("f.7", "eq:perhaps"),), "f.7", "one of the column's two words"),
        ((("sort", "-9"),), "sort", "no column number 9"),
        ((("sort", "--3"),), "sort", "no column number -3"),
        ((("sort", "3;DROP"),), "sort", "no column number"),
        ((("cols", "1,12"),), "cols", "no column number 12"),
        ((("q", "x" * 201),), "q", "at most 200 characters"),
        ((("q", "\ud800"),), "q", "not valid text"),
        ((("f.2", "eq:\ud800"),), "f.2", "not valid text"),
    ],
)
def test_invalid_arguments_are_readable_errors(args: tuple[tuple[str, str], ...], argument: str, words: str) -> None:
    if not words:
        assert query(*args).args() == [("f.3", "empty")]
        return
    with pytest.raises(QueryError, match=words) as caught:
        query(*args)
    assert caught.value.argument == argument


def test_too_many_filters_are_an_error() -> None:
    with pytest.raises(QueryError, match="At most 50"):
        query(*(("f.2", f"eq:{number}") for number in range(51)))


@pytest.mark.parametrize("name", ["f.2", "cols", "sort"])
def test_arguments_that_make_urls_too_long_are_errors(name: str) -> None:
    value = {"f.2": "eq:" + "é" * 4000, "cols": "1-3," * 6000, "sort": "1," * 12_000}[name]
    with pytest.raises(QueryError, match="too long together: each link"):
        query((name, value))
    with pytest.raises(QueryError, match="too long together: each link"):
        query(*((name, value[:200]) for _ in range(120)))


def test_the_more_filters_an_address_has_the_shorter_it_must_be() -> None:
    """Each filter has two links, which repeat the whole address."""
    for count, length in ((1, 19_000), (50, 4_500)):
        filters = [("f.2", f"ne:{number:0{length // count}}") for number in range(count)]
        assert len(query(*filters).filters) == count
    filters = [("f.2", f"ne:{number:0{6_000 // 50}}") for number in range(50)]
    with pytest.raises(QueryError, match="too long together: each link"):
        query(*filters)


def test_a_hidden_column_cannot_be_used_in_any_argument() -> None:
    for args in ([("sort", "2")], [("f.2", "filled")], [("cols", "2")]):
        with pytest.raises(QueryError, match="no column number 2"):
            TableQuery.from_args(args, FIELDS[:1])


def test_toggling_a_sort_goes_ascending_descending_off() -> None:
    first = query(("sort", "1,4"))
    up = first.toggle_sort(3)
    down = up.toggle_sort(3)
    assert [up.args(), down.args(), down.toggle_sort(3).args()] == [[("sort", "3")], [("sort", "-3")], []]


def test_toggling_with_add_keeps_the_other_sorts() -> None:
    added = query(("sort", "1,4")).toggle_sort(3, add=True)
    assert added.args() == [("sort", "1,4,3")]
    turned = added.toggle_sort(4, add=True)
    assert turned.args() == [("sort", "1,-4,3")]
    assert turned.toggle_sort(4, add=True).args() == [("sort", "1,3")]
    assert turned.order_of(4) == (2, True)
    assert turned.order_of(2) is None


def test_with_columns_sets_the_visible_columns() -> None:
    assert query().with_columns([3, 1]).args() == [("cols", "3,1")]
    assert query(("cols", "3,1")).with_columns([]).args() == []


def test_filters_are_described_in_words() -> None:
    filters = query(("f.2", "eq:Oslo"), ("f.3", "between:1,2"), ("f.1", "oneof:a,b,")).filters
    assert [condition.label for condition in filters] == [
        "city is Oslo",
        "price is between 1 and 2",
        "name is one of a, b or empty",
    ]


@pytest.mark.parametrize(
    ("args", "shown", "words"),
    [
        ((), None, "1,000,000 rows"),
        (
            (("f.2", "eq:Oslo"), ("sort", "-3")),
            412,
            "412 of 1,000,000 rows where city is Oslo, by price, highest first",
        ),
        (
            (("q", "bo"), ("f.2", "ne:Oslo"), ("f.4", "empty"), ("f.5", "after:2024-01-31"), ("sort", "5,-2,7")),
            1,
            "1 of 1,000,000 rows matching “bo” and where city is not Oslo, count is empty and day is after 2024-01-31,"
            " by day, oldest first, then by city, Z to A, then by paid, no first",
        ),
        ((("q", "bo"),), None, "Of 1,000,000 rows, those matching “bo”"),
    ],
)
def test_the_query_is_described_in_words(args: tuple[tuple[str, str], ...], shown: int | None, words: str) -> None:
    assert describe_rows(query(*args), 1_000_000, shown) == words


def test_a_capped_count_is_described_with_a_plus_sign() -> None:
    assert (
        describe_rows(query(("q", "b")), 1_000_000, 10_000, is_capped=True) == "10,000+ of 1,000,000 rows matching “b”"
    )
