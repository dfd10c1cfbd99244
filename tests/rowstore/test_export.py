"""Exports equal imports."""

import asyncio
import csv
import io
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rowstore.backends import column
from tests.rowstore.conftest import Make
from webapp.rowstore.reader import ExportFormat
from webapp.rowstore.sql.export import BLOCK
from webapp.rowstore.sqlite.lines import MAX_JOINED_BYTES

TEXTS = (column(1, "a"), column(2, "b"), column(3, "c"))
TYPED = (
    column(1, "id", "integer"),
    column(2, "price", "decimal", {"style": "fixed", "scale": 2, "mark": ","}),
    column(3, "paid", "boolean", {"true": "yes", "false": "no"}),
    column(4, "day", "date", {"layout": "DD.MM.YYYY"}),
    column(5, "delay", "integer", {"null": "NA"}),
    column(6, 'say "hi"\n', "text"),
)
CELLS = st.text(alphabet=st.sampled_from("ab,\"'\r\n;\t =+-@é\U0001f600\\ "), max_size=6)


def cells(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


@settings(max_examples=120)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=6), st.sampled_from(["", "1", "-2,3"]))
def test_an_exported_csv_equals_the_output_of_csv_writer(make: Make, rows: list[Sequence[str]], sort: str) -> None:
    table = make(TEXTS, rows)
    data = table.export(("sort", sort))
    if not sort:
        assert cells(data) == [["a", "b", "c"], *map(list, rows)]
        expected = io.StringIO(newline="")
        csv.writer(expected).writerows([["a", "b", "c"], *rows])
        assert data.decode() == expected.getvalue()
    assert sorted(cells(data)[1:]) == sorted(map(list, rows))


@settings(max_examples=60)
@given(st.lists(CELLS, max_size=6))
def test_empty_rows_of_a_single_column_are_kept(make: Make, rows: list[str]) -> None:
    table = make(TEXTS[:1], [(text,) for text in rows])
    assert cells(table.export()) == [["a"], *([text] for text in rows)]


@settings(max_examples=60)
@given(st.lists(st.tuples(CELLS, st.integers(-(2**63), 2**63 - 1).map(str)), max_size=6))
def test_ndjson_has_the_same_cells(make: Make, rows: list[tuple[str, str]]) -> None:
    table = make([column(1, 'a"\\'), column(2, "n", "integer")], rows)
    found = [json.loads(line) for line in table.export(format="ndjson").splitlines()]
    assert [(row['a"\\'] or "", str(row["n"])) for row in found] == rows
    assert all(isinstance(row["n"], int) == (abs(int(row["n"])) < 2**53) for row in found)


def test_values_are_written_as_in_the_file(make: Make) -> None:
    row = ["7", "1234,50", "yes", "31.12.2024", "NA", 'x "y", z']
    table = make(TYPED, [row, ["", "", "", "", "-3", ""]])
    assert table.export().decode() == (
        'id,price,paid,day,delay,"say ""hi""\n"\r\n7,"1234,50",yes,31.12.2024,NA,"x ""y"", z"\r\n,,,,-3,\r\n'
    )
    first, second = table.export(format="ndjson").decode().splitlines()
    assert first == (
        '{"id":7,"price":1234.50,"paid":true,"day":"31.12.2024","delay":null,"say \\"hi\\"\\n":"x \\"y\\", z"}'
    )
    assert list(json.loads(second).values()) == [None, None, None, None, -3, None]


@settings(max_examples=60)
@given(st.lists(st.tuples(CELLS, st.integers(-9, 9).map(str)), max_size=6), st.sampled_from(["", "-2"]))
def test_json_is_one_array_of_the_objects_of_ndjson(make: Make, rows: list[Sequence[str]], sort: str) -> None:
    table = make([column(1, 'a"\\\n'), column(2, "n", "integer")], rows)
    lines = table.export(("sort", sort), format="ndjson").splitlines()
    assert json.loads(table.export(("sort", sort), format="json")) == [json.loads(line) for line in lines]


