"""Pages found by examining rows one by one, in chunks for as long as somebody waits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rowstore.backends import StoredTable, column, ids
from tests.rowstore.conftest import Make
from webapp.rowstore.sql import pages
from webapp.rowstore.sql import tables as row_tables

FIELDS = (column(1, "text"), column(2, "integer", "integer"))


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tables are scanned like large ones, two rows at a time."""
    monkeypatch.setattr(row_tables, "SMALL_TABLE", 0)
    monkeypatch.setattr(pages, "FIRST_CHUNK", 2)


@pytest.fixture
def table(small_chunks: None, make: Make) -> StoredTable:
    return make(FIELDS)


@settings(max_examples=100)
@given(st.lists(st.sampled_from(["", "a", "b"]), min_size=1, max_size=14), st.integers(1, 3), st.data())
def test_a_scan_that_is_continued_shows_every_row_once(
    table: StoredTable, cells: list[str], size: int, data: st.DataObject
) -> None:
    table.refill([(cell, "") for cell in cells])
    query = table.query(("f.1", "eq:a"))
    matching_ids = [number for number, cell in enumerate(cells, 1) if cell == "a"]
    seen, after, cursors_before = list[int](), None, list[tuple[str, list[int]]]()
    while True:
        page = table.page(query=query, after=after, size=size, scan_seconds=0)
        assert page.stopped_at is None or page.stopped_at[0] == "after"
        cursors_before += [(page.before, list(seen))] if page.before else []
        assert bool(page.before) is (after is not None)
        seen += ids(page)
        if (after := page.after) is None:
            break
    assert seen == matching_ids
    for before, expected in cursors_before:
        back: list[int] = []
        cursors_after: list[tuple[str, list[int]]] = []
        at: str | None = before
        while at:
            page = table.page(query=query, before=at, size=size, scan_seconds=0)
            assert page.stopped_at is None or page.stopped_at[0] == "before"
            assert page.after is not None
            back = ids(page) + back
            cursors_after.append((page.after, [number for number in matching_ids if number > max([0, *expected])]))
            at = page.before
        assert back == expected
        assert ids(table.page(query=query, after=cursors_after[0][0], size=99)) == cursors_after[0][1]
    row_id = data.draw(st.integers(1, len(cells)))
    beginning = ids(table.page(query=query, at=row_id, size=99, scan_seconds=60))
    assert beginning == [number for number in matching_ids if number >= row_id]


def test_a_page_reports_where_its_scan_stopped(small_chunks: None, make: Make) -> None:
    table = make(FIELDS, [["a", ""], *[["b", ""]] * 6])
    query = table.query(("f.1", "eq:a"))
    assert table.page(query=query, scan_seconds=0).stopped_at == ("after", 2)
    end = table.page(query=query, at=7).before
    assert table.page(query=query, before=end, scan_seconds=0).stopped_at == ("before", 5)
    assert table.page(query=query, scan_seconds=60).stopped_at is None
    assert table.page(query=query).stopped_at is None
    assert table.page(query=table.query(("f.1", "eq:a"), ("sort", "1")), scan_seconds=0).stopped_at is None


def test_looking_for_the_neighbours_of_a_row_ends_when_its_time_is_over(table: StoredTable) -> None:
    table.refill([("a" if number in (1, 5, 9) else "b", "") for number in range(1, 11)])
    query = table.query(("f.1", "eq:a"))
    hurried = table.rows.row(table.ref, query, 5, scan_seconds=0)
    patient = table.rows.row(table.ref, query, 5, scan_seconds=60)
    last = table.rows.row(table.ref, query, 9, scan_seconds=0)

    assert hurried is not None
    assert patient is not None
    assert last is not None
    assert (hurried.previous, hurried.next, hurried.unknown) == (None, None, ("previous", "next"))
    assert (patient.previous, patient.next, patient.unknown) == (1, 9, ())
    assert (last.previous, last.next, last.unknown) == (None, None, ("previous",))
