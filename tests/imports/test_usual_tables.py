"""Tables as banks, statisticians and programs write them: usable without a question, and unharmed."""

import csv
import io
import json
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.rowstore.backends import ids, loaded_in_memory
from webapp.formats import open_source
from webapp.formats.sniff import sniff
from webapp.imports.inspect_file import inspect_file
from webapp.imports.report import ImportOverrides, InspectionReport
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sqlite.reader import SqliteRowReader
from webapp.rowstore.table_ref import Field, TableRef


class Imported:
    """A file as it is imported when nobody answers anything; columns are named by their titles."""

    def __init__(self, path: Path, opened: ExitStack) -> None:
        self.report: InspectionReport = inspect_file(path, path.name)
        found = sniff(path, path.name, ImportOverrides())
        self.source = open_source(path, found.options, found.converted, found.plain)
        self.rows = [tuple(row) for batch in self.source.batches(5000) for row in batch.rows]
        self.fields = tuple(
            Field(number, column.title, column.type, column.format, column.keeps_texts)
            for number, column in enumerate(self.report.columns, 1)
        )
        self.table = TableRef(1, self.fields)
        self.reader: SqliteRowReader = opened.enter_context(loaded_in_memory(self.fields, self.rows))

    @property
    def types(self) -> dict[str, str]:
        return {column.title: column.type for column in self.report.columns}

    def number(self, title: str) -> int:
        return next(field.number for field in self.fields if field.title == title)

    def sum(self, title: str) -> str | None:
        return self.reader.profile(self.table, TableQuery.of(self.fields), self.number(title), seconds=60).sum

    def found(self, title: str, operator: str, *values: str) -> list[int]:
        query = TableQuery.of(self.fields).with_filter(self.number(title), operator, *values)
        return ids(self.reader.page(self.table, query))

    def sorted_by(self, title: str) -> list[str]:
        """The cells of the column in ascending order."""
        number = self.number(title)
        query = TableQuery.of(self.fields).sorted_by((number, False))
        return [cells[number - 1] for _, cells in self.reader.page(self.table, query).rows]

    def exported(self) -> list[tuple[str, ...]]:
        text = b"".join(self.reader.export(self.table, TableQuery.of(self.fields))).decode()
        return [tuple(row) for row in csv.reader(io.StringIO(text, newline=""))][1:]


Import = Callable[[str, bytes], Imported]


@pytest.fixture
def imported(tmp_path: Path) -> Any:
    with ExitStack() as opened:

        def import_(name: str, content: bytes) -> Imported:
            (tmp_path / name).write_bytes(content)
            table = Imported(tmp_path / name, opened)
            assert table.report.rejected_count == 0
            assert not [column.title for column in table.report.columns if column.question]
            assert table.exported() == table.rows
            return table

        yield import_


FLIGHTS = """\
year,month,day,dep_time,dep_delay,arr_delay,carrier,flight,tailnum,origin,air_time,time_hour
2013,1,1,517,2,11,UA,1545,N14228,EWR,227,2013-01-01T10:00:00Z
2013,1,1,533,4,20,UA,1714,N24211,LGA,227,2013-01-01T10:00:00Z
2013,1,1,542,2,33,AA,1141,N619AA,JFK,160,2013-01-01T10:00:00Z
2013,1,1,NA,NA,NA,EV,4308,N18120,EWR,NA,2013-01-01T21:00:00Z
2013,9,30,NA,NA,NA,MQ,3531,NA,LGA,NA,2013-09-30T11:00:00Z
2013,9,30,2240,-10,-25,B6,1816,N354JB,JFK,41,2013-10-01T02:00:00Z
"""
WEATHER = """\
origin,year,hour,temp,wind_dir,wind_speed,wind_gust,precip,pressure,time_hour
EWR,2013,1,39.02,270,10.357019999999999,NA,0,1012,2013-01-01T06:00:00Z
EWR,2013,2,39.02,250,8.05546,NA,0,1012.3,2013-01-01T07:00:00Z
EWR,2013,3,NA,NA,11.5078,20.71404,0.01,NA,2013-01-01T08:00:00Z
LGA,2013,4,-1.5,240,12.65858,NA,0,1011.9,2013-01-01T09:00:00Z
"""


def test_flights_are_numbers_with_the_missing_ones_kept(imported: Import) -> None:
    flights = imported("flights.csv", FLIGHTS.encode())
    assert flights.types == {
        **dict.fromkeys(
            ("year", "month", "day", "dep_time", "dep_delay", "arr_delay", "flight", "air_time"), "integer"
        ),
        **dict.fromkeys(("carrier", "tailnum", "origin"), "text"),
        "time_hour": "datetime",
    }
    assert flights.sum("arr_delay") == "39"
    assert flights.found("arr_delay", "gt", "5") == [1, 2, 3]
    assert flights.found("arr_delay", "novalue") == [4, 5]
    assert flights.sorted_by("dep_delay") == ["-10", "2", "2", "4", "NA", "NA"]


def test_weather_has_numbers_of_any_length(imported: Import) -> None:
    weather = imported("weather.csv", WEATHER.encode())
    decimals = ("temp", "wind_speed", "wind_gust", "precip", "pressure")
    assert {title for title, type in weather.types.items() if type == "decimal"} == set(decimals)
    assert weather.types["wind_dir"] == "integer"
    assert weather.found("wind_speed", "gt", "10.357") == [1, 3, 4]
    assert weather.sorted_by("wind_speed") == ["8.05546", "10.357019999999999", "11.5078", "12.65858"]


