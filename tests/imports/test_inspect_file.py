"""The result of pass 1 and the effect of corrections: nothing is read again needlessly, and no value is ever lost."""

import json
from pathlib import Path
from typing import Any

import pytest

from webapp.formats.errors import ImportFileError
from webapp.imports.inspect_file import inspect_file
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
        "delimiter": ",",
        "quote": '"',
        "header": True,
        "rows": 3,
        "rejected": [],
    }
    assert report["columns"][4] == {
        "title": "flag",
        "type": "boolean",
        "format": "yes/no",
        "reason": "yes or no: all 3 values print back exactly",
        "empty": 0,
    }


def test_progress_is_reported_up_to_the_last_byte(path: Path) -> None:
    reported: list[tuple[int, int]] = []
    inspect_file(path, path.name, ImportOverrides(), lambda bytes_read, rows: reported.append((bytes_read, rows)))
    assert reported[-1] == (len(TABLE), 3)


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
    assert corrected.columns[2].reason == "date, month first (MM/DD/YYYY), as you chose"
    corrected.ensure_lossless()


@pytest.mark.parametrize(
    "decided",
    [
        ImportOverrides(delimiter=";"),
        ImportOverrides(header=False),
        ImportOverrides(quote="none"),
        ImportOverrides(encoding="cp1252"),
        ImportOverrides(header_row=1),
        ImportOverrides(columns={1: {"type": "integer"}}),
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
    return column.type, column.format, column.misfits, column.reason


def test_a_type_that_would_lose_values_says_how_many_and_is_refused(path: Path) -> None:
    report = inspect(path, {1: {"type": "integer"}, 3: {"type": "integer"}})
    assert (report.columns[1].misfits, report.columns[1].first_misfit) == (1, "row 1 holds 00501")
    assert (report.columns[3].misfits, report.columns[3].first_misfit) == (2, "row 1 holds NA")
    with pytest.raises(ImportFileError) as refusal:
        report.ensure_lossless()
    assert str(refusal.value) == (
        "1 value does not fit integer in the column “zip”: row 1 holds 00501. Nothing would be lost as text."
    )
    unchanged = report.with_overrides(ImportOverrides(columns={1: {"type": "integer"}, 3: {"type": "integer"}}))
    assert unchanged is not None
    with pytest.raises(ImportFileError, match="does not fit"):
        unchanged.ensure_lossless()
    mended = report.with_overrides(ImportOverrides(columns={1: {"type": "text"}, 3: {"skip": True}}))
    assert mended is not None
    mended.ensure_lossless()


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
