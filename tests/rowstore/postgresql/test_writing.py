"""What only PostgreSQL does with what is written."""

from typing import Any

import pytest

from tests.rowstore.backends import column, make_table
from tests.rowstore.conftest import Make
from webapp.db.errors import Conflict
from webapp.rowstore import open_loader
from webapp.rowstore.postgresql.errors import RowTooBig
from webapp.rowstore.postgresql.loader import PostgresqlRowLoader
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.sql.transactions import in_transaction
from webapp.rowstore.values import StoredRow


def test_a_row_that_does_not_fit_is_refused_in_words(backend: Any) -> None:
    fields = [column(number) for number in range(1, 1_001)]
    table = make_table(backend, fields, [])
    with pytest.raises(RowTooBig):
        table.write(lambda rows: rows.insert(table.ref, [StoredRow(1, ("12345678",) * 1_000)]))
    table.opened.close()


def test_a_transaction_begins_again_if_another_one_has_changed_what_it_read(make: Make) -> None:
    table = make([column(1)], [("a",)])
    attempts = list[str]()
    with open_loader(table.backend.address) as loader:
        assert isinstance(loader, PostgresqlRowLoader)
        connection = loader.connection

        def step() -> None:
            ((text,),) = connection.execute(Sql("SELECT c1 FROM t1"))
            attempts.append(text)
            if len(attempts) == 1:
                table.backend.execute("UPDATE t1 SET c1 = 'b'")
            connection.change(Sql("UPDATE t1 SET c1 = ?", (text + "!",)))

        in_transaction(connection, step)
    assert attempts == ["a", "b"]
    assert table.backend.execute("SELECT c1 FROM t1") == [("b!",)]


def test_a_conflict_is_known_as_one(make: Make) -> None:
    table = make([column(1)], [("a",)])
    change = Sql("UPDATE t1 SET c1 = 'c'")
    with open_loader(table.backend.address) as loader:
        assert isinstance(loader, PostgresqlRowLoader)

        def attempt() -> None:
            with loader.connection.transaction():
                loader.connection.execute(Sql("SELECT c1 FROM t1"))
                table.backend.execute("UPDATE t1 SET c1 = 'b'")
                loader.connection.change(change)

        with pytest.raises(Conflict):
            attempt()


def test_an_index_that_was_not_finished_is_built_anew(make: Make) -> None:
    table = make([column(1)], [("a",), ("a",)])
    with pytest.raises(Exception, match="duplicate"):
        table.backend.execute("CREATE UNIQUE INDEX CONCURRENTLY i1_1 ON t1 (c1)")
    with open_loader(table.backend.address) as loader:
        assert loader.index_sort(1, table.fields[0]) == {1}
        assert loader.index_search(table.ref, lambda done, total: None)
    ((definition,),) = table.backend.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'i1_1'")
    assert "UNIQUE" not in definition
    assert table.backend.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]


def test_texts_of_any_length_can_be_sorted_by_an_index(make: Make) -> None:
    table = make([column(1)], [("x" * 100_000,), ("y",)])
    table.build_sort_index(table.fields[0])
    table.write(lambda rows: rows.insert(table.ref, [StoredRow(3, ("X" * 3_000,))]))
    assert [row_id for row_id, _ in table.page(("sort", "-1")).rows] == [2, 1, 3]
