"""Real tables with names of ours."""

import sqlite3

import pytest

from tests.rowstore.conftest import Store
from tests.rowstore.stored import Column, insert
from webapp.rowstore.sqlite.schema import Field, create_sql, drop_sql


def test_no_title_reaches_sql() -> None:
    statement = create_sql(17, [Column(1, '"); DROP TABLE users; --'), Column(2, "price", "integer")])
    assert statement == "CREATE TABLE t17 (c1 TEXT, c2 INTEGER) STRICT"


def test_two_thousand_columns_fit(store: Store) -> None:
    columns = [Column(number, f"Column {number}") for number in range(1, 2001)]
    table = store(columns, [[str(number) for number in range(2000)]])
    assert table.connection.execute("SELECT rowid, c1, c2000 FROM t1").fetchall() == [(1, "0", "1999")]


def test_a_batch_that_is_inserted_twice_changes_nothing(store: Store) -> None:
    columns = [Column(1, "City")]
    table = store(columns, [["Oslo"], ["Rome"]])
    insert(table.connection, 1, columns, [["Oslo"], ["Rome"]])
    assert table.connection.execute("SELECT rowid, c1 FROM t1").fetchall() == [(1, "Oslo"), (2, "Rome")]


def test_rows_are_numbered_in_file_order_and_typed_by_the_database(store: Store) -> None:
    columns = [Column(1, "Id", "integer"), Column(2, "Price", "decimal", {"style": "fixed", "scale": 2})]
    table = store(columns, [["7", "1.50"], ["", ""]])
    assert table.connection.execute("SELECT rowid, c1, c2 FROM t1").fetchall() == [(1, 7, 1.5), (2, None, None)]


def test_a_value_of_another_type_is_refused(store: Store) -> None:
    table = store([Column(1, "Id", "integer")], [])
    with pytest.raises(sqlite3.IntegrityError):
        table.connection.execute("INSERT INTO t1 (c1) VALUES ('seven')")


def test_dropping_leaves_nothing(store: Store) -> None:
    table = store([Column(1, "City")], [["Oslo"]])
    for statement in drop_sql(1):
        table.connection.execute(statement)
    assert table.connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def test_the_token_for_empty_is_exported_but_not_shown(store: Store) -> None:
    column = Column(1, "Delay", "integer", {"null": "NA"})
    table = store([column], [["NA"], ["5"]])
    field = Field.of(column)
    assert table.connection.execute(f"SELECT c1, {field.printed}, {field.exported} FROM t1").fetchall() == [
        (None, "", "NA"),
        (5, "5", "5"),
    ]
