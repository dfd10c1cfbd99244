"""A full-text index is built of many small segments, merged a few pages at a time: others write in between."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from tests.rowstore.backends import SqliteBackend, StoredTable, column, ids, make_table
from webapp.rowstore.loader import IndexWithdrawn
from webapp.rowstore.sql import tables as row_tables
from webapp.rowstore.sqlite import search_index
from webapp.rowstore.values import CellChange

ROWS = 3_000
FIELDS = (column(1, "name"), column(2, "city"))


@pytest.fixture
def table(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StoredTable]:
    """Whose index is built twenty rows at a time."""
    monkeypatch.setattr(search_index, "FIRST_CHUNK", 20)
    monkeypatch.setattr(search_index, "MAX_CHUNK", 20)
    monkeypatch.setattr(search_index, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(row_tables, "SMALL_TABLE", 0)
    rows = [(f"name {number:04}", f"city {number % 7}") for number in range(1, ROWS + 1)]
    table = make_table(SqliteBackend(data_dir), FIELDS, rows)
    with table.opened:
        yield table


def ask(table: StoredTable, sql: str) -> Sequence[tuple[int | str, ...]]:
    with closing(table.backend.connect()) as connection:
        return connection.execute(sql).fetchall()


def segments(table: StoredTable, name: str) -> int:
    ((count,),) = ask(table, f"SELECT count(DISTINCT segid) FROM {name}_idx")
    return int(count)


def test_segments_never_pile_up(table: StoredTable) -> None:
    """150 transactions, each of which leaves one."""
    seen = list[int]()
    assert table.build_search_index(lambda done, total: seen.append(segments(table, "s1_building")))
    assert len(seen) == ROWS / 20
    assert max(seen) <= 2 * search_index.SEGMENTS
    assert segments(table, "s1") <= search_index.USUAL_SEGMENTS
    assert ids(table.page(("q", "0777"))) == [777]
    assert table.count(("q", '"city 3"')).number == len(range(3, ROWS + 1, 7))


def test_a_complete_index_merges_its_segments_by_itself_again(table: StoredTable) -> None:
    table.build_search_index()
    assert dict(ask(table, "SELECT k, v FROM s1_config")) == {"version": 4, **search_index.USUALLY}
    for number in range(100):
        before, after = (f"name {1:04}" if not number else f"changed {number - 1}"), f"changed {number}"
        changes = [CellChange(1, FIELDS[0], before, after)]
        assert table.write(lambda rows, changes=changes: rows.apply(table.ref, changes)).conflicts == []
    assert segments(table, "s1") < 4 * search_index.USUAL_SEGMENTS
    assert ids(table.page(("q", '"changed 99"'))) == [1]
    assert ids(table.page(("q", '"changed 98"'))) == []


def test_others_write_between_any_two_steps(table: StoredTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while segments are merged."""
    merge, written = search_index._merge_pages, list[str]()
    with closing(table.backend.connect()) as other:
        other.execute("PRAGMA busy_timeout = 0")

        def write(kind: str) -> None:
            other.execute("UPDATE tables SET title = 'Other'")
            written.append(kind)

        def pause(seconds: float) -> None:
            write("pause")

        def merge_and_note(connection: sqlite3.Connection, name: str, pages: int) -> bool:
            written.append("merge")
            return merge(connection, name, pages)

        monkeypatch.setattr(search_index, "MERGE_PAGES", 1)
        monkeypatch.setattr(search_index, "_merge_pages", merge_and_note)
        monkeypatch.setattr(search_index.time, "sleep", pause)
        assert table.build_search_index()
    assert written.count("merge") > search_index.SEGMENTS
    assert all(kind == "pause" for kind, then in pairwise(written) if then == "merge")
    assert ids(table.page(("q", "0777"))) == [777]


def test_rows_that_come_while_segments_are_merged_at_the_end_are_found(
    table: StoredTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge, added = search_index._Builder._merge, list[int]()

    def add_a_row(builder: search_index._Builder, segments: int) -> None:
        merge(builder, segments)
        if segments == search_index.USUAL_SEGMENTS:
            with closing(table.backend.connect()) as other:
                other.execute("INSERT INTO t1 VALUES (5000, 'late', 'x')")
            added.append(5000)

    monkeypatch.setattr(search_index._Builder, "_merge", add_a_row)
    assert table.build_search_index()
    assert added == [5000]
    assert ids(table.page(("q", "late"))) == [5000]


def test_a_build_ends_when_its_table_is_dropped_while_segments_are_merged(
    table: StoredTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge = search_index._merge_pages

    def drop(connection: sqlite3.Connection, name: str, pages: int) -> bool:
        is_more = merge(connection, name, pages)
        monkeypatch.setattr(search_index.time, "sleep", lambda seconds: table.write(lambda rows: rows.drop(1)))
        return is_more

    monkeypatch.setattr(search_index, "_merge_pages", drop)
    with pytest.raises(IndexWithdrawn):
        table.build_search_index()
    assert ask(table, "SELECT name FROM sqlite_master WHERE name GLOB 's1*'") == []
