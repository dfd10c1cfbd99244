"""The row that is so far along in a view, and the last page."""

import pytest

from tests.rowstore.backends import StoredTable, column, ids
from tests.rowstore.conftest import Make
from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.sql import positions
from webapp.rowstore.sql import tables as row_tables
from webapp.rowstore.values import Page, PageStart, Position

FIELDS = (column(1, "name"), column(2, "number", "integer"))
COUNT = 2_000


@pytest.fixture
def table(make: Make) -> StoredTable:
    """Numbers from 1,999 down to 0, of which those below 500 are empty; every tenth name is rare."""
    rows = [("rare" if n % 10 == 0 else f"often {n}", str(n) if n >= 500 else "") for n in reversed(range(COUNT))]
    return make(FIELDS, rows)


def position(table: StoredTable, fraction: float, *args: tuple[str, str], seconds: float = 9) -> Position | None:
    return table.rows.position(table.ref, table.query(*args), fraction, seconds)


def last_page(table: StoredTable, *args: tuple[str, str]) -> Page:
    return table.rows.page(table.ref, table.query(*args), PageStart(from_end=True), 5)


def test_in_file_order_the_position_is_the_row_number(table: StoredTable) -> None:
    found = [position(table, fraction) for fraction in (-1, 0, 0.5, 1, 2)]
    assert found == [Position(row_id, is_exact=True) for row_id in (1, 1, 1001, 2000, 2000)]


def test_a_view_without_rows_has_no_position(table: StoredTable, make: Make) -> None:
    assert position(table, 0.5, ("q", "nowhere")) is None
    assert position(make(FIELDS), 0.5) is None


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ([("sort", "2")], [1500, 751, 2000]),  # row 1500 has 500, the lowest; the empty ones are last
        ([("sort", "-2")], [1, 1000, 1501]),
        ([("f.1", "eq:rare")], [10, 1000, 2000]),
        ([("f.1", "eq:rare"), ("sort", "2")], [1500, 750, 2000]),
    ],
)
def test_a_sorted_or_filtered_view_is_read_in_its_order(
    table: StoredTable, args: list[tuple[str, str]], expected: list[int]
) -> None:
    found = [position(table, fraction, *args) for fraction in (0, 0.5, 1)]
    assert all(each and each.is_exact for each in found)
    rows = [each.row_id for each in found if each]
    assert rows[0] == expected[0]
    assert rows[2] in (expected[2], 1501)
    assert abs(rows[1] - expected[1]) <= 500


@pytest.mark.parametrize(
    "args", [[("sort", "2")], [("sort", "-2")], [("q", "often"), ("sort", "1")], [("f.2", "ge:0")]]
)
def test_large_views_are_sampled(
    table: StoredTable, monkeypatch: pytest.MonkeyPatch, args: list[tuple[str, str]]
) -> None:
    exact = [position(table, fraction / 10, *args) for fraction in range(11)]
    order = [row_id for page in _pages(table, args) for row_id in ids(page)]
    monkeypatch.setattr(row_tables, "SMALL_TABLE", 0)
    monkeypatch.setattr(positions, "SAMPLE", 400)
    for fraction, right in enumerate(exact):
        found = position(table, fraction / 10, *args)
        assert found
        assert right
        assert not found.is_exact
        assert abs(order.index(found.row_id) - order.index(right.row_id)) < 0.05 * len(order)


def test_few_matches_are_counted_and_if_that_takes_too_long_estimated(
    table: StoredTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = position(table, 0.5, ("f.1", "eq:rare"))
    monkeypatch.setattr(row_tables, "SMALL_TABLE", 0)
    monkeypatch.setattr(positions, "SAMPLE", 400)
    assert position(table, 0.5, ("f.1", "eq:rare")) == exact

    def too_slow(*_: object) -> list[int]:
        raise QueryTimeout

    monkeypatch.setattr(positions, "_all", too_slow)
    found = position(table, 0.5, ("f.1", "eq:rare"))
    assert found
    assert not found.is_exact
    assert 800 <= found.row_id <= 1200


@pytest.mark.parametrize("args", [[], [("sort", "2")], [("sort", "-2")], [("f.1", "eq:rare")], [("q", "often")]])
@pytest.mark.parametrize("small", [0, 20_000])
def test_the_last_page_ends_with_the_last_row(
    table: StoredTable, monkeypatch: pytest.MonkeyPatch, args: list[tuple[str, str]], small: int
) -> None:
    order = [row_id for page in _pages(table, args) for row_id in ids(page)]
    monkeypatch.setattr(row_tables, "SMALL_TABLE", small)
    page = last_page(table, *args)
    assert ids(page) == order[-5:]
    assert page.after is None
    before = table.rows.page(table.ref, table.query(*args), PageStart(before=page.before), 5)
    assert ids(before) == order[-10:-5]


def test_a_page_starts_where_a_deleted_row_was(table: StoredTable) -> None:
    table.write(lambda rows: rows.delete(table.ref, [1000]))
    assert ids(table.rows.page(table.ref, table.query(), PageStart(at=1000), 2)) == [1001, 1002]


def _pages(table: StoredTable, args: list[tuple[str, str]]) -> list[Page]:
    pages = [table.page(*args)]
    while pages[-1].after:
        pages.append(table.rows.page(table.ref, table.query(*args), PageStart(after=pages[-1].after)))
    return pages
