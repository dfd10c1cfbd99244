"""What adds up too long is estimated from a sample of rows."""

import threading
from typing import Any

import pytest

from tests.rowstore.backends import StoredTable, column
from tests.rowstore.conftest import Make
from webapp.rowstore.aggregates import Axis, Measure
from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.sql import aggregating as module
from webapp.rowstore.sql.aggregating import Aggregator
from webapp.rowstore.sqlite import connection
from webapp.rowstore.sqlite.reader import SqliteRowReader

FIELDS = (column(1, "city"), column(2, "n", "integer"), column(3, "name"))


@pytest.fixture
def table(make: Make, monkeypatch: pytest.MonkeyPatch) -> StoredTable:
    monkeypatch.setattr(module, "SAMPLE", 120)
    rows = [(["Oslo", "Bergen", ""][number % 3], str(number % 50), f"name {number}") for number in range(600)]
    return make(FIELDS, rows)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever reads all rows takes too long."""
    real = Aggregator.select

    def select(self: Aggregator, *args: Any, **options: Any) -> Any:
        if self.sample is None and not options.get("sample"):
            raise QueryTimeout
        return real(self, *args, **options)

    monkeypatch.setattr(Aggregator, "select", select)


@pytest.mark.usefixtures("slow")
def test_counts_and_sums_are_estimated_for_all_rows_and_ends_are_those_of_the_sample(table: StoredTable) -> None:
    def totals(measure: Measure) -> list[float | None]:
        found = table.rows.aggregate(table.ref, table.query(), [Axis(1, 5)], measure)
        assert found.sample == 120
        assert abs(found.rows - 600) < 10
        return [found.totals[index,].value for index in range(3)]

    for count in totals(Measure()):
        assert count == pytest.approx(200, abs=10)
    for total in totals(Measure("sum", 2)):
        assert total == pytest.approx(200 * 24.5, rel=0.15)
    for average in totals(Measure("average", 2)):
        assert average == pytest.approx(24.5, abs=4)
    for most in totals(Measure("max", 2)):
        assert most is not None
        assert most <= 49


@pytest.mark.usefixtures("slow")
def test_points_are_some_of_the_sample(table: StoredTable) -> None:
    found = table.rows.points(table.ref, table.query(), 2, 2, 40)

    assert found.sample == 120
    assert abs(found.rows - 600) < 10
    assert 30 <= len(found.points) <= 50
    assert all(x == y for _, x, y in found.points)


def test_what_is_quick_enough_is_exact(table: StoredTable) -> None:
    found = table.rows.aggregate(table.ref, table.query(), [Axis(1, 5)], Measure())

    assert found.sample is None
    assert [found.totals[index,].rows for index in range(3)] == [200, 200, 200]


def test_texts_of_which_nearly_all_differ_are_not_sorted(table: StoredTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOSTLY_DISTINCT", 90)

    names, cities = (table.rows.aggregate(table.ref, table.query(), [Axis(number, 5)], Measure()) for number in (3, 1))

    assert (names.sample, cities.sample) == (120, None)
    assert [place.kind for place in names.axes[0].places] == ["value"] * 5 + ["other"]


@pytest.mark.usefixtures("slow")
def test_a_table_too_small_for_a_sample_takes_too_long(table: StoredTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE", 301)

    with pytest.raises(QueryTimeout):
        table.rows.aggregate(table.ref, table.query(), [Axis(1, 5)], Measure())


def test_a_sample_takes_too_long_as_well(table: StoredTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "STEPS", 1)
    rows = table.rows
    assert isinstance(rows, SqliteRowReader)

    with pytest.raises(QueryTimeout), rows.connection.cancellable(0, threading.Event()):
        rows.aggregate(table.ref, table.query(), [Axis(1, 5)], Measure())
