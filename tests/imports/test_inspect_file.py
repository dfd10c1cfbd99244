"""The result of pass 1 and the effect of corrections: nothing is read again needlessly, and no value is ever lost."""

import json
from pathlib import Path
from typing import Any

import pytest

from webapp.imports.inspect_file import GUESS_ROWS, inspect_file
from webapp.imports.report import ColumnGuess, ImportOverrides, InspectionReport
from webapp.types import describe

TABLE = "id,zip,day,late,flag\n1,00501,03/04/2024,NA,yes\n2,10001,05/06/2024,5,no\n3,10002,07/08/2024,NA,yes\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return path


def inspect(path: Path, columns: dict[int, dict[str, Any]] | None = None, **overrides: Any) -> InspectionReport:
    return inspect_file(path, path.name, ImportOverrides(columns=columns or {}, **overrides))


def test_reports_and_overrides_survive_json(path: Path) -> None:
    report = inspect(path)
    assert InspectionReport.from_json(json.loads(json.dumps(report.to_json()))) == report
    overrides = ImportOverrides(encoding="cp1252", header=False, columns={3: {"type": "text", "format": {}}})
    assert ImportOverrides.from_json(json.loads(json.dumps(overrides.to_json()))) == overrides
    assert ImportOverrides.from_json({}) == ImportOverrides()


def test_a_report_stored_by_an_older_version_is_read(path: Path) -> None:
    report = inspect(path)
    data = json.loads(json.dumps(report.to_json()))
    for column in data["columns"]:
        column["alternatives"] = ["text"]
        for choice in column["choices"]:
            choice["label"] = "Text"
    assert InspectionReport.from_json(data) == report


def test_the_summary_for_scripts_has_a_fixed_shape(path: Path) -> None:
    report = inspect(path).summary()
    assert {key: report[key] for key in report if key != "columns"} == {
        "encoding": "utf-8",
        "sheets": [],
        "delimiter": ",",
        "quote": '"',
        "header": True,
        "header_row": 0,
        "lines": 4,
        "account": "4 lines: 1 title row, 3 rows",
        "notes": [],
        "rows": 3,
        "rejected": [],
    }
    assert report["columns"][4] == {
        "title": "flag",
        "type": "boolean",
        "format": "yes/no",
        "reason": "All 3 values convert without loss",
        "empty": 0,
        "exceptions": 0,
        "question": None,
    }


def test_progress_is_reported_up_to_the_last_byte(path: Path) -> None:
    reported: list[tuple[int, int]] = []
    inspect_file(path, path.name, ImportOverrides(), lambda bytes_read, rows: reported.append((bytes_read, rows)))
    assert reported[-1] == (len(TABLE), 3)


def test_a_guess_is_what_the_first_rows_say_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("n,code\n" + "".join(f"{n},{n}\n" for n in range(30_000)) + "30000,A1\n")
    guesses = list[InspectionReport]()
    report = inspect_file(path, path.name, on_guess=guesses.append)
    (guess,) = guesses
    assert GUESS_ROWS <= guess.rows < report.rows
    assert [column.keeps_texts for column in guess.columns] == [False, False]
    assert [column.keeps_texts for column in report.columns] == [False, True]
    assert report == inspect_file(path, path.name)


def test_choosing_an_offered_type_needs_no_further_reading(path: Path) -> None:
    report = inspect(path)
    assert [describe(choice) for choice in report.columns[2].choices] == [
        "date, day first (DD/MM/YYYY)",
        "date, month first (MM/DD/YYYY)",
        "text",
    ]
    assert report.columns[3].null_token == "NA"
    wanted: dict[int, dict[str, Any]] = {0: {"type": "text"}, 2: {"type": "date", "order": "mdy"}, 4: {"skip": True}}
    wanted[3] = {"null": "NA", "title": "Delay"}
    path.unlink()
    corrected = report.with_overrides(ImportOverrides(columns=wanted))
    assert corrected is not None
    assert [(column.type, column.format) for column in corrected.columns[:4]] == [
        ("text", {}),
        ("text", {}),
        ("date", {"layout": "MM/DD/YYYY"}),
        ("integer", {"null": "NA"}),
    ]
    assert corrected.columns[3].title == "Delay"
    assert corrected.columns[4].skip
    assert corrected.columns[2].reason == "Date, month first (MM/DD/YYYY), as you chose"
    assert corrected.columns[3].exceptions == 0


@pytest.mark.parametrize(
    "decided",
    [
        ImportOverrides(delimiter=";"),
        ImportOverrides(header=False),
        ImportOverrides(quote="none"),
        ImportOverrides(encoding="cp1252"),
        ImportOverrides(header_row=1),
        ImportOverrides(columns={1: {"type": "date"}}),
        ImportOverrides(columns={0: {"null": "-"}}),
    ],
)
def test_overrides_that_change_the_reading_need_another_pass(path: Path, decided: ImportOverrides) -> None:
    assert inspect(path).with_overrides(decided) is None


def test_applying_overrides_equals_reading_the_file_again_with_them(path: Path) -> None:
    decided = ImportOverrides(columns={2: {"type": "date", "order": "dmy"}, 3: {"type": "integer", "null": "NA"}})
    again, corrected = inspect_file(path, path.name, decided), inspect(path).with_overrides(decided)
    assert corrected is not None
    assert [facts(column) for column in again.columns] == [facts(column) for column in corrected.columns]


def facts(column: ColumnGuess) -> tuple[Any, ...]:
    return column.type, column.format, column.exceptions, column.question, column.reason


