"""Groups of rows with the same value: their counts, sums and order, and the queries that show their rows."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rowstore.backends import StoredTable as Table
from tests.rowstore.conftest import Make
from tests.rowstore.test_profile import FIELDS
from webapp.rowstore.errors import QueryError
from webapp.rowstore.query import TableQuery
from webapp.rowstore.query.grouping import MAX_SUMS
from webapp.rowstore.table_ref import Field
from webapp.rowstore.values import Group, Groups

ROWS = [
    ("Oslo", "3", "1,50", "01.02.2024", "01.02.2024 10:30", "yes"),
    ("", "", "", "", "", ""),
    ("Bergen", "-1", "2,25", "31.01.2024", "01.02.2023 09:30", "no"),
    ("oslo", "10", "0,00", "15.03.2023", "", "no"),
    ("Oslo", "3", "", "01.02.2024", "01.02.2024 10:30", "yes"),
]
KINDS = {"empty": "(empty)", "novalue": "(no value)"}


def groups(table: Table, *asked: tuple[str, str], start: int = 0, size: int = 200) -> Groups:
    query = table.query(*asked)
    assert query.group
    return table.rows.groups(table.ref, query, query.group, start, size)


def named(found: Groups) -> list[tuple[str, int]]:
    return [(name(group), group.rows) for group in found.groups]


def name(group: Group) -> str:
    if group.text is None:
        assert group.condition
        return KINDS[group.condition.operator]
    return group.text


def test_rows_are_counted_by_the_values_of_a_column_of_any_type(make: Make) -> None:
    table = make(FIELDS, ROWS)

    assert named(groups(table, ("group", "1"))) == [("Bergen", 1), ("Oslo", 2), ("oslo", 1), ("(empty)", 1)]
    assert named(groups(table, ("group", "2"))) == [("-1", 1), ("3", 2), ("10", 1), ("(empty)", 1)]
    assert named(groups(table, ("group", "3"))) == [("0,00", 1), ("1,50", 1), ("2,25", 1), ("(empty)", 2)]
    assert [text for text, _ in named(groups(table, ("group", "4")))] == [
        "15.03.2023", "31.01.2024", "01.02.2024", "(empty)",
    ]  # fmt: skip
    assert named(groups(table, ("group", "6"))) == [("no", 2), ("yes", 2), ("(empty)", 1)]
    assert groups(table, ("group", "5")).rows == 5


def test_they_come_in_the_order_of_values_or_the_largest_first(make: Make) -> None:
    table = make(FIELDS, ROWS)

    assert named(groups(table, ("group", "-2"))) == [("10", 1), ("3", 2), ("-1", 1), ("(empty)", 1)]
    assert named(groups(table, ("group", "2.rows"))) == [("3", 2), ("-1", 1), ("10", 1), ("(empty)", 1)]


def test_each_has_the_sums_that_were_asked_for_as_the_columns_write_numbers(make: Make) -> None:
    found = groups(make(FIELDS, ROWS), ("group", "6"), ("sums", "3,2"))

    assert [group.sums for group in found.groups] == [("2,25", "9"), ("1,50", "6"), (None, None)]


def test_they_are_those_of_the_rows_that_are_shown(make: Make) -> None:
    table = make(FIELDS, ROWS)

    assert named(groups(table, ("group", "1"), ("q", "oslo"), ("sort", "-2"))) == [("Oslo", 2), ("oslo", 1)]
    found = groups(table, ("group", "1"), ("q", "nowhere"))
    assert (found.groups, found.number, found.rows) == ([], 0, 0)


def test_cells_without_a_value_are_a_group_of_their_own(make: Make) -> None:
    fields = (Field(1, "Price", "decimal", {"style": "fixed", "scale": 2}, keeps_texts=True),)
    table = make(fields, [("1.50",), ("NA",), ("1.5",), ("",), ("1.234",), ("<5",), ("1.2340",)])

    found = groups(table, ("group", "1"), ("sums", "1"))

    assert named(found) == [("1.234", 2), ("1.50", 2), ("(no value)", 2), ("(empty)", 1)]
    assert [group.sums for group in found.groups] == [("2.47",), ("3.00",), (None,), (None,)]
    check_queries(table, table.query(("group", "1"), ("sums", "1")), found)


def test_many_groups_are_read_in_parts(make: Make) -> None:
    table = make((Field(1, "Id", "integer", {}),), [(str(number),) for number in range(25)])

    second = groups(table, ("group", "1"), start=10, size=10)

    assert (second.start, second.number, second.rows) == (10, 25, 25)
    assert [group.text for group in second.groups] == [str(number) for number in range(10, 20)]
    assert groups(table, ("group", "1"), start=90, size=10).start == 0


def test_a_value_too_long_for_a_link_is_counted_without_one(make: Make) -> None:
    table = make((Field(1, "Text", "text", {}),), [("x" * 500 + "a",), ("x" * 500 + "b",), ("x" * 500 + "a",)])

    found = groups(table, ("group", "1.rows"))

    assert [(group.rows, group.condition) for group in found.groups] == [(2, None), (1, None)]
    assert found.groups[0].text == "x" * 200 + "…"


@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["Oslo", "oslo", "", "Bergen, N", "a:b", "ä\0"]), st.integers(-9, 9)), max_size=12
    ),
    by=st.sampled_from(["1", "-1", "1.rows", "2", "2.rows"]),
    searched=st.sampled_from(["", "o", "1"]),
    narrowed=st.sampled_from([[], [("f.1", "eq:Oslo"), ("f.2", "gt:-3")], [("f.1", "eq:Oslo"), ("f.1", "or.empty")]]),
)
def test_the_query_of_each_group_shows_exactly_its_rows(
    make: Make, rows: list[tuple[str, int]], by: str, searched: str, narrowed: list[tuple[str, str]]
) -> None:
    fields = Field(1, "City", "text", {}), Field(2, "Number", "integer", {})
    table = make(fields, [(city, str(number)) for city, number in rows])
    asked = [("group", by), ("sums", "2"), *([("q", searched)] if searched else []), *narrowed]

    found = groups(table, *asked)

    check_queries(table, table.query(*asked), found)
    assert found.rows == sum(group.rows for group in found.groups)
    assert found.number == len(found.groups)


def check_queries(table: Table, query: TableQuery, found: Groups) -> None:
    for group in found.groups:
        assert group.condition
        again = table.query(*query.with_condition(group.condition).args())  # as its link says it
        assert again.group
        assert table.rows.count(table.ref, again).number == group.rows
        assert table.rows.figures(table.ref, again, [again.group.sums[0].number])[0].sum == group.sums[0]


def test_a_grouping_is_part_of_the_address_and_says_what_it_cannot_do(make: Make) -> None:
    table = make(FIELDS, ROWS)
    query = table.query(("group", "3.rows"), ("sums", "2"), ("sums", "3,2"))

    assert query.args() == [("group", "3.rows"), ("sums", "2,3")]
    assert replace(query, group=None).args() == []
    assert table.query(("group", ""), ("sums", "2")).group is None
    for wrong in ([("group", "9")], [("group", "1"), ("sums", "1")], [("group", "x")]):
        with pytest.raises(QueryError):
            table.query(*wrong)
    fields = tuple(Field(number, f"N{number}", "integer", {}) for number in range(1, MAX_SUMS + 2))
    wide = make(fields, [])
    with pytest.raises(QueryError, match="at most 8 sums"):
        wide.query(("group", "1"), ("sums", ",".join(str(field.number) for field in fields)))
