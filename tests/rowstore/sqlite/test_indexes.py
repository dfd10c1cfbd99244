"""Building indexes beside other writers."""

import itertools
import sqlite3
import threading
from contextlib import closing

import pytest

from tests.rowstore.backends import StoredTable, column, ids
from tests.rowstore.conftest import Make
from webapp.rowstore import open_loader
from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.sqlite import search_index
from webapp.rowstore.sqlite.loader import SqliteRowLoader

FIELDS = (column(1, "a"), column(2, "b", "integer"))


def names(table: StoredTable, *wanted: str) -> set[str]:
    with closing(table.backend.connect()) as connection:
        found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    return found.intersection(wanted)


def test_an_unfinished_search_index_has_another_name(always_indexed: None, make: Make) -> None:
    table = make(FIELDS, [(f"row {number}", "") for number in range(900)])

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    wanted = ("s1", "s1_building", "s1_progress")
    with pytest.raises(KeyboardInterrupt):
        table.build_search_index(interrupt)
    assert names(table, *wanted) == {"s1_building", "s1_progress"}
    assert table.build_search_index()
    assert names(table, *wanted) == {"s1"}


def test_other_connections_can_write_while_an_index_is_built(always_indexed: None, make: Make) -> None:
    table, writes = make(FIELDS, [(f"row {number}", "") for number in range(900)]), itertools.count()
    with closing(table.backend.connect()) as writer:
        writer.execute("CREATE TABLE other (x)")
        writer.execute("PRAGMA busy_timeout = 0")

        def write(done: int, total: int) -> None:
            writer.execute("INSERT INTO other VALUES (?)", (next(writes),))

        table.build_search_index(write)
    assert next(writes) > 3


def test_building_an_index_waits_longer_for_the_lock_than_a_request(always_indexed: None, make: Make) -> None:
    table = make(FIELDS, [("abc", "1")])
    with closing(table.backend.connect()) as other, open_loader(table.backend.address) as loader:
        assert isinstance(loader, SqliteRowLoader)
        loader._driver.execute("PRAGMA busy_timeout = 10")
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.3, other.execute, ("COMMIT",))
        release.start()
        try:
            assert loader.index_search(table.ref, lambda done, total: None)
        finally:
            release.join()


def test_a_sort_index_that_is_interrupted_is_an_error_and_leaves_no_transaction(make: Make) -> None:
    table = make(FIELDS, [(f"{number}", "1") for number in range(2000)])
    with open_loader(table.backend.address) as loader:
        assert isinstance(loader, SqliteRowLoader)
        loader._driver.set_progress_handler(lambda: True, 2000)
        with pytest.raises(QueryTimeout):
            loader.index_sort(1, FIELDS[0])
        loader._driver.set_progress_handler(None, 0)
        assert not loader._driver.in_transaction
        loader.index_sort(1, FIELDS[0])
    assert names(table, "i1_1") == {"i1_1"}


def test_the_sort_index_of_a_table_that_was_deleted_is_not_built(make: Make) -> None:
    table = make(FIELDS)
    with open_loader(table.backend.address) as loader:
        loader.index_sort(9, FIELDS[0])
    assert names(table, "i9_1") == set()


def test_without_trigrams_there_is_no_search_index_and_search_still_works(
    always_indexed: None, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = make(FIELDS, [("abcd", "")])
    monkeypatch.setattr(search_index, "is_available", lambda connection: False)
    assert not table.build_search_index()
    assert ids(table.page(("q", "bcd"))) == [1]


def test_trigrams_are_available_in_this_sqlite(make: Make) -> None:
    with closing(make(FIELDS).backend.connect()) as connection:
        assert search_index.is_available(connection)
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            connection.execute("SELECT * FROM temp.probe")
