"""Profiles of columns."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rowstore.conftest import Store
from tests.rowstore.stored import Column, Table
from webapp.db.readers import Readers
from webapp.rowstore.histogram import MOST, of_days, of_numbers
from webapp.rowstore.query import QueryError, QueryTimeout
from webapp.rowstore.sqlite import profile as module
from webapp.rowstore.sqlite.pages import count
from webapp.rowstore.sqlite.profile import fetch_profile, profile

COLUMNS = [
    Column(1, "city"),
    Column(2, "n", "integer"),
    Column(3, "price", "decimal", {"style": "fixed", "scale": 2, "mark": ","}),
    Column(4, "day", "date", {"layout": "DD.MM.YYYY"}),
    Column(5, "at", "datetime", {"layout": "DD.MM.YYYY HH:mm"}),
    Column(6, "paid", "boolean", {"true": "yes", "false": "no"}),
]


@pytest.fixture
def table(store: Store) -> Table:
    return store(
        COLUMNS,
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


def test_texts_have_their_most_frequent_values(table: Table) -> None:
    found = profile(table.read, table, table.query(), 1)
    assert (found.rows, found.filled, found.empty, found.distinct) == (600, 480, 120, 3)
    assert [(value.text, value.count) for value in found.top] == [("Oslo", 240), ("Bergen", 120), ("oslo", 120)]
    assert found.top_is_all
    assert not found.note
    assert not found.buckets
    assert found.minimum is None


def test_yes_and_no_are_counted(table: Table) -> None:
    found = profile(table.read, table, table.query(), 6)
    assert [(value.text, value.count) for value in found.top] == [("no", 200), ("yes", 200)]
    assert found.distinct == 2


def test_numbers_have_ends_an_average_and_a_histogram(table: Table) -> None:
    found = profile(table.read, table, table.query(), 2)
    assert (found.minimum, found.maximum, found.distinct, found.filled) == ("0", "49", 50, 450)
    values = [number % 50 for number in range(600) if number % 4]
    assert found.average == f"{sum(values) / 450:.2f}"
    assert found.sum == str(sum(values))
    assert [(bucket.low, bucket.high) for bucket in found.buckets[:2]] == [("0", "4"), ("5", "9")]
    assert sum(bucket.count for bucket in found.buckets) == 450


def test_decimals_and_dates_are_printed_as_the_file_writes_them(table: Table) -> None:
    prices = profile(table.read, table, table.query(), 3)
    assert (prices.minimum, prices.maximum, prices.buckets[1].low, prices.average) == (
        "0,00",
        "74,88",
        "5,00",
        "37,4375",
    )
    days = profile(table.read, table, table.query(), 4)
    assert (days.minimum, days.maximum) == ("01.01.2024", "28.12.2024")
    assert [(bucket.low, bucket.high) for bucket in days.buckets[:2]] == [
        ("01.01.2024", "31.01.2024"),
        ("01.02.2024", "29.02.2024"),
    ]
    moments = profile(table.read, table, table.query(), 5)
    assert (moments.minimum, moments.buckets[0].low) == ("01.01.2020 00:30", "01.01.2020")


@pytest.mark.parametrize("number", range(1, 7))
def test_every_bar_leads_to_exactly_its_rows(table: Table, number: int) -> None:
    found = profile(table.read, table, table.query(("f.2", "filled")), number)
    shown = [*found.buckets, *found.top]
    assert shown
    for bar in shown:
        assert bar.query is not None
        assert count(table.read, table, bar.query).number == bar.count


def test_a_column_without_values_has_nothing_to_draw(store: Store) -> None:
    table = store(COLUMNS, [[""] * 6] * 3)
    for column in COLUMNS:
        found = profile(table.read, table, table.query(), column.number)
        assert (found.rows, found.filled, found.distinct) == (3, 0, 0)
        assert (found.minimum, found.average, found.sum, found.buckets, found.top) == (None, None, None, [], [])


def test_long_values_are_cut_and_not_linked(store: Store) -> None:
    table = store(COLUMNS[:1], [["x" * 5000]])
    (value,) = profile(table.read, table, table.query(), 1).top
    assert (len(value.text), value.query) == (201, None)


def test_the_largest_integers_do_not_overflow(store: Store) -> None:
    table = store(COLUMNS[1:2], [[str(2**63 - 1)], [str(2**63 - 1)], [str(-(2**63))]])
    found = profile(table.read, table, table.query(), 2)
    assert (found.minimum, found.maximum) == (str(-(2**63)), str(2**63 - 1))
    assert sum(bucket.count for bucket in found.buckets) == 3


def test_a_sample_says_so_and_estimates(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE", 120)
    for number in range(1, 7):
        found = profile(table.read, table, table.query(), number, sampled=True)
        assert found.note == "Estimated from 120 rows spread over the table."
        assert found.distinct_is_capped
        counted = sum(bar.count for bar in [*found.buckets, *found.top])
        assert abs(counted - found.filled) < 20


async def test_what_takes_too_long_is_estimated(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*args: object) -> int:
        if not args[-1]:
            raise QueryTimeout
        return 40

    monkeypatch.setattr(module, "count_distinct", slow)
    readers = Readers(f"sqlite+aiosqlite:///{table.path}", 1)
    found = await fetch_profile(readers, table, table.query(("sort", "-1")), 2)
    texts = await fetch_profile(readers, table, table.query(), 1)
    with pytest.raises(QueryError):
        await fetch_profile(readers, table, table.query(), 77)
    await readers.close()
    assert (found.distinct, found.distinct_is_capped, found.note) == (40, True, "")
    assert sum(bucket.count for bucket in found.buckets) == 450
    assert texts.top[0].text == "Oslo"


async def test_nearly_unique_values_are_not_all_sorted(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE", 100)
    monkeypatch.setattr(module, "MOSTLY", 90)
    readers = Readers(f"sqlite+aiosqlite:///{table.path}", 1)
    unique = await fetch_profile(readers, table, table.query(), 3)
    few = await fetch_profile(readers, table, table.query(), 1)
    await readers.close()
    assert (unique.distinct, unique.distinct_is_capped) == (100, True)
    assert sum(bucket.count for bucket in unique.buckets) == 600
    assert (few.distinct, few.distinct_is_capped) == (3, False)


@given(
    st.floats(-1e11, 1e11).map(lambda value: round(value, 3)),
    st.floats(0, 1e11).map(lambda value: round(value, 3)),
    st.sampled_from([0, 3]),
)
def test_bars_of_numbers_touch_and_hold_both_ends(low: float, span: float, scale: int) -> None:
    first, last = (round(low), round(low + span)) if scale == 0 else (low, low + span)
    ranges = of_numbers(first, last, scale)
    assert 1 <= len(ranges) <= MOST
    assert ranges[0].low <= first < ranges[0].below
    assert ranges[-1].low <= last < ranges[-1].below
    assert all(one.below == other.low for one, other in pairwise(ranges))


@given(st.dates(), st.dates())
def test_bars_of_days_touch_and_hold_both_ends(one: date, other: date) -> None:
    first, last = sorted((one.isoformat(), other.isoformat()))
    ranges = of_days(first, last)
    assert 1 <= len(ranges) <= MOST
    assert ranges[0].low <= first <= ranges[0].high
    assert ranges[-1].low <= last <= ranges[-1].high
    assert all(before.below == after.low for before, after in pairwise(ranges))


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
def test_bars_of_days_begin_where_calendars_do(first: str, last: str, second: str) -> None:
    assert of_days(first, last)[1].low == second
