"""Exports equal imports."""

import asyncio
import csv
import io
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.rowstore.conftest import Store
from tests.rowstore.stored import Column, Table
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sqlite import export as exporting
from webapp.rowstore.sqlite.export import BLOCK, Format, export, stream

TEXTS = [Column(1, "a"), Column(2, "b"), Column(3, "c")]
TYPED = [
    Column(1, "id", "integer"),
    Column(2, "price", "decimal", {"style": "fixed", "scale": 2, "mark": ","}),
    Column(3, "paid", "boolean", {"true": "yes", "false": "no"}),
    Column(4, "day", "date", {"layout": "DD.MM.YYYY"}),
    Column(5, "delay", "integer", {"null": "NA"}),
    Column(6, 'say "hi"\n', "text"),
]
CELLS = st.text(alphabet=st.sampled_from("ab,\"'\r\n;\t =+-@é\U0001f600\\ "), max_size=6)


def exported(table: Table, query: TableQuery | None = None, format: Format = "csv", safe: bool = False) -> bytes:
    return b"".join(export(table.connection, table, query or table.query(), format, safe=safe))


def cells(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=6), st.sampled_from(["", "1", "-2,3"]))
def test_every_cell_comes_back_as_csv_writes_it(store: Store, rows: list[Sequence[str]], sort: str) -> None:
    table = store(TEXTS, rows)
    data = exported(table, table.query(("sort", sort)))
    if not sort:
        assert cells(data) == [["a", "b", "c"], *map(list, rows)]
        expected = io.StringIO(newline="")
        csv.writer(expected).writerows([["a", "b", "c"], *rows])
        assert data.decode() == expected.getvalue()
    assert sorted(cells(data)[1:]) == sorted(map(list, rows))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CELLS, max_size=6))
def test_a_table_of_one_column_keeps_its_empty_rows(store: Store, rows: list[str]) -> None:
    table = store(TEXTS[:1], [(text,) for text in rows])
    assert cells(exported(table)) == [["a"], *([text] for text in rows)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CELLS, st.integers(-(2**63), 2**63 - 1).map(str)), max_size=6))
def test_ndjson_has_the_same_cells(store: Store, rows: list[tuple[str, str]]) -> None:
    table = store([Column(1, 'a"\\'), Column(2, "n", "integer")], rows)
    found = [json.loads(line) for line in exported(table, format="ndjson").splitlines()]
    assert [(row['a"\\'] or "", str(row["n"])) for row in found] == rows
    assert all(isinstance(row["n"], int) == (abs(int(row["n"])) < 2**53) for row in found)


def test_types_are_printed_as_they_were_written(store: Store) -> None:
    row = ["7", "1234,50", "yes", "31.12.2024", "NA", 'x "y", z']
    table = store(TYPED, [row, ["", "", "", "", "-3", ""]])
    assert exported(table).decode() == (
        'id,price,paid,day,delay,"say ""hi""\n"\r\n7,"1234,50",yes,31.12.2024,NA,"x ""y"", z"\r\n,,,,-3,\r\n'
    )
    first, second = exported(table, format="ndjson").decode().splitlines()
    assert first == (
        '{"id":7,"price":1234.50,"paid":true,"day":"31.12.2024","delay":null,"say \\"hi\\"\\n":"x \\"y\\", z"}'
    )
    assert list(json.loads(second).values()) == [None, None, None, None, -3, None]


def test_nul_characters_come_back(store: Store) -> None:
    column = Column(1, "a", "text", {"nul": "␀"})
    table = store([column, Column(2, "b")], [])
    values = [column_value.replace("\0", "␀") for column_value in ("a\0,b", "\0", '"\0\n')]
    table.connection.executemany("INSERT INTO t1 VALUES (?, NULL)", [(value,) for value in values])
    assert cells(exported(table)) == [["a", "b"], ["a\0,b", ""], ["\0", ""], ['"\0\n', ""]]
    assert [json.loads(line)["a"] for line in exported(table, format="ndjson").splitlines()] == ["a\0,b", "\0", '"\0\n']


def test_safe_makes_texts_and_titles_harmless_and_leaves_numbers_alone(store: Store) -> None:
    columns = [
        Column(1, "=title"),
        Column(2, "n", "integer"),
        Column(3, "b", "boolean", {"true": "+1", "false": "no"}),
        Column(4, "m", "integer", {"null": "-"}),
    ]
    starts = ["=1", "+1", "-1", "@a", "\ta", "\ra", "\na", "a=1", "'=1", ""]
    table = store(columns, [(text, "-5", "+1", "-" if index else "-7") for index, text in enumerate(starts)])
    found = cells(exported(table, safe=True))
    assert found[0] == ["'=title", "n", "b", "m"]
    assert [row[0] for row in found[1:]] == ["'=1", "'+1", "'-1", "'@a", "'\ta", "'\ra", "'\na", "a=1", "'=1", ""]
    assert [row[1:] for row in found[1:3]] == [["-5", "'+1", "-7"], ["-5", "'+1", "'-"]]
    assert cells(exported(table))[1] == ["=1", "-5", "+1", "-7"]


