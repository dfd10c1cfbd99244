"""What filters let through: several on one column, alternatives, parts of texts, and relative dates."""

from datetime import date

import pytest

from tests.rowstore.backends import column, ids
from tests.rowstore.conftest import Make
from webapp.rowstore.errors import QueryError
from webapp.rowstore.query import TableQuery, describe_query
from webapp.rowstore.query.periods import Clock, resolve_period

FIELDS = (
    column(1, "city"),
    column(2, "price", "integer"),
    column(3, "day", "date", {"layout": "DD.MM.YYYY"}),
    column(4, "at", "datetime", {"layout": "YYYY-MM-DD HH:mm"}),
)
ROWS = [
    ("Oslo", "5", "27.11.2026", "2026-11-27 23:59"),
    ("oslofjord", "10", "21.11.2026", "2026-11-21 00:00"),
    ("Bergen", "20", "20.11.2026", "2026-11-20 23:59"),
    ("", "", "", ""),
    ("Ålesund", "30", "01.10.2026", "2026-10-01 12:00"),
    ("100%", "40", "28.11.2026", "2026-11-28 00:00"),
]
CLOCK = Clock(date(2026, 11, 27), "Europe/Oslo")


def query(*args: tuple[str, str]) -> TableQuery:
    return TableQuery.from_args(list(args), FIELDS, CLOCK)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ([("f.2", "ge:10"), ("f.2", "lt:30")], [2, 3]),
        ([("f.1", "notcontains:oslo")], [3, 4, 5, 6]),
        ([("f.1", "notcontains:ÅLE")], [1, 2, 3, 4, 6]),
        ([("f.1", "starts:OSLO")], [1, 2]),
        ([("f.1", "starts:slo")], []),
        ([("f.1", "starts:ål")], [5]),
        ([("f.1", "starts:100%")], [6]),
        ([("f.1", "starts:10_")], []),
        ([("f.1", "noneof:Oslo,Bergen")], [2, 4, 5, 6]),
        ([("f.1", "noneof:Oslo,")], [2, 3, 5, 6]),
        ([("f.2", "noneof:5,20")], [2, 4, 5, 6]),
        ([("f.3", "noneof:27.11.2026,2026-11-21")], [3, 4, 5, 6]),
        ([("f.1", "eq:Oslo"), ("f.1", "or.starts:ber")], [1, 3]),
        ([("f.1", "starts:oslo"), ("f.2", "ge:10"), ("f.1", "or.starts:ber")], [2, 3]),
        ([("f.1", "starts:oslo"), ("f.1", "or.starts:ber"), ("f.1", "notcontains:fjord")], [1, 3]),
        ([("f.1", "or.eq:Oslo")], [1]),
        ([("f.2", "lt:10"), ("f.2", "or.gt:30"), ("f.2", "or.empty")], [1, 4, 6]),
        ([("f.3", "within:today")], [1]),
        ([("f.3", "within:last 7 days")], [1, 2]),
        ([("f.4", "within:last 7 days")], [1, 2]),
        ([("f.4", "within:this month")], [1, 2, 3, 6]),
        ([("f.3", "within:last month")], [5]),
        ([("f.3", "within:tomorrow")], [6]),
    ],
)
def test_filters_let_rows_through(make: Make, args: list[tuple[str, str]], expected: list[int]) -> None:
    table = make(FIELDS, ROWS)
    assert ids(table.rows.page(table.ref, query(*args))) == expected
    assert table.rows.count(table.ref, query(*args)).number == len(expected)


@pytest.mark.parametrize("args", [[("f.2", "lt:10"), ("f.2", "or.gt:30")], [("f.4", "within:last 7 days")]])
def test_an_index_changes_no_result_of_a_filter(make: Make, any_plan: object, args: list[tuple[str, str]]) -> None:
    table = make(FIELDS, ROWS)
    expected = ids(table.rows.page(table.ref, query(*args)))
    for field in FIELDS:
        table.build_sort_index(field)
    for threshold in (0, 1, 100):
        with any_plan(lambda number=threshold: number):  # type: ignore[operator]
            assert ids(table.rows.page(table.ref, query(*args))) == expected
            by_price = query(*args, ("sort", "-2"))
            assert sorted(ids(table.rows.page(table.ref, by_price))) == expected


