"""Profiles whose exact figures would take too long."""

import threading
from typing import Any

import pytest

from tests.rowstore.backends import StoredTable, column
from tests.rowstore.conftest import Make
from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.sql import profile as module
from webapp.rowstore.sql.profile import Profiler
from webapp.rowstore.sqlite import connection
from webapp.rowstore.sqlite.reader import SqliteRowReader

FIELDS = (column(1, "city"), column(2, "n", "integer"), column(3, "price", "decimal", {"style": "fixed", "scale": 2}))


@pytest.fixture
def table(make: Make) -> StoredTable:
    rows = [(["Oslo", "Bergen", ""][number % 3], str(number % 50), f"{number / 8:.2f}") for number in range(600)]
    return make(FIELDS, rows)


def time_out_exact(monkeypatch: pytest.MonkeyPatch, *figures: str) -> None:
    """Make these figures take too long, unless they are estimated from a sample."""
    for name in figures:
        real = getattr(Profiler, name)

        def slow(self: Profiler, *args: Any, real: Any = real) -> Any:
            if not args[-1]:
                raise QueryTimeout
            return real(self, *args)

        monkeypatch.setattr(Profiler, name, slow)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_figures_are_estimated_from_a_sample(table: StoredTable, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(module, "SAMPLE", 120)
    time_out_exact(monkeypatch, "_count_distinct", "_histogram", "_top_values")
    profile = table.rows.profile(table.ref, table.query(), number)
    assert profile.note == "Estimated from 120 rows spread over the table."
    assert profile.distinct_is_capped
    counted = sum(bar.count for bar in [*profile.buckets, *profile.top])
    assert abs(counted - profile.filled) < 20


def test_only_what_takes_too_long_is_estimated(table: StoredTable, monkeypatch: pytest.MonkeyPatch) -> None:
    time_out_exact(monkeypatch, "_count_distinct")
    profile = table.rows.profile(table.ref, table.query(("sort", "-1")), 2)
    assert (profile.distinct, profile.distinct_is_capped, profile.note) == (50, True, "")
    assert sum(bar.count for bar in profile.buckets) == 600


def test_the_distinct_values_of_a_nearly_unique_column_are_not_counted(
    table: StoredTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAMPLE", 100)
    monkeypatch.setattr(module, "MOSTLY_DISTINCT", 90)
    unique = table.rows.profile(table.ref, table.query(), 3)
    few = table.rows.profile(table.ref, table.query(), 1)
    assert (unique.distinct, unique.distinct_is_capped) == (100, True)
    assert sum(bar.count for bar in unique.buckets) == 600
    assert (few.distinct, few.distinct_is_capped) == (2, False)


def test_a_profile_whose_first_scan_takes_too_long_is_an_error(
    table: StoredTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "STEPS", 1)
    rows = table.rows
    assert isinstance(rows, SqliteRowReader)
    with pytest.raises(QueryTimeout), rows.connection.cancellable(0, threading.Event()):
        rows.profile(table.ref, table.query(), 1)
