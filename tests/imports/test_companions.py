"""Columns that keep texts take two columns of the database each."""

from dataclasses import replace
from pathlib import Path

from webapp.imports.companions import fit_into
from webapp.imports.inspect_file import inspect_file
from webapp.imports.report import InspectionReport


def report(tmp_path: Path, skipped: int = 0) -> InspectionReport:
    """Four columns of numbers that keep texts."""
    path = tmp_path / "a.csv"
    path.write_text("a,b,c,d\n1,2,3,4\n5,6,7,8\n")
    inspected = inspect_file(path, path.name)
    columns = [
        replace(column, keeps_texts=True, exceptions=1, skip=place < skipped)
        for place, column in enumerate(inspected.columns)
    ]
    return replace(inspected, columns=columns)


def types(report: InspectionReport) -> list[tuple[str, bool]]:
    return [(column.type, column.keeps_texts) for column in report.columns]


def test_columns_beyond_the_limit_become_text(tmp_path: Path) -> None:
    fitted = fit_into(report(tmp_path), 6)
    assert types(fitted) == [("integer", True)] * 2 + [("text", False)] * 2
    assert fitted.columns[3].reason == "Text (a table has at most 6 columns, and one that keeps texts takes two)"
    assert fitted.columns[3].exceptions == 0


def test_columns_that_fit_stay_as_they_are(tmp_path: Path) -> None:
    inspected = report(tmp_path)
    assert fit_into(inspected, 8) == inspected


def test_skipped_columns_take_no_room(tmp_path: Path) -> None:
    inspected = report(tmp_path, skipped=2)
    assert fit_into(inspected, 4) == inspected