def test_the_current_view_goes_out(store: Store) -> None:
    table = store(TYPED, [[str(n), "", "yes" if n % 2 else "no", "", "NA", f"t{n % 3}"] for n in range(1, 10)])
    query = table.query(("q", "t"), ("f.3", "eq:yes"), ("sort", "6,-1"), ("cols", "6,1"))
    assert cells(exported(table, query))[1:] == [["t0", "9"], ["t0", "3"], ["t1", "7"], ["t1", "1"], ["t2", "5"]]
    assert not table.connection.in_transaction


@pytest.mark.parametrize("sort", ["", "2", "-2"])
def test_many_rows_come_in_blocks_and_each_once(store: Store, sort: str) -> None:
    table = store(TEXTS, [(f"{n:06}", str(n % 7) if n % 5 else "", "x" * 50) for n in range(12_000)])
    blocks = list(export(table.connection, table, table.query(("sort", sort))))
    assert len(blocks) > 4
    assert max(map(len, blocks)) < 2 * BLOCK
    found = cells(b"".join(blocks))[1:]
    assert sorted(row[0] for row in found) == [f"{n:06}" for n in range(12_000)]
    if sort:
        assert [row[1] == "" for row in found] == [False] * 9600 + [True] * 2400


def test_a_slow_reader_of_the_file_order_holds_no_transaction(store: Store) -> None:
    table = store(TEXTS, [("x" * 100, "y" * 100, str(n)) for n in range(3000)])
    blocks = export(table.connection, table, table.query())
    next(blocks), next(blocks)
    table.connection.execute("DELETE FROM t1 WHERE rowid = 3000")
    assert table.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    assert cells(b"c\r\n" + b"".join(blocks))[-1][2] == "2998"


async def test_a_slow_reader_of_a_sorted_table_holds_no_transaction_either(store: Store) -> None:
    table = store(TEXTS, [("x" * 100, "y" * 100, str(n)) for n in range(3000)])
    blocks = stream(table.path, table, table.query(("sort", "-3")))
    first = await anext(blocks)
    table.connection.execute("DELETE FROM t1")
    assert table.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    rest = [block async for block in blocks]
    assert len(rest) > 3
    assert len(cells(b"".join([first, *rest]))) == 3001
    assert not list(table.path.parent.glob("rowcast-*"))


def test_two_thousand_columns_go_out(store: Store) -> None:
    columns = [Column(number, f"c{number}") for number in range(1, 2001)]
    row = [f"{number}," for number in range(2000)]
    table = store(columns, [row])
    assert cells(exported(table))[1] == row
    assert list(json.loads(exported(table, format="ndjson")).values()) == row
    assert cells(exported(table, safe=True))[1] == row


async def test_the_web_gets_the_same_bytes(store: Store) -> None:
    table = store(TEXTS, [("x" * 100, "y" * 100, str(n)) for n in range(3000)])
    blocks = [block async for block in stream(table.path, table, table.query(), "csv")]
    assert len(blocks) > 3
    assert b"".join(blocks) == exported(table)


class Watched:
    """Connections that say when they are closed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened: list[Any] = []
        original = exporting.connect

        def connect(path: Path, *, query_only: bool = False) -> Any:
            self.opened.append(original(path, query_only=query_only))
            return self.opened[-1]

        monkeypatch.setattr(exporting, "connect", connect)

    async def closed(self) -> bool:
        for _ in range(500):
            try:
                self.opened[0].total_changes  # noqa: B018
            except Exception as error:
                return "closed" in str(error)
            await asyncio.sleep(0.01)
        return False


async def test_a_reader_who_leaves_between_blocks_closes_the_connection(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(monkeypatch)
    table = store(TEXTS, [("x" * 100, "y" * 100, str(n)) for n in range(3000)])
    blocks = stream(table.path, table, table.query(("sort", "-3")))
    await anext(blocks), await anext(blocks)
    await blocks.aclose()
    assert await watched.closed()


async def test_a_reader_who_leaves_during_a_query_interrupts_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    watched, working = Watched(monkeypatch), threading.Event()
    table = store(TEXTS, [("a", "b", "c")])

    def endless(connection: Any, *args: Any, **options: Any) -> Any:
        working.set()
        yield connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        ).fetchall()

    monkeypatch.setattr(exporting, "export", endless)
    blocks = stream(table.path, table, table.query())
    reading = asyncio.ensure_future(anext(blocks))
    assert await asyncio.to_thread(working.wait, 5)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await watched.closed()


async def test_an_error_reaches_the_consumer_and_closes_the_connection(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(monkeypatch)
    table = store(TEXTS, [("a", "b", "c")])
    table.connection.execute("DROP TABLE t1")
    with pytest.raises(Exception, match="no such table"):
        [block async for block in stream(table.path, table, table.query())]
    assert await watched.closed()