def test_json_of_many_blocks_is_one_array(make: Make) -> None:
    table = make(TEXTS, [(f"{number}\n" * 40, "b", "") for number in range(2_000)])
    found = json.loads(table.export(format="json"))
    assert [row["a"].partition("\n")[0] for row in found] == [str(number) for number in range(2_000)]
    assert json.loads(table.export(("q", "nowhere"), format="json")) == []


def test_nul_characters_are_exported_unchanged(make: Make) -> None:
    values = ["a\0,b", "\0", '"\0\n', "␀", "␛", "␛␀\0␛"]
    table = make([column(1, "a"), column(2, "\0␀")], [(value, "") for value in values])
    assert cells(table.export()) == [["a", "\0␀"], *([value, ""] for value in values)]
    found = [json.loads(line) for line in table.export(format="ndjson").splitlines()]
    assert found == [{"a": value, "\0␀": None} for value in values]


def test_safe_defuses_texts_and_titles_but_not_numbers(make: Make) -> None:
    fields = [
        column(1, "=title"),
        column(2, "n", "integer"),
        column(3, "b", "boolean", {"true": "+1", "false": "no"}),
        column(4, "m", "integer", {"null": "-"}),
    ]
    starts = ["=1", "+1", "-1", "@a", "\ta", "\ra", "\na", "a=1", "'=1", ""]
    table = make(fields, [(text, "-5", "+1", "-" if index else "-7") for index, text in enumerate(starts)])
    found = cells(table.export(safe=True))
    assert found[0] == ["'=title", "n", "b", "m"]
    assert [row[0] for row in found[1:]] == ["'=1", "'+1", "'-1", "'@a", "'\ta", "'\ra", "'\na", "a=1", "'=1", ""]
    assert [row[1:] for row in found[1:3]] == [["-5", "'+1", "-7"], ["-5", "'+1", "'-"]]
    assert cells(table.export())[1] == ["=1", "-5", "+1", "-7"]


def test_the_query_selects_rows_columns_and_order(make: Make) -> None:
    table = make(TYPED, [[str(n), "", "yes" if n % 2 else "no", "", "NA", f"t{n % 3}"] for n in range(1, 10)])
    data = table.export(("q", "t"), ("f.3", "eq:yes"), ("sort", "6,-1"), ("cols", "6,1"))
    assert cells(data)[1:] == [["t0", "9"], ["t0", "3"], ["t1", "7"], ["t1", "1"], ["t2", "5"]]


@pytest.mark.parametrize("sort", ["", "2", "-2"])
def test_many_rows_are_exported_in_blocks(make: Make, sort: str) -> None:
    table = make(TEXTS, [(f"{n:06}", str(n % 7) if n % 5 else "", "x" * 50) for n in range(12_000)])
    blocks = list(table.rows.export(table.ref, table.query(("sort", sort))))
    assert len(blocks) > 4
    assert max(map(len, blocks)) < 2 * BLOCK
    found = cells(b"".join(blocks))[1:]
    assert sorted(row[0] for row in found) == [f"{n:06}" for n in range(12_000)]
    if sort:
        assert [row[1] == "" for row in found] == [False] * 9600 + [True] * 2400


@pytest.mark.parametrize("format", ["csv", "ndjson"])
@pytest.mark.parametrize("args", [(), (("sort", "1"),), (("q", "needle"),)])
def test_long_rows_are_read_one_by_one_and_sent_in_blocks(
    make: Make, format: ExportFormat, args: tuple[tuple[str, str], ...]
) -> None:
    long = "needle " + "é" * 1_000_000
    table = make(TEXTS, [(f"{n:02}", long if n % 10 == 3 else "needle", "") for n in range(80)])
    tracemalloc.start()
    try:
        size = largest = 0
        for block in table.rows.export(table.ref, table.query(*args), format):
            size, largest = size + len(block), max(largest, len(block))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size == len(table.export(*args, format=format)) > 8 * len(long.encode())
    assert largest <= BLOCK
    assert peak < 4 * len(long.encode())


