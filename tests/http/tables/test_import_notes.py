"""What a reading left out is listed, and taken back by one button."""

from dataclasses import replace
from pathlib import Path

import pytest

from webapp.imports.corrections import parse_overrides
from webapp.imports.inspect_file import inspect_file
from webapp.imports.notes import Note
from webapp.imports.report import ImportOverrides, InspectionReport
from webapp.tables.import_notes import account_for_lines, present_notes


@pytest.fixture
def report(tmp_path: Path) -> InspectionReport:
    path = tmp_path / "a.csv"
    path.write_text("Report of May\n\na,b\n1,2\n3,4\n5,6\n7,8\n9,10\n", encoding="utf-8")
    return inspect_file(path, path.name)


def test_a_note_has_a_button_if_there_is_something_to_take_back(report: InspectionReport) -> None:
    report.notes = [
        Note("formulas", "3 formulas without a value", 3),
        Note("short", "1 short row is filled up with empty cells", 1, [(7, "1")]),
        Note("above", "1 line above the table is left out", undo={"header_row": 0}),
    ]
    assert [(note.text, note.undo) for note in present_notes(report)] == [
        ("3 formulas without a value", None),
        ("1 short row is filled up with empty cells", None),
        ("1 line above the table is left out", "2"),
    ]


@pytest.mark.parametrize(("button", "header_row"), [("0", 0), ("1", None), ("7", None), ("x", None), ("", None)])
def test_the_button_of_a_note_takes_it_back(report: InspectionReport, button: str, header_row: int | None) -> None:
    report.notes = [Note("above", "1 line above the table is left out", undo={"header_row": 0, "columns": {}})]
    fields = {"undo": button, "header_row": "1", "header": "yes"}
    overrides = parse_overrides(fields, report, ImportOverrides())
    assert (overrides.header_row, overrides.header) == (header_row, None)


def test_the_lines_of_the_file_add_up(report: InspectionReport) -> None:
    assert account_for_lines(report) == "8 lines: 1 above the table, 1 title row, 5 rows, 1 blank"


def test_the_rows_of_a_file_without_lines_add_up(report: InspectionReport) -> None:
    sheet = replace(report, lines=0)
    assert account_for_lines(sheet) == "1 row above the table, 1 title row, 5 rows"
    assert account_for_lines(replace(sheet, rejected_count=2, header=False)) == (
        "1 row above the table, 5 rows, 2 rows rejected"
    )


def test_objects_have_no_title_row(report: InspectionReport) -> None:
    assert account_for_lines(replace(report, lines=0, header_row=0, format="ndjson")) == "5 rows"
