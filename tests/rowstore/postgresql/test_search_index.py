"""The search index is of expressions: it is used for exactly these, and goes when a cell is stored otherwise."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from tests.rowstore.backends import StoredTable, column, ids
from tests.rowstore.conftest import Make
from tests.servers import wait_for
from webapp.rowstore import open_loader
from webapp.rowstore.errors import QueryTimeout
from webapp.rowstore.loader import IndexWithdrawn, RowLoader
from webapp.rowstore.postgresql import index_building, planning
from webapp.rowstore.postgresql.connection import PostgresqlConnection
from webapp.rowstore.postgresql.index_building import IndexBuilder
from webapp.rowstore.postgresql.search import search_name
from webapp.rowstore.postgresql.search_index import existing_indexes
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.table_ref import TableRef

FIELDS = (column(1, "text"), column(2, "number", "integer"))
ROWS = [(f"row {number}", str(number)) for number in range(300)]


@pytest.fixture
def table(always_indexed: None, make: Make) -> StoredTable:
    made = make(FIELDS, ROWS)
    assert made.build_search_index()
    return made


def indexes(table: StoredTable) -> list[str]:
    with closing(table.backend.connect()) as driver:
        return list(existing_indexes(PostgresqlConnection(driver), table.ref.id))


def made(table: StoredTable) -> list[int]:
    """Which ones these are: one that is built again is another one."""
    names = ", ".join(f"'{name}'" for name in indexes(table))
    return [oid for (oid,) in table.backend.execute(f"SELECT oid FROM pg_class WHERE relname IN ({names})")]


def is_searched_by_index(table: StoredTable, ref: TableRef) -> bool:
    """Both as it is planned, and as PostgreSQL carries it out."""
    query = TableQuery.from_args([("q", "row 299")], ref.fields)
    with closing(table.backend.connect()) as driver:
        connection = PostgresqlConnection(driver)
        plan = planning.make_plan(connection, ref, query)
        if plan.match is None:
            return False
        connection.execute(Sql("SET enable_seqscan = off"))
        statement = f"EXPLAIN SELECT id FROM t1 WHERE {plan.match.text}"
        lines = connection.execute(Sql(statement, plan.match.values))
        return any(search_name(ref) in line for (line,) in lines)


@contextmanager
def held_up(table: StoredTable, build: threading.Thread) -> Iterator[None]:
    """Start a build, which waits until the end of the block for a transaction that began before it."""
    with closing(table.backend.connect()) as other:
        other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT 1 FROM users")
        build.start()
        wait_until_it_waits(table)
        yield
        other.execute("ROLLBACK")


def wait_until_it_waits(table: StoredTable) -> None:
    wait_for(lambda: table.backend.execute("SELECT 1 FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting%'"))


def with_texts(table: StoredTable) -> TableRef:
    return TableRef(1, (FIELDS[0], table.write(lambda rows: rows.keep_texts(1, FIELDS[1]))))


def test_it_is_built_again_once_a_column_keeps_texts(table: StoredTable) -> None:
    assert is_searched_by_index(table, table.ref)
    assert table.write(lambda rows: rows.follow_columns(1))
    assert indexes(table) == []
    assert not table.write(lambda rows: rows.follow_columns(1))

    kept = StoredTable(table.backend, with_texts(table))

    assert not is_searched_by_index(kept, kept.ref)
    assert kept.build_search_index()
    assert is_searched_by_index(kept, kept.ref)
    assert indexes(kept) == [search_name(kept.ref)] != [search_name(table.ref)]
    kept.opened.close()


def test_one_of_columns_as_they_were_is_not_used_and_goes_with_the_next(table: StoredTable) -> None:
    kept = StoredTable(table.backend, with_texts(table))
    old = indexes(table)
    assert not is_searched_by_index(kept, kept.ref)
    assert ids(kept.page(("q", "row 299"))) == [300]
    assert kept.build_search_index()
    assert set(indexes(kept)).isdisjoint(old)
    kept.opened.close()


def test_one_that_is_complete_stays_and_others_go(table: StoredTable) -> None:
    current = made(table)
    table.backend.execute("CREATE INDEX s1_of_another_version ON t1 (c1)")
    assert not table.rows.has_search_index(table.ref)
    assert table.build_search_index()
    assert made(table) == current
    assert table.rows.has_search_index(table.ref)


def test_one_that_is_not_complete_is_built_again(table: StoredTable) -> None:
    """As an interrupted build of the server leaves it."""
    current = made(table)
    table.backend.execute("UPDATE pg_index SET indisvalid = FALSE WHERE indexrelid = ?", current[0])
    assert not table.rows.has_search_index(table.ref)
    assert table.build_search_index()
    assert indexes(table) == [search_name(table.ref)]
    assert made(table) != current
    assert table.rows.has_search_index(table.ref)


def test_an_unfinished_index_of_a_sort_goes_with_the_next_one(table: StoredTable) -> None:
    table.build_sort_index(FIELDS[0])
    table.backend.execute("UPDATE pg_index SET indisvalid = FALSE WHERE indexrelid = 'i1_1'::regclass")
    table.build_sort_index(FIELDS[1])
    found = table.backend.execute("SELECT relname FROM pg_class WHERE relname LIKE 'i1%'")
    assert found == [("i1_2",)]
    assert len(indexes(table)) == 1


def test_a_build_that_is_cancelled_again_and_again_ends(table: StoredTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_building, "PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(index_building, "MAX_CANCELLED", 3)
    table.write(lambda rows: rows.drop_search_index(1))
    tries = list[int]()
    with closing(table.backend.connect()) as other, closing(table.backend.connect()) as driver:
        builder = IndexBuilder(PostgresqlConnection(driver), threading.Event())
        driver.execute("SET statement_timeout = 30")
        other.execute("BEGIN")
        other.execute("LOCK TABLE t1")
        with pytest.raises(QueryTimeout):
            builder.build_search_index(table.ref, lambda done, of: tries.append(done))
    assert len(tries) == 3
    assert indexes(table) == []


def test_a_time_limit_of_the_role_does_not_end_builds(table: StoredTable) -> None:
    with closing(table.backend.connect()) as driver:
        driver.execute("SET statement_timeout = 30")
        IndexBuilder(PostgresqlConnection(driver), threading.Event())
        assert driver.execute("SHOW statement_timeout").fetchone() == ("0",)


@pytest.mark.parametrize(
    "change",
    [
        lambda field: replace(field, storage=7),
        lambda field: replace(field, type="decimal", format={"scale": 2, "style": "fixed"}),
        lambda field: replace(field, format={"group": ","}),
        lambda field: replace(field, keeps_texts=True),
    ],
)
def test_its_name_says_what_it_is_made_of(change: Any) -> None:
    ref = TableRef(1, FIELDS)
    changed = TableRef(1, (FIELDS[0], change(FIELDS[1])))
    assert search_name(changed) != search_name(ref)
    assert search_name(TableRef(1, (replace(FIELDS[0], title="x"), FIELDS[1]))) == search_name(ref)
    assert search_name(TableRef(1, FIELDS[::-1])) == search_name(ref)


def test_whoever_changes_columns_does_not_wait_for_a_build(table: StoredTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build waits for transactions that began before it. It begins again."""
    monkeypatch.setattr(index_building, "PAUSE_SECONDS", 0.5)
    table.write(lambda rows: rows.drop_search_index(1))
    is_built = list[bool]()
    build = threading.Thread(target=lambda: is_built.append(table.build_search_index()))
    with held_up(table, build):
        table.write(lambda rows: (rows.follow_columns(1), rows.keep_texts(1, FIELDS[1])))
        assert build.is_alive()
    build.join(30)
    assert is_built == [True]