def test_as_many_columns_are_exported_as_the_database_allows(make: Make, columns_limit: int) -> None:
    row = [f"{number}," for number in range(columns_limit)]
    table = make([column(number, f"c{number}") for number in range(1, columns_limit + 1)], [row])
    assert cells(table.export())[1] == row
    assert list(json.loads(table.export(format="ndjson")).values()) == row
    assert cells(table.export(safe=True))[1] == row


@pytest.mark.parametrize("sort", ["", "-3"])
async def test_a_stream_has_the_same_bytes(make: Make, open_store: Any, sort: str) -> None:
    table = make(TEXTS, [("x" * 100, "y" * 100, str(n)) for n in range(3000)])
    store, query = await open_store(table), table.query(("sort", sort))
    blocks = [block async for block in store.stream(lambda rows: rows.export(table.ref, query))]
    assert len(blocks) > 3
    assert b"".join(blocks) == table.export(("sort", sort))


async def test_an_error_reaches_the_consumer_of_a_stream(make: Make, open_store: Any) -> None:
    table = make(TEXTS, [("a", "b", "c")])
    store = await open_store(table)
    table.write(lambda rows: rows.drop(1))
    with pytest.raises(Exception, match="no such table"):
        [block async for block in store.stream(lambda rows: rows.export(table.ref, table.query()))]


async def test_rows_can_be_written_while_a_client_reads_a_stream_slowly(make: Make, open_store: Any) -> None:
    table = make(TEXTS, [("x" * 100, "y" * 100, str(n)) for n in range(3000)])
    store, query = await open_store(table), table.query()
    blocks = store.stream(lambda rows: rows.export(table.ref, query))
    first = await anext(blocks)
    await asyncio.to_thread(table.write, lambda rows: rows.delete(table.ref, [3000]))
    rest = [block async for block in blocks]
    assert cells(b"".join([first, *rest]))[-1][2] == "2998"


EXPORT_ALL = r"""
import re, sys
from pathlib import Path
from webapp.rowstore import open_reader
from webapp.rowstore.query import TableQuery
from webapp.rowstore.table_ref import Field, TableRef

def peak():
    # In kB, of this program. The peak of getrusage() is also that of the process it was started from.
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])


ref = TableRef(1, (Field(1, "a", "text", {}), Field(2, "b", "text", {})))
with open_reader(sys.argv[1]) as rows:
    before = peak()
    sizes = [len(block) for block in rows.export(ref, TableQuery.of(ref.fields))]
    print(sum(sizes), max(sizes), peak() - before)
"""


def test_an_export_of_long_cells_takes_the_memory_of_one_row(make: Make) -> None:
    """Also where short rows come first, from which more of the long ones would follow."""
    megabyte = 1024 * 1024
    short = [("a", "b")] * 1_000
    table = make(TEXTS[:2], [*short, *[("x" * megabyte, "")] * 60, *short])
    command = [sys.executable, "-c", EXPORT_ALL, table.backend.address]

    exported = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    size, largest, grown = map(int, exported.stdout.split())

    assert size == len("a,b\r\n") * 2_001 + 60 * (megabyte + len(",\r\n"))
    assert largest < megabyte + MAX_JOINED_BYTES + 2 * BLOCK
    assert grown * 1024 < (16 + 24) * megabyte  # the cache of the connection, and some copies of a row


def test_long_and_short_rows_are_exported_in_order(make: Make) -> None:
    rows = [(str(number), "x" * (MAX_JOINED_BYTES if number % 97 == 50 else number)) for number in range(700)]
    table = make(TEXTS[:2], rows)

    assert table.export().decode() == "".join(f"{number},{text}\r\n" for number, text in [("a", "b"), *rows])
    assert [list(json.loads(line).values()) for line in table.export(format="ndjson").splitlines()] == [
        [number, text or None] for number, text in rows
    ]
