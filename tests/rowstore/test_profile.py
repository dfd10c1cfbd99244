"""Profiles of columns."""

from dataclasses import replace
from datetime import date, time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rowstore.backends import StoredTable, column
from tests.rowstore.conftest import Make
from webapp.rowstore.errors import QueryError
from webapp.rowstore.histogram import MAX_BARS, date_ranges, duration_ranges, number_ranges, time_ranges
from webapp.rowstore.table_ref import Field
from webapp.rowstore.values import Profile

FIELDS = (
    column(1, "city"),
    column(2, "n", "integer"),
    column(3, "price", "decimal", {"style": "fixed", "scale": 2, "mark": ","}),
    column(4, "day", "date", {"layout": "DD.MM.YYYY"}),
    column(5, "at", "datetime", {"layout": "DD.MM.YYYY HH:mm"}),
    column(6, "paid", "boolean", {"true": "yes", "false": "no"}),
)


def profile(table: StoredTable, number: int, *args: tuple[str, str]) -> Profile:
    return table.rows.profile(table.ref, table.query(*args), number, seconds=60)


@pytest.fixture
def table(make: Make) -> StoredTable:
    return make(
        FIELDS,
        [
            (
                ["Oslo", "oslo", "Bergen", "", "Oslo"][number % 5],
                str(number % 50) if number % 4 else "",
                f"{number / 8:.2f}".replace(".", ","),
                f"{number % 28 + 1:02}.{number % 12 + 1:02}.2024",
                f"{number % 28 + 1:02}.01.{2020 + number % 3} {number % 24:02}:30",
                ["yes", "no", ""][number % 3],
            )
            for number in range(600)
        ],
    )


def test_texts_have_top_values(table: StoredTable) -> None:
    result = profile(table, 1)
    assert (result.rows, result.filled, result.empty, result.distinct) == (600, 480, 120, 3)
    assert [(value.text, value.count) for value in result.top] == [("Oslo", 240), ("Bergen", 120), ("oslo", 120)]
    assert result.top_is_all
    assert not result.note
    assert not result.buckets
    assert result.minimum is None


def test_booleans_have_top_values(table: StoredTable) -> None:
    result = profile(table, 6)
    assert [(value.text, value.count) for value in result.top] == [("no", 200), ("yes", 200)]
    assert result.distinct == 2


def test_numbers_have_extremes_an_average_and_a_histogram(table: StoredTable) -> None:
    result = profile(table, 2)
    assert (result.minimum, result.maximum, result.distinct, result.filled) == ("0", "49", 50, 450)
    values = [number % 50 for number in range(600) if number % 4]
    assert result.average == f"{sum(values) / 450:.2f}"
    assert result.sum == str(sum(values))
    assert [(bucket.low, bucket.high) for bucket in result.buckets[:2]] == [("0", "4"), ("5", "9")]
    assert sum(bucket.count for bucket in result.buckets) == 450


def test_decimals_and_dates_are_printed_in_the_format_of_the_column(table: StoredTable) -> None:
    prices = profile(table, 3)
    assert (prices.minimum, prices.maximum, prices.buckets[1].low, prices.average) == (
        "0,00",
        "74,88",
        "5,00",
        "37,4375",
    )
    days = profile(table, 4)
    assert (days.minimum, days.maximum) == ("01.01.2024", "28.12.2024")
    assert [(bucket.low, bucket.high) for bucket in days.buckets[:2]] == [
        ("01.01.2024", "31.01.2024"),
        ("01.02.2024", "29.02.2024"),
    ]
    moments = profile(table, 5)
    assert (moments.minimum, moments.buckets[0].low) == ("01.01.2020 00:30", "01.01.2020")


@pytest.mark.parametrize("number", range(1, 7))
def test_the_query_of_a_bar_shows_exactly_its_rows(table: StoredTable, number: int) -> None:
    result = profile(table, number, ("f.2", "filled"))
    shown = [*result.buckets, *result.top]
    assert shown
    for bar in shown:
        assert bar.query is not None
        assert table.count(query=bar.query).number == bar.count


def test_a_column_without_values_has_no_bars(make: Make) -> None:
    table = make(FIELDS, [[""] * 6] * 3)
    for field in FIELDS:
        result = profile(table, field.number)
        assert (result.rows, result.filled, result.distinct) == (3, 0, 0)
        assert (result.minimum, result.average, result.sum, result.buckets, result.top) == (None, None, None, [], [])


def test_long_values_are_cut_and_have_no_query(make: Make) -> None:
    table = make(FIELDS[:1], [["x" * 5000]])
    (value,) = profile(table, 1).top
    assert (len(value.text), value.query) == (201, None)