def test_a_chosen_type_loses_nothing_and_counts_the_cells_without_a_value(path: Path) -> None:
    report = inspect(path, {1: {"type": "integer"}, 3: {"type": "integer"}, 0: {"type": "date"}})
    kept = [(column.type, column.keeps_texts, column.exceptions) for column in report.columns]
    assert kept[:2] == [("date", True, 3), ("integer", True, 0)]
    assert kept[3] == ("integer", True, 2)
    assert report.columns[3].exception_values == [("NA", 2)]
    assert report.columns[3].reason == "Integer, as you chose; 2 keep their text"
    corrected = inspect(path).with_overrides(ImportOverrides(columns={1: {"type": "integer"}}))
    assert corrected is not None
    assert facts(corrected.columns[1]) == facts(report.columns[1])


def test_exceptions_are_listed_with_the_column(path: Path) -> None:
    path.write_text("n\n" + "5\n" * 95 + "NA\nNA\n-\n")
    column = inspect(path).columns[0]
    assert (column.type, column.keeps_texts, column.exceptions) == ("integer", True, 3)
    assert column.exception_values == [("NA", 2), ("-", 1)]
    assert column.reason == "Integer: 3 of 98 keep their text (NA, -)"
    assert inspect(path).summary()["columns"][0]["exceptions"] == 3


def test_the_order_of_days_is_answered_once_for_the_file(path: Path) -> None:
    path.write_text("a,b,c\n03/04/2024,05/06/2024 10:00,2024-01-31\n07/08/2024,09/10/2024 11:00,2024-02-01\n")
    report = inspect(path)
    assert [(column.type, column.question) for column in report.columns] == [
        ("text", "order"),
        ("text", "order"),
        ("date", ""),
    ]
    assert report.summary()["columns"][0]["question"] == "order"
    for order, day in (("dmy", "DD/MM/YYYY"), ("mdy", "MM/DD/YYYY")):
        answered = report.with_overrides(ImportOverrides(order=order))
        again = inspect(path, order=order)
        assert answered is not None
        assert [facts(column) for column in answered.columns] == [facts(column) for column in again.columns]
        assert [(column.format["layout"], column.question) for column in again.columns] == [
            (day, ""),
            (f"{day} HH:mm", ""),
            ("YYYY-MM-DD", ""),
        ]
    one = report.with_overrides(ImportOverrides(order="dmy", columns={0: {"type": "text"}}))
    assert one is not None
    assert [column.type for column in one.columns] == ["text", "datetime", "date"]


HINTED = [
    ("a,b\n03/04/2024,31/12/2024\n", "date", {"layout": "DD/MM/YYYY"}, 'day first, as in "b"'),
    ("a,b\n03/04/2024,12/31/2024\n", "date", {"layout": "MM/DD/YYYY"}, 'month first, as in "b"'),
    ("a;b\n03/04/2024;1,5\n", "date", {"layout": "DD/MM/YYYY"}, 'day first, as the decimal comma in "b" suggests'),
    ("a,b,c\n03/04/2024,31/12/2024,12/31/2024\n", "text", {}, "day or month first"),
    ('a,b\n03/04/2024,"1,5"\n', "text", {}, "day or month first"),
    ('a,b\n"1,234",1.5\n', "integer", {"group": ","}, 'with a decimal point, as in "b"'),
    ('a,b\n"1,234","1,5"\n', "decimal", {"style": "fixed", "scale": 3, "mark": ","}, 'decimal comma, as in "b"'),
    ("a;b\n1,234;x\n", "decimal", {"style": "fixed", "scale": 3, "mark": ","}, "comma, as the delimiter ; suggests"),
    ("a;b\n1.234;5,5\n", "integer", {"group": ".", "mark": ","}, 'with a decimal comma, as in "b"'),
    ("a;b\n1.234;5.5\n", "decimal", {"style": "fixed", "scale": 3}, 'with a decimal point, as in "b"'),
    ('a,b\n"1,234",x\n', "integer", {"group": ","}, "point, as nothing in the file says otherwise"),
]


@pytest.mark.parametrize(("text", "kind", "format", "reason"), HINTED, ids=[text for text, *_ in HINTED])
def test_columns_that_leave_no_doubt_decide_about_those_that_do(
    path: Path, text: str, kind: str, format: dict[str, Any], reason: str
) -> None:
    path.write_text(text)
    column = inspect(path, header=True).columns[0]
    assert (column.type, column.format) == (kind, format)
    assert reason in column.reason


def test_overrides_of_the_read_options_are_applied(path: Path) -> None:
    path.write_bytes("a;b\n'x;y';\xe9\n".encode("cp1252"))
    report = inspect(path, encoding="cp1252", delimiter=";", quote="'", header=False, header_row=1)
    assert (report.rows, report.sample, report.columns[0].title) == (1, [["x;y", "é"]], "column 1")
    assert report.encoding_reason.endswith("as you chose")


def test_long_cells_are_shortened_in_the_report(path: Path) -> None:
    path.write_text("a,b\n" + f"{'x' * 100_000},1\n" * 30)
    report = inspect(path)
    assert len(json.dumps(report.to_json())) < 50_000
    assert (report.sample[0][0][-3:], report.columns[0].samples[0][-3:]) == ("xx…", "xx…")


def test_a_wide_table_has_a_sample_of_fewer_rows_and_shorter_cells(path: Path) -> None:
    for columns, rows in ((2_000, 30), (400, 30)):
        lines = [",".join("x" * 300 for _ in range(columns))] * rows
        path.write_text("\n".join([",".join(f"c{number}" for number in range(columns)), *lines]))
        report = inspect(path)
        assert 0 < len(report.sample) < 20
        assert sum(len(cell) for row in report.sample for cell in row) <= 200_000
        assert sum(len(sample) for column in report.columns for sample in column.samples) <= 200_000
