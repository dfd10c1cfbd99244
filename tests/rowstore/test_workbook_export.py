"""Exports as Excel workbooks, read back by openpyxl and calamine."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from openpyxl.utils.escape import unescape
from python_calamine import CalamineWorkbook

from tests.rowstore.backends import StoredTable, column
from tests.rowstore.conftest import Make
from webapp.formats.workbook_writer import MAX_CHARACTERS
from webapp.rowstore.errors import UnfitForExcel
from webapp.rowstore.table_ref import Field

TEXTS = (column(1, "a"), column(2, "b"), column(3, "c"))
PIECES = (
    "_x0041_",
    "_x",
    "0041_",
    "_x00e9",
    "]]>",
    "&amp;",
    "\r\n",
    "  ",
    "=1",
    "a",
    "<",
    ">",
    "&",
    '"',
    "'",
    "_",
    "@",
    "\U0001f600",
)
ODD = tuple("\0\x01\x0b\x1f\r\n\t ␀␛\x7f\x85\ufffd\u2028é")
CELLS = st.lists(st.sampled_from(PIECES + ODD), max_size=8).map("".join)


def export(table: StoredTable, *args: tuple[str, str]) -> bytes:
    return table.export(*args, format="xlsx")


def calamine(data: bytes, sheet: int = 0) -> list[list[Any]]:
    return CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(sheet).to_python()


def openpyxl(data: bytes) -> list[list[Any]]:
    """Cells as they are stored; openpyxl leaves `_x000D_` as it is, where Excel and calamine decode it."""
    rows = load_workbook(io.BytesIO(data)).active.iter_rows()
    assert all(cell.data_type != "f" for row in rows for cell in row)
    values = load_workbook(io.BytesIO(data)).active.iter_rows(values_only=True)
    return [
        [unescape(cell) if isinstance(cell, str) else "" if cell is None else cell for cell in row] for row in values
    ]


def texts(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def filled(rows: Sequence[Sequence[Any]], height: int, width: int) -> list[list[Any]]:
    """calamine leaves out empty cells at the ends."""
    padded = [[*row, *[""] * (width - len(row))] for row in rows]
    return padded + [[""] * width] * (height - len(rows))


@settings(max_examples=100)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=6))
def test_any_text_comes_back_as_in_the_csv_export(make: Make, rows: list[Sequence[str]]) -> None:
    table = make(TEXTS, rows)
    expected = texts(table.export())
    assert expected[1:] == [list(row) for row in rows]
    data = export(table)
    assert filled(calamine(data), len(expected), 3) == expected
    assert filled(openpyxl(data), len(expected), 3) == expected


def test_characters_that_xml_does_not_have_are_written_as_excel_does(make: Make) -> None:
    """calamine knows only those below U+0020."""
    row = ["\ufffe\uffff", "_xFFFE_\ufffe", "_x00e9_x00e9_"]
    assert openpyxl(export(make(TEXTS, [row])))[1] == row


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '=HYPERLINK("http://a.example")', "1", "TRUE"]
)
def test_a_text_like_a_formula_or_a_number_is_a_text(make: Make, text: str) -> None:
    table = make([column(1, "=title")], [(text,)])
    sheet = load_workbook(io.BytesIO(export(table))).active
    assert [(cell.value, cell.data_type) for (cell,) in sheet.iter_rows()] == [("=title", "s"), (text, "s")]


CODES = ("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "IDR", "ILS", "INR")
# A column, its cell, what a workbook has, and the number format that shows it as it was written.
VALUES: list[tuple[Field, str, Any, str]] = [
    (column(1, "c", "integer"), "-7", -7, "General"),
    (column(1, "c", "integer"), "999999999999999", 999999999999999, "General"),
    (column(1, "c", "integer"), "1000000000000000", "1000000000000000", "General"),
    (column(1, "c", "integer"), str(-(2**63)), str(-(2**63)), "General"),
    (column(1, "c", "integer", {"group": ","}), "1,234,567", 1234567, "#,##0"),
    (column(1, "c", "integer", {"null": "NA"}), "NA", "NA", "General"),
    (column(1, "c", "decimal", {"style": "fixed", "scale": 2}), "1.50", 1.5, "0.00"),
    (column(1, "c", "decimal", {"style": "plain", "scale": 3}), "0.125", 0.125, "General"),
    (column(1, "c", "decimal", {"style": "plain", "scale": 1, "suffix": " %"}), "12.5 %", 12.5, 'General" %"'),
    (
        column(1, "c", "decimal", {"style": "fixed", "scale": 2, "mark": ",", "group": ".", "suffix": " €"}),
        "-1.234,50 €",
        -1234.5,
        '#,##0.00" €"',
    ),
    (
        column(1, "c", "decimal", {"style": "fixed", "scale": 2, "prefix": "$", "negative": "parentheses"}),
        "($5.25)",
        -5.25,
        '"$"0.00;"($"0.00")"',
    ),
    (column(1, "c", "boolean", {"true": "ja", "false": "nein"}), "ja", True, "General"),
    (column(1, "c", "boolean", {"true": "ja", "false": "nein"}), "nein", False, "General"),
    (column(1, "c", "date", {"layout": "DD/MM/YYYY"}), "31/12/2024", datetime(2024, 12, 31), r"dd\/mm\/yyyy"),
    (column(1, "c", "date", {"layout": "YYYY-MM-DD"}), "1900-03-01", datetime(1900, 3, 1), "yyyy-mm-dd"),
    (column(1, "c", "date", {"layout": "YYYY-MM-DD"}), "1900-02-28", "1900-02-28", "General"),
    (column(1, "c", "date", {"layout": "YYYY-MM-DD"}), "9999-12-31", datetime(9999, 12, 31), "yyyy-mm-dd"),
    (column(1, "c", "date", {"layout": "Month YYYY"}), "May 2024", datetime(2024, 5, 1), "mmmm yyyy"),
    (
        column(1, "c", "datetime", {"layout": "YYYY-MM-DDTHH:mm:ss.fffZ"}),
        "2024-01-02T23:59:59.678Z",
        datetime(2024, 1, 2, 23, 59, 59, 678_000),
        r"yyyy-mm-dd\Thh:mm:ss.000\Z",
    ),
    (
        column(1, "c", "datetime", {"layout": "YYYY-MM-DDTHH:mm:ss.ffffff"}),
        "2024-01-02T03:04:05.678901",
        "2024-01-02T03:04:05.678901",
        "General",
    ),
    (
        column(1, "c", "datetime", {"layout": "YYYY-MM-DD HH:mm"}),
        "1899-01-02 03:04",
        "1899-01-02 03:04",
        "General",
    ),
    (column(1, "c", "time", {"layout": "h:mm AM"}), "3:04 PM", time(15, 4), "h:mm AM/PM"),
    (column(1, "c", "time", {"layout": "HH:mm:ss"}), "23:59:59", time(23, 59, 59), "hh:mm:ss"),
    (column(1, "c", "duration", {"layout": "h:mm:ss"}), "36:00:01", timedelta(hours=36, seconds=1), "[h]:mm:ss"),
    (column(1, "c", "duration", {"layout": "h:mm:ss"}), "-0:00:01", "-0:00:01", "General"),
    (Field(1, "c", "integer", {}, True), "n/a", "n/a", "General"),
    (Field(1, "c", "integer", {}, True), "<5 & more", "<5 & more", "General"),
    (Field(1, "c", "integer", {}, True), "1,000", 1000, "General"),
    (Field(1, "c", "decimal", {"style": "fixed", "scale": 1}, True), "2.5", 2.5, "0.0"),
    (Field(1, "c", "decimal", {"style": "fixed", "scale": 1}, True), "24.3050", 24.305, "General"),
    (Field(1, "c", "decimal", {"style": "fixed", "scale": 1}, True), "8.99E-05", 8.99e-05, "General"),
    (
        Field(1, "c", "decimal", {"style": "fixed", "scale": 1}, True),
        "0.30000000000000004",
        "0.30000000000000004",
        "General",
    ),
    (Field(1, "c", "boolean", {"true": "yes", "false": "no"}, True), "YES", True, "General"),
    (Field(1, "c", "date", {"layout": "DD.MM.YYYY"}, True), "2 Jan 2024", datetime(2024, 1, 2), "yyyy-mm-dd"),
    (Field(1, "c", "date", {"layout": "DD.MM.YYYY"}, True), "soon", "soon", "General"),
]


@pytest.mark.parametrize(("field", "text", "value", "code"), VALUES)
def test_a_value_is_written_as_such_or_as_its_text(make: Make, field: Field, text: str, value: Any, code: str) -> None:
    table = make([field, column(2, "end")], [(text, "x")])
    data = export(table)
    cell = load_workbook(io.BytesIO(data)).active["A2"]
    assert (cell.value, type(cell.value), cell.number_format) == (value, type(value), code)
    other = calamine(data)[1][0]
    assert (datetime.combine(other, time()) if type(other) is date else other) == value


def test_the_view_selects_rows_columns_and_order(make: Make) -> None:
    fields = (column(1, "id", "integer"), column(2, "even", "boolean", {"true": "yes", "false": "no"}), column(3, "t"))
    table = make(fields, [[str(n), "no" if n % 2 else "yes", f"t{n % 3}"] for n in range(1, 10)])
    data = export(table, ("q", "t"), ("f.2", "eq:no"), ("sort", "3,-1"), ("cols", "3,1"))
    assert calamine(data) == [["t", "id"], ["t0", 9], ["t0", 3], ["t1", 7], ["t1", 1], ["t2", 5]]


def test_as_many_columns_are_exported_as_the_database_allows(make: Make, columns_limit: int) -> None:
    row = [f"{number}<" for number in range(columns_limit)]
    table = make([column(number, f"c{number}") for number in range(1, columns_limit + 1)], [row])
    assert openpyxl(export(table))[1] == row


def test_hundreds_of_number_formats_leave_dates_dates_or_texts(make: Make) -> None:
    """Excel takes some 200 number formats."""
    codes = [
        {"style": "fixed", "scale": scale, "prefix": prefix}
        for prefix in [
            f"{code} "
            for code in [
                "AUD",
                "BRL",
                "CAD",
                "CHF",
                "CNY",
                "CZK",
                "DKK",
                "EUR",
                "GBP",
                "HKD",
                "HUF",
                "IDR",
                "ILS",
                "INR",
            ]
        ]
        for scale in range(1, 16)
    ]
    fields = [column(number, f"c{number}", "decimal", format) for number, format in enumerate(codes, 1)]
    fields.append(column(len(fields) + 1, "day", "date", {"layout": "DD.MM.YYYY"}))
    row = [f"{format['prefix']}0.{'0' * (format['scale'] - 1)}5" for format in codes]
    found = openpyxl(export(make(fields, [[*row, "31.12.2024"]])))[1]
    assert found[0] == 0.5
    assert found[-1] == "31.12.2024"


@pytest.mark.parametrize("sort", ["", "-3"])
async def test_a_stream_has_the_same_bytes(make: Make, open_store: Any, sort: str) -> None:
    table = make(TEXTS, [("x" * 100, str(n * 7919 % 3001) * 20, str(n)) for n in range(3000)])
    store, query = await open_store(table), table.query(("sort", sort))
    blocks = [block async for block in store.stream(lambda rows: rows.export(table.ref, query, "xlsx"))]
    assert len(blocks) > 1
    assert b"".join(blocks) == export(table, ("sort", sort))
    assert len(calamine(b"".join(blocks))) == 3001


@pytest.mark.parametrize("text", ["x" * MAX_CHARACTERS, "\U0001f600" * (MAX_CHARACTERS // 2), "␛" * MAX_CHARACTERS])
def test_a_text_as_long_as_excel_allows_is_exported(make: Make, text: str) -> None:
    table = make(TEXTS, [("a", text, "c")])
    table.rows.ensure_exportable(table.ref, table.query(), "xlsx")
    assert calamine(export(table))[1] == ["a", text, "c"]


@pytest.mark.parametrize("text", ["x" * (MAX_CHARACTERS + 1), "\U0001f600" * (MAX_CHARACTERS // 2 + 1)])
def test_a_longer_text_is_refused_with_its_place_or_ends_the_export(make: Make, text: str) -> None:
    table = make([*TEXTS, Field(4, "n", "integer", {}, True)], [("a", "b", "c", "1"), ("a", "b", text, "2")])
    with pytest.raises(UnfitForExcel, match="Row 2, column “c”"):
        table.rows.ensure_exportable(table.ref, table.query(), "xlsx")
    with pytest.raises(UnfitForExcel, match="A cell of the column “c”"):
        export(table)
    for args in [("cols", "1,2"), ("f.4", "eq:1")]:  # it is not in these views
        table.rows.ensure_exportable(table.ref, table.query(args), "xlsx")
        export(table, args)
    table.rows.ensure_exportable(table.ref, table.query(), "csv")


async def test_looking_for_longer_texts_ends_after_its_time(
    make: Make, open_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.rowstore.sqlite.connection.STEPS", 1)
    table = make(TEXTS, [("a", "b", "x" * (MAX_CHARACTERS + 1))])
    store, query = await open_store(table), table.query()
    await store.read(lambda rows: rows.ensure_exportable(table.ref, query, "xlsx", seconds=-1), seconds=60)
    with pytest.raises(UnfitForExcel):
        export(table)


EXPORT_ALL = """
import json, re, sys
from pathlib import Path
from webapp.rowstore import open_reader
from webapp.rowstore.query import TableQuery
from webapp.rowstore.table_ref import Field, TableRef


def peak():  # in kB; `getrusage` would count the parent's memory at the start of this process
    return int(re.search(r"VmHWM:\\s*([0-9]+) kB", Path("/proc/self/status").read_text())[1])

ref = TableRef(1, (Field(1, "a", "text", {}), Field(2, "b", "text", {}), Field(3, "n", "integer", {})))
with open_reader(sys.argv[1]) as rows:
    query = TableQuery.from_args([("sort", sys.argv[2])], ref.fields)
    before = peak()
    size = sum(len(block) for block in rows.export(ref, query, "xlsx"))
    print(json.dumps([size, peak() - before]))
"""


def test_a_large_table_is_exported_in_constant_memory(make: Make) -> None:
    fields = (column(1, "a"), column(2, "b"), column(3, "n", "integer"))
    table = make(fields, ((f"{n * 7919}", "plain & simple" * (n % 5), str(n)) for n in range(300_000)))
    for sort in ("", "-1"):
        command = [sys.executable, "-c", EXPORT_ALL, table.backend.address, sort]
        exported = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        size, grown = json.loads(exported.stdout)
        assert size > 1_000_000
        assert grown < 60 * 1024  # kB