def test_the_largest_integers_do_not_overflow(make: Make) -> None:
    table = make(FIELDS[1:2], [[str(2**63 - 1)], [str(2**63 - 1)], [str(-(2**63))]])
    result = profile(table, 2)
    assert (result.minimum, result.maximum) == (str(-(2**63)), str(2**63 - 1))
    assert sum(bucket.count for bucket in result.buckets) == 3


def test_an_unknown_column_is_an_error(table: StoredTable) -> None:
    with pytest.raises(QueryError, match="no column number 77"):
        profile(table, 77)


@given(
    st.floats(-1e11, 1e11).map(lambda value: round(value, 3)),
    st.floats(0, 1e11).map(lambda value: round(value, 3)),
    st.sampled_from([0, 3]),
)
def test_bars_of_numbers_are_adjacent_and_include_both_ends(low: float, span: float, scale: int) -> None:
    first, last = (round(low), round(low + span)) if scale == 0 else (low, low + span)
    ranges = number_ranges(first, last, scale)
    assert 1 <= len(ranges) <= MAX_BARS
    assert ranges[0].low <= first < ranges[0].next_low
    assert ranges[-1].low <= last < ranges[-1].next_low
    assert all(one.next_low == other.low for one, other in pairwise(ranges))


@given(st.dates(), st.dates())
def test_bars_of_days_are_adjacent_and_include_both_ends(one: date, other: date) -> None:
    first, last = sorted((one.isoformat(), other.isoformat()))
    ranges = date_ranges(first, last)
    assert 1 <= len(ranges) <= MAX_BARS
    assert ranges[0].low <= first <= ranges[0].high
    assert ranges[-1].low <= last <= ranges[-1].high
    assert all(before.next_low == after.low for before, after in pairwise(ranges))


@pytest.mark.parametrize(
    ("first", "last", "second"),
    [
        ("2024-01-05", "2024-01-20", "2024-01-06"),
        ("2024-01-05", "2024-05-20", "2024-01-08"),
        ("2024-01-05", "2025-05-20", "2024-02-01"),
        ("2020-01-05", "2024-05-20", "2020-04-01"),
        ("2001-02-03", "2024-05-20", "2002-01-01"),
        ("1899-02-03", "2024-05-20", "1900-01-01"),
    ],
)
def test_bars_of_days_are_calendar_units(first: str, last: str, second: str) -> None:
    assert date_ranges(first, last)[1].low == second


def kept(number: int, type: str, layout: str) -> Field:
    return replace(column(number, "c", type, {"layout": layout}), keeps_texts=True)


HISTOGRAMS = [
    (column(1, "c", "time", {"layout": "HH:mm"}), ["00:00", "09:05", "09:06", "12:30", "23:59"], "00:00", "01:59"),
    (column(1, "c", "time", {"layout": "HH:mm:ss"}), ["09:00:00", "09:00:07", "09:00:16"], "09:00", "09:00:00"),
    (column(1, "c", "time", {"layout": "h:mm am"}), ["9:05 am", "12:30 pm", "12:00 am"], "12:00 am", "12:59 am"),
    (kept(1, "time", "HH:mm"), ["09:00", "09:00:00", "9:00:59.5", "09:01", "NA", "10:00"], "09:00", "09:04"),
    (column(1, "c", "time", {"layout": "HH:mm"}), ["12:30"], "12:30", "12:30"),
    (column(1, "c", "duration", {"layout": "h:mm:ss"}), ["0:00:01", "36:00:00", "1:02:03"], "0:00:00", "2:00:00"),
    (column(1, "c", "duration", {"layout": "h:mm"}), ["0:59", "1:00", "1:01"], "0:59", "1:00"),
    (column(1, "c", "duration", {"layout": "h:mm:ss.f"}), ["0:00:00.5", "0:00:00.7"], "0:00:00.5", "0:00:00.6"),
    (kept(1, "duration", "h:mm"), ["0:01", "90 s", "PT2M", "-0:00:00.25", "?"], "-0:00:10", "0:00"),
    (kept(1, "duration", "h:mm:ss"), ["0:00:01", "400 days"], "0:00:00", "480:00:00"),
    (column(1, "c", "date", {"layout": "YYYY-MM"}), ["2024-01", "2024-02", "2024-04"], "2024-01", "2024-01"),
    (column(1, "c", "date", {"layout": "Mon YYYY"}), ["Jan 1990", "Feb 2024"], "Jan 1990", "Dec 1991"),
    (kept(1, "date", "YYYY-MM"), ["2024-01", "2024-02-15", "2024-02", "NA"], "2024-01", "2024-01-31"),
    (column(1, "c", "date", {"layout": "YYYY-Www"}), ["2024-W05", "2024-W07"], "2024-W05", "2024-W05"),
    (column(1, "c", "date", {"layout": "YYYY-Www"}), ["1990-W05", "2024-W07"], "1988-W12", "1990-W11"),
    (kept(1, "date", "YYYY-Www"), ["2024-W05", "2024-W05-3", "2024-W07", "?"], "2024-W05", "2024-02-04"),
    (column(1, "c", "date", {"layout": "Dy DD Mon YYYY"}), ["Mon 05 Feb 2024"], "Mon 05 Feb 2024", "Mon 05 Feb 2024"),
]