def test_a_build_is_not_begun_again_for_an_index_that_a_large_change_has_dropped(
    table: StoredTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would compete with the change, which asks for another one when it has ended."""
    monkeypatch.setattr(index_building, "PAUSE_SECONDS", 0.001)
    table.write(lambda rows: rows.drop_search_index(1))
    ended = list[object]()

    def build() -> None:
        try:
            ended.append(table.build_search_index())
        except IndexWithdrawn as error:
            ended.append(error)

    building = threading.Thread(target=build)
    with held_up(table, building), closing(table.backend.connect()) as changing:
        changing.execute("BEGIN")
        PostgresqlConnection(changing).search_index.drop(1)
        wait_for(
            lambda: table.backend.execute("SELECT 1 FROM pg_locks WHERE relation = 't1'::regclass AND NOT granted")
        )
        changing.execute("UPDATE tables SET search_index = 'none'")
        changing.execute("COMMIT")
    building.join(30)
    assert [type(each) for each in ended] == [IndexWithdrawn]
    assert indexes(table) == []


def test_two_indexes_of_a_table_are_built_one_after_the_other(table: StoredTable) -> None:
    """They would wait for each other: the server would refuse one."""
    table.write(lambda rows: rows.drop_search_index(1))
    built = list[object]()
    builds = [
        threading.Thread(target=lambda: built.append(table.build_search_index())),
        threading.Thread(target=lambda: built.append(table.build_sort_index(FIELDS[0]))),
    ]
    with closing(table.backend.connect()) as other:
        other.execute("BEGIN")
        other.execute("LOCK TABLE t1 IN ROW EXCLUSIVE MODE")  # as whoever changes a row
        builds[0].start()
        wait_until_it_waits(table)
        builds[1].start()
        builds[1].join(1)
        assert all(build.is_alive() for build in builds)
        other.execute("ROLLBACK")
        for build in builds:
            build.join(30)
    assert len(built) == 2
    assert table.backend.execute("SELECT count(*) FROM pg_index WHERE indrelid = 't1'::regclass AND indisvalid") == [
        (3,)
    ]


def test_an_interrupted_build_ends_and_leaves_nothing(table: StoredTable) -> None:
    ended = list[Exception]()

    def build(loader: RowLoader) -> None:
        try:
            loader.index_sort(1, FIELDS[0])
        except QueryTimeout as error:
            ended.append(error)

    with open_loader(table.backend.address) as loader:
        building = threading.Thread(target=build, args=(loader,))
        with held_up(table, building):
            loader.interrupt()
            building.join(30)
        assert len(ended) == 1
    assert table.backend.execute("SELECT 1 FROM pg_class WHERE relname = 'i1_1'") == []
