"""Cells of millions of characters: a page has the beginnings of some, a row those of all; one can be read in whole."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rowstore.backends import StoredTable, column, ids
from tests.rowstore.conftest import Make
from webapp.rowstore import page_budget
from webapp.rowstore.page_budget import MAX_CELL, PAGE_BYTES
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sql import cells
from webapp.rowstore.sql.page_cursors import MAX_KEY
from webapp.rowstore.sql.profile import MAX_VALUE, Profiler
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.values import Page

FIELDS = (column(1, "text"), column(2, "number", "integer"), column(3, "other"))
MEGABYTE = 1_000_000


def markup_bytes(page: Page) -> int:
    return sum(page_budget.weigh(cells) for _, cells in page.rows)


def read_cell(table: StoredTable, row_id: int, number: int) -> str:
    return b"".join(table.rows.cell(table.ref, row_id, table.query().field(number))).decode()


def pages_of(table: StoredTable, query: TableQuery, **options: Any) -> list[Page]:
    pages = [table.page(query=query, **options)]
    while pages[-1].after:
        pages.append(table.page(query=query, after=pages[-1].after, **options))
    return pages


def test_a_page_has_the_beginnings_of_long_cells(make: Make) -> None:
    table = make(FIELDS, [(f"{number}" + "ö" * MEGABYTE, str(number), "x" * MAX_CELL) for number in range(3)])
    page = table.page()
    assert page.rows[1] == (2, ("1" + "ö" * (MAX_CELL - 1) + "…", "1", "x" * MAX_CELL))
    assert page.cell_limit == MAX_CELL


def test_the_database_hands_over_no_more_of_a_cell_than_its_beginning(make: Make) -> None:
    """Sort keys included."""
    table = make(FIELDS, [("a" * MEGABYTE, "1", ""), ("b" * MEGABYTE, "2", "")])
    fetched = table.backend.watch(table.rows)
    page = table.page(("sort", "-1"), ("q", "aaa"))
    table.page(("sort", "1"), at=1)
    table.rows.row(table.ref, table.query(("sort", "1")), 2)
    assert ids(page) == [1]
    lengths = [len(value) for value in fetched if isinstance(value, str)]
    assert max(lengths) <= page_budget.row_cell_limit(3) + 1
    assert sum(lengths) < MEGABYTE // 10
    assert MAX_KEY + 1 in lengths


@pytest.mark.parametrize("order", [(), (("sort", "2"),), (("sort", "-3"),), (("sort", "1,-2"),)])
def test_a_page_ends_early_and_the_next_one_goes_on_there(make: Make, order: tuple[tuple[str, str]]) -> None:
    columns = [column(1, "a"), column(2, "b", "integer"), *(column(number, str(number)) for number in range(3, 60))]
    rows = [("<" * 5_000, str(number), *(["&" * 1_000] * 57)) for number in range(40)]
    table = make(columns, rows)
    pages = pages_of(table, table.query(*order))
    found = [row_id for page in pages for row_id in ids(page)]
    assert sorted(found) == list(range(1, 41))
    assert len(pages) > 5
    assert max(map(markup_bytes, pages)) <= PAGE_BYTES
    backward, before = list[int](), pages[-1].before
    while before:
        page = table.page(*order, before=before)
        assert markup_bytes(page) <= PAGE_BYTES
        backward, before = ids(page) + backward, page.before
    assert backward == found[: len(found) - len(pages[-1].rows)]


ROWS = st.lists(
    st.tuples(st.sampled_from(["", "a", "ab" * 5, "b" * 300, "c" * 2_000, "␛" * 90, "\0" * 120])), max_size=12
)


@settings(max_examples=100)
@given(ROWS, st.sampled_from(["", "1", "-1"]), st.integers(1, 6), st.sampled_from([0, 60]), st.booleans())
def test_every_row_is_on_exactly_one_page_whatever_the_budget(
    always_small: StoredTable, rows: list[tuple[str]], sort: str, size: int, seconds: float, is_searched: bool
) -> None:
    always_small.refill(rows)
    search = (("f.1", "filled"),) if is_searched else ()
    query = always_small.query(("sort", sort), *search)
    expected = [number for number, (cell,) in enumerate(rows, 1) if cell or not is_searched]
    pages = pages_of(always_small, query, size=size, scan_seconds=seconds)
    found = [row_id for page in pages for row_id in ids(page)]
    assert sorted(found) == expected
    assert sort or found == expected


@pytest.fixture
def always_small(make: Make, monkeypatch: pytest.MonkeyPatch) -> StoredTable:
    """A table whose pages have room for a few short cells, found by a scan where there are filters."""
    monkeypatch.setattr("webapp.rowstore.sql.pages.PAGE_BYTES", 200)
    monkeypatch.setattr("webapp.rowstore.sql.tables.SMALL_TABLE", 0)
    monkeypatch.setattr("webapp.rowstore.sql.pages.FIRST_CHUNK", 2)
    return make(FIELDS[:1])


def test_a_row_of_as_many_long_cells_as_there_may_be_is_one_page(make: Make, columns_limit: int) -> None:
    columns = [column(number, str(number)) for number in range(1, columns_limit + 1)]
    cell = "&" * 200 * (2_000 // columns_limit)
    table = make(columns, [[cell] * columns_limit] * 2)
    page = table.page()
    assert ids(page) == [1]
    assert markup_bytes(page) <= PAGE_BYTES
    assert ids(table.page(after=page.after)) == [2]


def test_a_row_has_the_beginnings_of_its_cells_and_the_sizes_of_what_was_cut(make: Make) -> None:
    table = make(FIELDS, [("a" * 2_000, "7", "é" * MEGABYTE)])
    row = table.rows.row(table.ref, table.query(), 1)
    assert row is not None
    limit = page_budget.row_cell_limit(3)
    assert row.cells == ("a" * 2_000, "7", "é" * limit + "…")
    assert row.sizes == {3: 2 * MEGABYTE}


@settings(max_examples=60)
@given(st.text(alphabet=st.sampled_from("aé\0␀␛"), max_size=12))
def test_the_size_of_a_cut_cell_is_that_of_its_download(sized: StoredTable, text: str) -> None:
    sized.refill([(text + "a" * page_budget.row_cell_limit(3), "", "")])
    row = sized.rows.row(sized.ref, sized.query(), 1)
    assert row is not None
    assert row.sizes.get(1, 0) == (len(read_cell(sized, 1, 1).encode()) if text else 0)


@pytest.fixture
def sized(make: Make, monkeypatch: pytest.MonkeyPatch) -> StoredTable:
    """A table whose cells are cut after a few characters on a row's page."""
    monkeypatch.setattr(page_budget, "_ROW_CHARACTERS", 30)
    return make(FIELDS)