@pytest.mark.parametrize(
    ("field", "texts", "low", "high"), HISTOGRAMS, ids=[repr(texts) for _, texts, *_ in HISTOGRAMS]
)
def test_bars_of_times_and_of_months_show_the_rows_they_count(
    make: Make, field: Field, texts: list[str], low: str, high: str
) -> None:
    table = make((field,), [(text,) for text in texts])
    result = profile(table, 1)
    assert (result.buckets[0].low, result.buckets[0].high) == (low, high)
    assert sum(bucket.count for bucket in result.buckets) == result.valued > 0
    assert min(result.buckets[0].count, result.buckets[-1].count) > 0
    for bucket in result.buckets:
        assert table.count(query=bucket.query).number == bucket.count


ENDS = [
    (kept(1, "date", "YYYY-MM"), ["2024-01-15", "2024-02", "2024-03-20"], "2024-01-15", "2024-03-20"),
    (kept(1, "date", "YYYY-MM"), ["2024-01", "2024-02", "NA"], "2024-01", "2024-02"),
    (
        kept(1, "datetime", "DD.MM.YYYY HH:mm"),
        ["01.02.2024 10:05", "01.02.2024 10:05:30"],
        "01.02.2024 10:05",
        "2024-02-01T10:05:30",
    ),
    (kept(1, "time", "HH:mm"), ["09:00", "9:00:59"], "09:00", "09:00:59"),
    (kept(1, "decimal", ""), ["0.001", "2.50"], "0.001", "2.50"),
]


@pytest.mark.parametrize(("field", "texts", "lowest", "highest"), ENDS, ids=[repr(texts) for _, texts, *_ in ENDS])
def test_the_lowest_and_highest_value_are_shown_with_all_that_they_have(
    make: Make, field: Field, texts: list[str], lowest: str, highest: str
) -> None:
    if field.type == "decimal":
        field = replace(field, format={"style": "fixed", "scale": 2})
    result = profile(make((field,), [(text,) for text in texts]), 1)
    assert (result.minimum, result.maximum) == (lowest, highest)


@given(st.lists(st.times(), min_size=1), st.sampled_from(["%H:%M", "%H:%M:%S", "%H:%M:%S.%f"]))
def test_bars_of_times_cover_them_without_gaps(times: list[time], pattern: str) -> None:
    values = [value.strftime(pattern) for value in times]
    ranges = time_ranges(min(values), max(values))
    assert len(ranges) <= MAX_BARS
    assert ranges[0].low <= min(values)
    assert max(values) < ranges[-1].next_low
    assert all(left.next_low == right.low for left, right in pairwise(ranges))
    assert all(left.high < right.low for left, right in pairwise(ranges))


@given(st.lists(st.floats(-(10**11), 10**11), min_size=1), st.integers(0, 6), st.booleans())
def test_bars_of_durations_cover_them_without_gaps(values: list[float], decimals: int, has_seconds: bool) -> None:
    ranges = duration_ranges(min(values), max(values), decimals, has_seconds=has_seconds)
    assert len(ranges) <= MAX_BARS
    assert ranges[0].low <= min(values)
    assert max(values) < ranges[-1].next_low
    assert all(left.next_low == right.low for left, right in pairwise(ranges))


@given(st.dates(), st.dates())
def test_bars_of_weeks_begin_on_mondays(one: date, other: date) -> None:
    first, last = min(one, other), max(one, other)
    ranges = date_ranges(first.isoformat(), last.isoformat(), "week")
    assert len(ranges) <= MAX_BARS
    assert ranges[0].low <= first.isoformat()
    assert last.isoformat() <= ranges[-1].high
    assert {date.fromisoformat(each.low).weekday() for each in ranges} == {0}
