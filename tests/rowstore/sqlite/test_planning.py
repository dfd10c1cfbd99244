"""Which indexes the statements of a query use."""

from collections.abc import Generator
from contextlib import closing
from typing import Any

import pytest

from tests.rowstore.backends import StoredTable, column, ids
from tests.rowstore.conftest import Make
from webapp.rowstore.sql.conditions import filter_sql
from webapp.rowstore.sql.connection import BATCH
from webapp.rowstore.sql.reader import SqlRowReader
from webapp.rowstore.sql.statement import Sql
from webapp.rowstore.sqlite.connection import SqliteConnection
from webapp.rowstore.sqlite.dialect import DIALECT
from webapp.rowstore.table_ref import Field

FIELDS = (column(1, "a"), column(2, "b", "integer"), column(3, "c"))


class ExplainingConnection(SqliteConnection):
    """Collects the steps of SQLite's plan for each statement."""

    def __init__(self, driver: Any) -> None:
        super().__init__(driver)
        self.steps: list[str] = []
        self.statements: list[Sql] = []

    def execute(self, sql: Sql) -> list[Any]:
        self._explain(sql)
        return super().execute(sql)

    def iterate(self, sql: Sql, size: int = BATCH, *, is_short: bool = False) -> Generator[list[Any], None, None]:
        self._explain(sql)
        return super().iterate(sql, size, is_short=is_short)

    def _explain(self, sql: Sql) -> None:
        self.statements.append(sql)
        self.steps += [step[3] for step in self.driver.execute(f"EXPLAIN QUERY PLAN {sql.text}", sql.values)]


def explain(table: StoredTable) -> ExplainingConnection:
    """Make the table read on an `ExplainingConnection` from now on."""
    connection = ExplainingConnection(table.opened.enter_context(closing(table.backend.connect())))
    table.rows = SqlRowReader(connection)
    return connection


@pytest.mark.parametrize("sort", ["1", "-1", "2", "-2"])
def test_every_page_of_a_sorted_table_is_a_search_in_its_index(make: Make, sort: str) -> None:
    rows = [[f"n{n % 50}" if n % 3 else "", str(n % 40) if n % 7 else "", ""] for n in range(900)]
    table = make(FIELDS, rows)
    for field in FIELDS[:2]:
        table.build_sort_index(field)
    reader, query = explain(table), table.query(("sort", sort))
    page = table.page(query=query)
    while page.after:
        page = table.page(query=query, after=page.after)
    while page.before:
        page = table.page(query=query, before=page.before)
    assert len(reader.steps) > 16
    assert all(step.startswith("SEARCH t1 USING INDEX i1_") for step in reader.steps), reader.steps


def test_a_sort_index_is_built_once_and_used(make: Make) -> None:
    table = make(FIELDS, [(f"row {number % 10}", str(number), "") for number in range(300)])
    for field in FIELDS[:2] * 2:
        table.build_sort_index(field)
    reader = explain(table)
    table.page(("sort", "-1"))
    table.page(("sort", "2"))
    assert {step.split(" (")[0] for step in reader.steps} == {
        "SEARCH t1 USING INDEX i1_1",
        "SEARCH t1 USING INDEX i1_2",
    }


def test_rare_matches_are_not_found_by_walking_the_sort_index(always_indexed: None, make: Make) -> None:
    table = make(FIELDS, [("", str(number), "rare" if number == 5 else "common") for number in range(3000)])
    table.build_sort_index(FIELDS[1])
    reader = explain(table)
    assert ids(table.page(("sort", "-2"), ("f.3", "eq:rare"))) == [6]
    assert not any("i1_2" in step for step in reader.steps)
    reader.steps.clear()
    assert len(table.page(("sort", "-2"), ("f.3", "eq:common")).rows) == 100
    assert any("i1_2" in step for step in reader.steps)


def test_a_filter_on_most_rows_does_not_use_its_index(always_indexed: None, make: Make) -> None:
    table = make(FIELDS, [("", str(number), "") for number in range(3000)])
    table.build_sort_index(FIELDS[1])
    reader = explain(table)
    assert ids(table.page(("f.2", "ge:5")))[0] == 6
    assert not any("i1_2" in step for step in reader.steps)


def test_pages_of_a_search_go_both_ways_through_the_search_index(always_indexed: None, make: Make) -> None:
    table = make(FIELDS, [(f"row {number}", "", "even" if number % 2 else "odd") for number in range(200)])
    table.build_search_index()
    reader, query = explain(table), table.query(("q", "EVEN"))
    first = table.page(query=query, size=30)
    second = table.page(query=query, after=first.after, size=30)
    assert ids(second) == list(range(62, 122, 2))
    assert table.page(query=query, before=second.before, size=30).rows == first.rows
    row = table.rows.row(table.ref, query, 62)
    assert row is not None
    assert (row.previous, row.next) == (60, 64)
    assert any("VIRTUAL TABLE INDEX" in step for step in reader.steps)
    assert not any(step.startswith("SCAN t1") for step in reader.steps)


def trigrams(reader: ExplainingConnection, table: StoredTable, text: str) -> list[str]:
    """The trigrams that find the rows of a search."""
    reader.statements.clear()
    assert table.page(("q", text)).rows
    (statement,) = (each for each in reader.statements if each.text.startswith("SELECT s1.rowid"))
    return str(statement.values[0]).replace('"', "").split(" AND ")


def test_common_trigrams_are_left_out_beside_rare_ones(make: Make) -> None:
    rows = [(f"{number:05}@example", "", "first" if number < 200 else "then") for number in range(21_000)]
    rows[149] = (*rows[149][:2], "firstly")
    table = make(FIELDS, rows)
    table.build_search_index()
    reader = explain(table)
    assert trigrams(reader, table, "12345@exa") == ["123", "234", "345", "45@", "5@e"]
    assert trigrams(reader, table, "exa") == ["exa"]
    # Common at the beginning only: among all rows they may be rare.
    assert trigrams(reader, table, "firstly") == ["fir", "irs", "rst", "stl", "tly"]


def test_cells_without_a_value_are_found_by_an_index(make: Make) -> None:
    field = Field(2, "price", "decimal", {"style": "fixed", "scale": 2}, keeps_texts=True)
    table = make([field], [("NA",), ("",), ("1.00",)])
    table.build_sort_index(field)
    for operator, values in (("novalue", ()), ("empty", ()), ("eq", ("NA",)), ("eq", ("1.00",))):
        condition = filter_sql(DIALECT, table.query().with_filter(2, operator, *values).filters[0])
        explain = f"EXPLAIN QUERY PLAN SELECT 1 FROM t1 INDEXED BY i1_2 WHERE {condition.text}"
        with closing(table.backend.connect()) as connection:
            plan = connection.execute(explain, condition.values).fetchall()
        assert "SEARCH t1 USING" in plan[-1][3], (operator, plan)
