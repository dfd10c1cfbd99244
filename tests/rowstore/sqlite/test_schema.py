"""The SQL tables that hold rows."""

import sqlite3
from contextlib import closing

import pytest

from tests.rowstore.backends import column
from tests.rowstore.conftest import Make
from webapp.rowstore.sqlite.schema import create_sql
from webapp.rowstore.table_ref import TableRef
from webapp.rowstore.values import StoredRow


def test_titles_do_not_reach_sql() -> None:
    fields = (column(1, '"); DROP TABLE users; --'), column(2, "price", "integer"))
    assert create_sql(TableRef(17, fields)) == "CREATE TABLE t17 (id INTEGER PRIMARY KEY, c1 TEXT, c2 INTEGER) STRICT"


def test_values_are_typed_by_the_database_and_ids_follow_the_file(make: Make) -> None:
    fields = [column(1, "Id", "integer"), column(2, "Price", "decimal", {"style": "fixed", "scale": 2})]
    table = make(fields, [["7", "1.50"], ["", ""]])
    with closing(table.backend.connect()) as connection:
        assert connection.execute("SELECT * FROM t1").fetchall() == [(1, 7, 1.5), (2, None, None)]
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO t1 (c1) VALUES ('seven')")


def test_vacuum_keeps_the_ids_of_rows(make: Make) -> None:
    table = make([column(1, "City")], [["Oslo"], ["Rome"], ["Bonn"]])
    table.write(lambda rows: rows.delete(table.ref, [2]))
    with closing(table.backend.connect()) as connection:
        connection.execute("VACUUM")
    table.write(lambda rows: rows.insert(table.ref, [StoredRow(4, ("Lima",))]))
    assert table.page().rows == [(1, ("Oslo",)), (3, ("Bonn",)), (4, ("Lima",))]


def test_dropping_a_table_drops_all_that_belongs_to_it(make: Make) -> None:
    table = make([column(1, "City")], [["Oslo"]])
    table.build_sort_index(table.fields[0])
    table.build_search_index()
    table.write(lambda rows: rows.drop(1))
    with closing(table.backend.connect()) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master") if name[1:2].isdigit()]
    assert names == []


def test_the_search_index_forgets_the_texts_of_deleted_rows_bit_by_bit(make: Make) -> None:
    table = make([column(1, "City")], [[f"city {number}"] for number in range(300)])
    table.build_search_index()
    table.write(lambda rows: rows.insert(table.ref, [StoredRow(301, ("qzjx",))]))
    table.write(lambda rows: rows.delete(table.ref, [301]))

    def is_in_index() -> bool:
        with closing(table.backend.connect()) as connection:
            return any(b"qzj" in block for (block,) in connection.execute("SELECT block FROM s1_data"))

    assert is_in_index()
    begins = True
    while table.write(lambda rows, begins=begins: rows.forget_deleted(1, begins=begins)):
        begins = False
    assert not is_in_index()
    with closing(table.backend.connect()) as connection:
        connection.execute("INSERT INTO s1 (s1) VALUES ('integrity-check')")
    assert not table.write(lambda rows: rows.forget_deleted(2, begins=True))