def test_filters_are_said_in_words() -> None:
    assert describe_query(query(("f.1", "eq:Oslo"), ("f.1", "or.starts:ber"))) == (
        " where city is Oslo or starts with ber"
    )
    assert describe_query(query(("f.1", "eq:Oslo"), ("f.1", "or.starts:ber"), ("f.2", "gt:3"))) == (
        " where (city is Oslo or starts with ber) and price is above 3"
    )
    assert describe_query(query(("f.3", "within:last 7 days"))) == (
        " where day is in the last 7 days (2026-11-21 to 2026-11-27, Europe/Oslo)"
    )
    assert describe_query(query(("f.3", "within:Today"))) == " where day is today (2026-11-27, Europe/Oslo)"
    assert describe_query(query(("f.3", "within:this-month"))) == (
        " where day is in this month (2026-11-01 to 2026-11-30, Europe/Oslo)"
    )
    assert describe_query(query(("q", 'a "b c"'))) == " matching “a” and “b c”"


def test_relative_dates_are_kept_as_they_were_said() -> None:
    assert query(("f.3", "within:Last_7-days")).args() == [("f.3", "within:last 7 days")]
    assert TableQuery.from_args([("f.3", "within:today")], FIELDS).filters[0].clock.zone == "UTC"
    with pytest.raises(QueryError, match="“soon” is no period"):
        query(("f.3", "within:soon"))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("today", "2026-11-27", "2026-11-27"),
        ("yesterday", "2026-11-26", "2026-11-26"),
        ("last 1 day", "2026-11-27", "2026-11-27"),
        ("last 2 weeks", "2026-11-14", "2026-11-27"),
        ("next 7 days", "2026-11-27", "2026-12-03"),
        ("this week", "2026-11-23", "2026-11-29"),
        ("last week", "2026-11-16", "2026-11-22"),
        ("this month", "2026-11-01", "2026-11-30"),
        ("last month", "2026-10-01", "2026-10-31"),
        ("next month", "2026-12-01", "2026-12-31"),
        ("last 3 months", "2026-08-28", "2026-11-27"),
        ("this quarter", "2026-10-01", "2026-12-31"),
        ("last quarter", "2026-07-01", "2026-09-30"),
        ("this year", "2026-01-01", "2026-12-31"),
        ("previous year", "2025-01-01", "2025-12-31"),
        ("past 30 days", "2026-10-29", "2026-11-27"),
    ],
)
def test_a_period_is_a_range_of_days(text: str, first: str, last: str) -> None:
    assert resolve_period(text, CLOCK.today) == (date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize("text", ["", "last", "last 0 days", "last 9999 years", "this 2 days", "last 99999 days", "7"])
def test_what_is_no_period_has_no_days(text: str) -> None:
    assert resolve_period(text, CLOCK.today) is None


def test_periods_at_the_ends_of_the_calendar_have_no_days() -> None:
    assert resolve_period("last month", date(1, 1, 1)) is None
    assert resolve_period("next year", date(9999, 12, 31)) is None


def test_a_month_before_the_31st_ends_with_a_shorter_one() -> None:
    assert resolve_period("last 1 month", date(2024, 3, 31)) == (date(2024, 3, 1), date(2024, 3, 31))


def test_the_next_alternative_takes_the_place_of_a_filter_that_is_removed() -> None:
    made = query(("f.1", "eq:a"), ("f.1", "eq:b"), ("f.1", "or.eq:c"))
    assert made.without_filter(1).args() == [("f.1", "eq:a"), ("f.1", "eq:c")]
    assert made.without_filter(0).args() == [("f.1", "eq:b"), ("f.1", "or.eq:c")]
    assert made.without_filter(2).args() == [("f.1", "eq:a"), ("f.1", "eq:b")]


def test_a_filter_is_changed_in_its_place() -> None:
    made = query(("f.1", "eq:a"), ("f.1", "or.eq:b"), ("f.2", "gt:1"))
    assert made.with_changed_filter(1, "starts", "c").args() == [
        ("f.1", "eq:a"),
        ("f.1", "or.starts:c"),
        ("f.2", "gt:1"),
    ]
    added = query(("f.2", "gt:1")).with_filter(1, "eq", "x", is_alternative=True)
    assert added.with_filter(1, "eq", "y", is_alternative=True).args()[1:] == [("f.1", "eq:x"), ("f.1", "or.eq:y")]


def test_a_column_is_moved_before_another() -> None:
    made = query(("cols", "1,3,4"))
    assert made.with_column_moved(4, 1).args() == [("cols", "4,1,3")]
    assert made.with_column_moved(1, None).args() == [("cols", "3,4,1")]
    assert made.with_column_moved(2, 1) == made
