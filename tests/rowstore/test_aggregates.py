"""What rows add up to, compared with the same figures made in Python of the rows that were loaded."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rowstore.backends import StoredTable, column
from tests.rowstore.conftest import Make
from webapp.rowstore.aggregates import Aggregate, Axis, Function, Measure, Place, Points, ranges_for
from webapp.rowstore.errors import QueryError
from webapp.rowstore.histogram import CALENDAR_UNITS, CalendarUnit
from webapp.rowstore.query import TableQuery

CITY, N, PRICE, DAY, PAID, AT, TOOK = range(1, 8)
FIELDS = (
    column(CITY, "city"),
    column(N, "n", "integer"),
    column(PRICE, "price", "decimal", {"style": "fixed", "scale": 2, "mark": ","}),
    column(DAY, "day", "date", {"layout": "DD.MM.YYYY"}),
    column(PAID, "paid", "boolean", {"true": "yes", "false": "no"}),
    column(AT, "at", "time"),
    column(TOOK, "took", "duration"),
)
FUNCTIONS: dict[Function, Callable[[Sequence[float]], float]] = {
    "sum": math.fsum,
    "average": fmean,
    "min": min,
    "max": max,
}

optional = st.none() | st.integers(-50, 50)
record = st.tuples(
    st.sampled_from(["Oslo", "oslo", "Bergen", "<b>", "", "שלום", "a" * 500, "Rome", "Bonn", "Ulm"]),
    st.none() | st.integers(-3, 3) | st.integers(-(2**40), 2**40),
    st.none() | st.integers(-9_999, 9_999).map(lambda cents: cents / 100),
    st.none() | st.dates(date(2019, 12, 20), date(2024, 3, 5)) | st.dates(date(2024, 1, 1), date(2024, 1, 20)),
    st.sampled_from([None, True, False]),
)


def written(row: Sequence[Any]) -> list[str]:
    city, n, price, day, paid = row
    return [
        city,
        "" if n is None else str(n),
        "" if price is None else f"{price:.2f}".replace(".", ","),
        "" if day is None else f"{day:%d.%m.%Y}",
        {None: "", True: "yes", False: "no"}[paid],
        "",
        "",
    ]


def aggregate(table: StoredTable, *axes: Axis, measure: Measure = Measure(), args: Any = ()) -> Aggregate:  # noqa: B008
    return table.rows.aggregate(table.ref, table.query(*args), axes, measure, seconds=60)


def measured(rows: Sequence[Any], measure: Measure) -> float | None:
    if measure.column is None:
        return len(rows)
    values = [row[measure.column - 1] for row in rows if row[measure.column - 1] is not None]
    return FUNCTIONS[measure.function](values) if values else None


def belongs(place: Place, value: Any) -> bool:
    """Whether a value is in a place that has one; dates are compared as stored."""
    stored = value.isoformat() if isinstance(value, date) else value
    if place.kind == "value" and place.range is None:
        return stored == place.low or (len(str(stored)) > 200 and place.low == f"{stored[:200]}…")
    assert place.range is not None
    if place.kind == "value" or place.range.low == place.range.high:
        return bool(stored == place.range.low)
    return bool(place.range.low <= stored and (place.range.next_low == "" or stored < place.range.next_low))


def check(table: StoredTable, rows: Sequence[Any], found: Aggregate, numbers: Sequence[int], measure: Measure) -> None:
    """Every row is in exactly one place of each axis or is left out for want of a value, and each total is that of its
    rows, which are the ones that the query of a place shows.
    """
    groups = defaultdict[tuple[int, ...], list[Any]](list)
    for row in rows:
        at = []
        for number, axis in zip(numbers, found.axes, strict=True):
            value = row[number - 1]
            kinds = [place.kind for place in axis.places]
            if value is None or value == "":
                at += [kinds.index("empty")] if "empty" in kinds else []
                continue
            fitting = [
                index
                for index, place in enumerate(axis.places)
                if place.kind in ("value", "range") and belongs(place, value)
            ]
            fitting = fitting or [kinds.index("other")]
            assert len(fitting) == 1
            at += fitting
        if len(at) == len(numbers):
            groups[tuple(at)].append(row)
    assert found.rows == len(rows)
    assert groups.keys() == found.totals.keys()
    for indexes, own in groups.items():
        total, expected = found.totals[indexes], measured(own, measure)
        assert total.rows == len(own)
        assert (total.value is None) == (expected is None)
        assert expected is None or math.isclose(total.value or 0, expected, rel_tol=1e-9, abs_tol=1e-6)
    for number, axis in zip(numbers, found.axes, strict=True):
        empty = sum(row[number - 1] in (None, "") for row in rows)
        assert axis.left_out == (0 if any(place.kind == "empty" for place in axis.places) else empty)
    if len(found.axes) == 1:
        for index, place in enumerate(found.axes[0].places):
            if place.query:
                assert table.count(query=place.query).number == len(groups.get((index,), []))


@pytest.fixture
def table(make: Make) -> StoredTable:
    return make(FIELDS)


@given(
    st.lists(record, max_size=40),
    st.sampled_from([CITY, N, PRICE, DAY, PAID]),
    st.sampled_from([(), *((function, number) for function in FUNCTIONS for number in (N, PRICE))]),
    st.integers(3, 12),
    st.none() | st.sampled_from(CALENDAR_UNITS),
    st.booleans(),
)
def test_each_row_counts_once_where_its_value_is(
    table: StoredTable,
    rows: list[Any],
    number: int,
    measure: tuple[Any, ...],
    most: int,
    unit: CalendarUnit | None,
    in_ranges: bool,
) -> None:
    table.refill([written(row) for row in rows])
    asked = Measure(*measure)

    found = aggregate(table, Axis(number, most, unit, in_ranges), measure=asked)

    check(table, rows, found, [number], asked)


@given(
    st.lists(record, max_size=40),
    st.permutations([CITY, N, PRICE, DAY, PAID]),
    st.sampled_from([(), ("sum", N), ("average", PRICE)]),
)
def test_two_columns_make_a_grid_of_places(
    table: StoredTable, rows: list[Any], numbers: Sequence[int], measure: tuple[Any, ...]
) -> None:
    table.refill([written(row) for row in rows])
    asked = Measure(*measure)

    found = aggregate(table, Axis(numbers[0], 5), Axis(numbers[1], 4), measure=asked)

    check(table, rows, found, numbers[:2], asked)


@given(st.lists(record, min_size=1, max_size=40))
def test_search_and_filters_narrow_what_is_added_up(table: StoredTable, rows: list[Any]) -> None:
    table.refill([written(row) for row in rows])
    left = [row for row in rows if row[N - 1] is not None and row[N - 1] > 0]

    found = aggregate(table, Axis(CITY, 4), measure=Measure("sum", N), args=[("f.2", "gt:0"), ("sort", "-3")])

    assert found.rows == len(left)
    assert math.isclose(
        math.fsum(total.value or 0 for total in found.totals.values()),
        sum(row[N - 1] for row in left),
        rel_tol=1e-9,
        abs_tol=1e-6,
    )


def test_the_largest_texts_come_first_then_the_others_then_the_empty_ones(make: Make) -> None:
    texts = ["a"] * 3 + ["b"] * 5 + ["c"] * 2 + ["d"] + [""] * 4
    table = make(FIELDS[:2], [[text, str(place)] for place, text in enumerate(texts)])

    by_count = aggregate(table, Axis(1, 2))
    by_sum = aggregate(table, Axis(1, 2), measure=Measure("sum", 2))

    assert [(place.kind, place.low) for place in by_count.axes[0].places] == [
        ("value", "b"),
        ("value", "a"),
        ("other", ""),
        ("empty", ""),
    ]
    assert [by_count.totals[index,].rows for index in range(4)] == [5, 3, 3, 4]
    assert [place.low for place in by_sum.axes[0].places] == ["b", "c", "", ""]
    assert [by_sum.totals[index,].value for index in range(4)] == [25, 17, 13, 50]


def test_dates_are_grouped_by_the_unit_that_was_asked_for_or_a_longer_one(make: Make) -> None:
    days = [date(2023, 12, 30) + timedelta(days=7 * place) for place in range(20)]
    table = make(FIELDS[3:4], [[f"{day:%d.%m.%Y}"] for day in days])

    def units(unit: CalendarUnit | None, most: int) -> tuple[CalendarUnit | None, list[str]]:
        (axis,) = aggregate(table, Axis(DAY, most, unit)).axes
        return axis.unit, [place.low for place in axis.places]

    assert units("quarter", 10) == ("quarter", ["01.10.2023", "01.01.2024", "01.04.2024"])
    assert units("month", 6)[1] == [f"01.{month:02}.{2023 + (month < 12)}" for month in (12, 1, 2, 3, 4, 5)]
    assert units("month", 5)[0] == "quarter"
    assert units("week", 30)[1][:2] == ["25.12.2023", "01.01.2024"]
    assert len(units("week", 30)[1]) == 20
    assert units(None, 400) == ("day", [f"{days[0] + timedelta(days=place):%d.%m.%Y}" for place in range(134)])
    assert units("year", 2) == ("year", ["01.01.2023", "01.01.2024"])


def test_dates_of_a_whole_calendar_have_few_places(make: Make) -> None:
    table = make(FIELDS[3:4], [["01.01.0001"], ["31.12.9999"]])

    found = aggregate(table, Axis(DAY, 60))

    assert found.axes[0].unit is None
    assert 2 <= len(found.axes[0].places) <= 60
    assert {total.rows for total in found.totals.values()} == {1}


def test_few_numbers_are_values_and_many_are_ranges(make: Make) -> None:
    table = make(FIELDS[1:2], [[str(code)] for code in (404, 200, 500, 200)])

    few, many = (aggregate(table, Axis(N, most)) for most in (3, 2))
    ranges = aggregate(table, Axis(N, 24, in_ranges=True))

    assert [place.low for place in few.axes[0].places] == ["200", "404", "500"]
    assert [few.totals[index,].rows for index in range(3)] == [2, 1, 1]
    assert {place.kind for place in many.axes[0].places} == {"range"}
    assert {place.kind for place in ranges.axes[0].places} == {"range"}


def test_times_and_durations_are_in_ranges_of_a_clock(make: Make) -> None:
    table = make(FIELDS[5:], [["09:30:00", "0:45:00"], ["10:15:00", "26:00:00"], ["", ""]])

    times, durations = (aggregate(table, Axis(number, 24)).axes[0] for number in (AT, TOOK))

    assert times.left_out == durations.left_out == 1
    assert times.places[0].low == "09:30"
    assert durations.places[0].low == "0:00:00"


def test_cells_without_a_value_of_a_column_that_keeps_texts_are_left_out(make: Make) -> None:
    fields = [column(1, "n", "integer"), column(2, "x", "integer")]
    kept = [type(field)(field.number, field.title, field.type, {}, keeps_texts=True) for field in fields]
    table = make(kept, [["1", "5"], ["NA", "7"], ["", "<3"]])

    found = aggregate(table, Axis(1, 5), measure=Measure("sum", 2))

    assert found.axes[0].left_out == 2
    assert {indexes: total.value for indexes, total in found.totals.items()} == {(0,): 5}


def test_the_largest_integers_do_not_overflow(make: Make) -> None:
    table = make(FIELDS[1:2], [[str(2**63 - 1)], [str(2**63 - 1)], [str(-(2**63))]])

    found = aggregate(table, Axis(N, 24, in_ranges=True), measure=Measure("sum", N))

    assert sum(total.rows for total in found.totals.values()) == 3
    assert max(total.value or 0 for total in found.totals.values()) == 2.0**64


def test_without_rows_there_are_no_places(make: Make) -> None:
    table = make(FIELDS)
    for field in FIELDS:
        found = aggregate(table, Axis(field.number, 10))
        assert (found.rows, found.totals) == (0, {})
        assert [place.kind for place in found.axes[0].places if place.kind in ("other", "empty", "range")] == []


@pytest.mark.parametrize("asked", [(CITY, Measure("sum", CITY)), (CITY, Measure("max", 99)), (99, Measure())])
def test_what_cannot_be_added_up_is_refused(make: Make, asked: tuple[int, Measure]) -> None:
    table = make(FIELDS)

    with pytest.raises(QueryError):
        aggregate(table, Axis(asked[0], 5), measure=asked[1])


def test_a_hidden_column_is_out_of_reach(make: Make) -> None:
    """It is refused like one that never was, as an axis, as what is measured and as a value of points."""
    table = make(FIELDS[:3], [["Oslo", "1", "2,50"]])
    narrowed = TableQuery.of(table.fields[:2])

    for axes, measure in (([Axis(PRICE, 5)], Measure()), ([Axis(CITY, 5)], Measure("sum", PRICE))):
        with pytest.raises(QueryError, match="no column number 3"):
            table.rows.aggregate(table.ref, narrowed, axes, measure)
    with pytest.raises(QueryError, match="no column number 3"):
        table.rows.points(table.ref, narrowed, N, PRICE, 10)


def test_so_many_ranges_as_the_number_of_values_is_worth() -> None:
    assert [ranges_for(rows, 24) for rows in (1, 10, 100, 1_000, 10**6)] == [5, 5, 9, 20, 24]


def points(table: StoredTable, x: int, y: int, most: int, *args: tuple[str, str]) -> Points:
    return table.rows.points(table.ref, table.query(*args), x, y, most, seconds=60)


def test_points_are_the_rows_with_both_values(make: Make) -> None:
    rows: list[Any] = [
        ("", 3, 1.5, None, None),
        ("", None, 2.0, None, None),
        ("", -4, None, None, None),
        ("", 7, -0.25, None, None),
    ]
    table = make(FIELDS, [written(row) for row in rows])

    assert points(table, N, PRICE, 10) == Points([(1, 3, 1.5), (4, 7, -0.25)], 2)
    assert points(table, N, PRICE, 10, ("f.2", "gt:3")) == Points([(4, 7, -0.25)], 1)


@pytest.mark.parametrize("asked", [[], [("f.2", "gt:800")]])
def test_of_many_rows_some_are_points_spread_evenly(make: Make, asked: list[tuple[str, str]]) -> None:
    table = make(FIELDS[:3], [["", str(number), "1,00"] for number in range(1, 2_001)])

    found = points(table, N, PRICE, 120, *asked)

    low = 800 if asked else 0
    assert found.rows == 2_000 - low
    assert 100 <= len(found.points) <= 140
    for start in range(low, 2_000, 400):
        share = sum(start < x <= start + 400 for _, x, _ in found.points) / len(found.points)
        assert math.isclose(share, 400 / found.rows, abs_tol=0.05)