@pytest.mark.parametrize("text", ["", "short", "␀", "\0", "␛", "␛␀", "a\0" * 30, "␛" * 50 + "\0é€😀" * 20 + "␛"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_one_cell_is_read_exactly_in_pieces_of_any_size(
    make: Make, monkeypatch: pytest.MonkeyPatch, text: str, size: int
) -> None:
    monkeypatch.setattr(cells, "BLOCK", size)
    table = make(FIELDS, [("", "1", text)])
    assert read_cell(table, 1, 3) == text


def test_one_cell_is_read_in_pieces(make: Make) -> None:
    text = "0123456789" * (MEGABYTE // 10)
    table = make(FIELDS, [(text, "-5", "")])
    pieces = list(table.rows.cell(table.ref, 1, FIELDS[0]))
    assert b"".join(pieces).decode() == text
    assert max(map(len, pieces)) <= cells.BLOCK
    assert read_cell(table, 1, 2) == "-5"
    assert read_cell(table, 2, 1) == ""
    assert table.rows.has_row(table.ref, 1)
    assert not any(table.rows.has_row(table.ref, row_id) for row_id in (0, 2, 2**70))


def test_cutting_does_not_show_half_of_an_escaped_character(make: Make) -> None:
    table = make(FIELDS, [("x" * (MAX_CELL - 1) + "␀" * 5, "1", "x" * MAX_CELL + "␀")])
    assert table.page().rows == [(1, ("x" * (MAX_CELL - 1) + "…", "1", "x" * MAX_CELL + "…"))]


def test_a_profile_tells_long_values_apart_by_beginning_end_and_length(make: Make) -> None:
    values = ["a" * MEGABYTE, "a" * MEGABYTE, "a" * (MEGABYTE - 1), "a" * (MEGABYTE - 1) + "b", "b" + "a" * MEGABYTE]
    table = make(FIELDS, [(value, "1", "") for value in values])
    profile = table.rows.profile(table.ref, table.query(), 1, seconds=60)
    assert (profile.distinct, [value.count for value in profile.top]) == (4, [2, 1, 1, 1])
    assert {len(value.text) for value in profile.top} == {MAX_VALUE + 1}


def test_a_profile_collects_no_more_of_a_value_than_it_compares(make: Make) -> None:
    """What the database groups by is computed by the same expression."""
    table = make(FIELDS, [("ö" * MEGABYTE, "1", "")])
    reader: Any = table.rows
    profiler = Profiler(reader.connection, 1, table.query(), FIELDS[0])
    assert reader.connection.execute(Sql(f"SELECT length({profiler._compared}) < 1000 FROM t1")) == [(1,)]