BOOKINGS = [
    ("31.12.23", "Bäckerei Müller", "-12,30", "1.234,56"),
    ("30.12.23", "Miete", "-850,00", "1.246,86"),
    ("29.12.23", "Gehalt; Dezember", "2.345,67", "2.096,86"),
    ("28.12.23", "Zinsen", "0,01", "-248,81"),
    ("05.11.23", "Stadtwerke", "-1.080,00", "-248,82"),
    ("13.11.23", "Kino", "-5,50", "831,18"),
]
SUM, LOW, HIGH = "397,88", "-1.080,00", "2.345,67"


def semicolons(rows: list[tuple[str, ...]]) -> str:
    return "".join(";".join(f'"{cell}"' for cell in row) + "\r\n" for row in rows)


PLAIN = [("Buchungstag", "Empfänger", "Betrag", "Saldo"), *BOOKINGS]
WITH_CURRENCY = [
    PLAIN[0],
    *((day, who, f"{amount} EUR", f"{balance} EUR") for day, who, amount, balance in BOOKINGS),
]
WITH_EURO = [PLAIN[0], *((day, who, f"{amount} €", balance) for day, who, amount, balance in BOOKINGS)]
LONG_YEARS = [PLAIN[0], *((day[:6] + "20" + day[6:], *rest) for day, *rest in BOOKINGS)]
ALIGNED = [PLAIN[0], *((day, who, f"{amount:>12}", f"{balance:>12}") for day, who, amount, balance in BOOKINGS)]
ABOVE = (
    "Umsatzanzeige;Datei erstellt am: 02.01.2024 10:11\r\n\r\nIBAN;DE12 3456 7890\r\nSaldo;1.234,56;EUR\r\n\r\n"
    "In der CSV-Datei finden Sie alle bereits gebuchten Umsätze.\r\n\r\n"
)
QUOTED_ABOVE = '"Kontonummer:";"DE12345678901234567890 / Girokonto";\r\n\r\n"Von:";"01.12.2023";\r\n\r\n'
BANKS = {
    "plain": semicolons(PLAIN).encode("cp1252"),
    "currency": semicolons(WITH_CURRENCY).encode("cp1252"),
    "euro sign": semicolons(WITH_EURO).encode("cp1252"),
    "UTF-8 with a byte order mark": semicolons(WITH_EURO).encode("utf-8-sig"),
    "four digits of the year": semicolons(LONG_YEARS).encode("cp1252"),
    "amounts aligned by spaces": semicolons(ALIGNED).encode("cp1252"),
    "lines above": (ABOVE + semicolons(PLAIN)).encode("cp1252"),
    "quoted lines above": (QUOTED_ABOVE + semicolons(WITH_CURRENCY)).encode("cp1252"),
    "no quotes": semicolons(PLAIN).replace("Gehalt; ", "Gehalt ").replace('"', "").encode("cp1252"),
}


@pytest.mark.parametrize("name", BANKS)
def test_the_export_of_a_german_bank_has_days_and_amounts(imported: Import, name: str) -> None:
    bookings = imported("umsaetze.csv", BANKS[name])
    assert bookings.types == {"Buchungstag": "date", "Empfänger": "text", "Betrag": "decimal", "Saldo": "decimal"}
    assert len(bookings.rows) == len(BOOKINGS)
    assert bookings.rows[0][1] == "Bäckerei Müller"
    assert (bookings.sum("Betrag") or "").strip("EUR €") == SUM
    assert bookings.found("Betrag", "gt", "5") == [3]
    assert bookings.found("Betrag", "lt", "-5,50") == [1, 2, 5]
    amounts = [amount.strip("EUR €") for amount in bookings.sorted_by("Betrag")]
    assert (amounts[0], amounts[-1]) == (LOW, HIGH)
    assert [day[:5] for day in bookings.sorted_by("Buchungstag")] == [
        "05.11", "13.11", "28.12", "29.12", "30.12", "31.12",
    ]  # fmt: skip


@pytest.mark.parametrize("indent", [None, 2])
def test_an_array_of_json_has_the_types_of_its_values(imported: Import, indent: int | None) -> None:
    objects = [
        {
            "id": number,
            "price": number * 1.25,
            "active": number % 3 == 0,
            "created": f"2024-01-{number + 1:02}T10:00:00Z",
            "address": {"city": "Oslo", "zip": "0150"},
            "score": None if number == 5 else number / 10,
        }
        for number in range(12)
    ]
    table = imported("orders.json", json.dumps(objects, indent=indent).encode())
    assert table.types == {
        **{"id": "integer", "price": "decimal", "active": "boolean", "created": "datetime"},
        **{"address.city": "text", "address.zip": "text", "score": "decimal"},
    }
    assert table.sum("price") == "82.50"
    assert table.found("price", "gt", "5") == [number + 1 for number in range(12) if number * 1.25 > 5]


@pytest.mark.parametrize("error", ["#N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!"])
def test_errors_in_a_workbook_leave_its_columns_what_they_are(imported: Import, error: str) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["region", "sales", "share", "day", "took", "at"])
    for number in range(1, 13):
        is_error = number % 3 == 0
        day, took = date(2024, 1, number), timedelta(hours=20 + number)
        row = [f"R{number}", error if is_error else number * 10, error if is_error else number / 8, day, took]
        sheet.append([*row, time(number, 30)])
        for cell in sheet[number + 1][1:3]:
            cell.data_type = "e" if is_error else "n"
    content = io.BytesIO()
    book.save(content)
    table = imported("sales.xlsx", content.getvalue())
    assert table.types == {
        **{"region": "text", "sales": "integer", "share": "decimal"},
        **{"day": "date", "took": "duration", "at": "time"},
    }
    assert table.sum("sales") == str(sum(number * 10 for number in range(1, 13) if number % 3))
    assert table.found("sales", "gt", "50") == [7, 8, 10, 11]
    assert table.found("share", "eq", error) == [3, 6, 9, 12]
