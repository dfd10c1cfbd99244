"""Every file of the corpus is read as its manifest says: hard files with the values expected."""

import json
from pathlib import Path
from typing import Any

import pytest

from webapp.formats import open_source
from webapp.formats.errors import ImportFileError
from webapp.imports.inspect_file import inspect_file
from webapp.imports.report import InspectionReport
from webapp.types import TYPES

CORPUS = Path(__file__).parents[1] / "corpus"
MANIFEST: dict[str, dict[str, Any]] = json.loads((CORPUS / "manifest.json").read_text("utf-8"))
KNOWN = {"encoding", "cells", "types", "why", "rows", "columns", "delimiter", "ragged", "error", "ncols", "size"}
# What the manifest calls an error of the file costs one row here: the others are read, as the reason says.
ROW_REJECTED = {"unclosed_quote.csv"}


def inspect(name: str) -> InspectionReport:
    return inspect_file(CORPUS / name, name)


def test_every_file_and_every_expectation_of_the_manifest_is_checked() -> None:
    assert {path.name for path in CORPUS.iterdir()} - {"manifest.json", "reports"} == set(MANIFEST)
    assert {key for expected in MANIFEST.values() for key in expected} <= KNOWN


@pytest.mark.parametrize("name", [name for name, expected in MANIFEST.items() if "error" in expected])
def test_a_file_without_a_table_is_refused_with_an_explanation(name: str) -> None:
    words = MANIFEST[name]["error"].split(" (")[0]
    if name in ROW_REJECTED:
        assert [words in row.reason.lower() for row in inspect(name).rejected] == [True]
    else:
        with pytest.raises(ImportFileError, match=words):
            inspect(name)


@pytest.mark.parametrize("name", [name for name, expected in MANIFEST.items() if "error" not in expected])
def test_a_file_is_read_as_its_manifest_says(name: str) -> None:
    expected, report = MANIFEST[name], inspect(name)
    assert report.encoding == expected["encoding"]
    assert report.delimiter == expected.get("delimiter", report.delimiter)
    assert report.rows + report.rejected_count == expected.get("rows", report.rows)
    assert len(report.columns) == expected.get("ncols", len(report.columns))
    assert [column.title for column in report.columns][: len(expected.get("columns", []))] == expected.get(
        "columns", []
    )
    described = {column["title"]: column for column in report.summary()["columns"]}
    for title, type_ in expected.get("types", {}).items():
        assert " ".join(filter(None, (described[title]["type"], described[title]["format"]))) == type_


@pytest.mark.parametrize("name", [name for name, expected in MANIFEST.items() if "cells" in expected])
def test_cells_are_stored_as_the_manifest_says_and_print_back_unchanged(name: str) -> None:
    report = inspect(name)
    rows = [row for batch in open_source(CORPUS / name, report.options).batches() for row in batch.rows]
    titles = [column.title for column in report.columns]
    for place, expected in MANIFEST[name]["cells"].items():
        number, title = place.split(".")
        index = int(title[1:]) - 1 if title[0] == "#" else titles.index(title)
        column, cell = report.columns[index], rows[int(number) - 1][index]
        stored = TYPES[column.type].read(cell, column.format)
        assert str(stored) == expected
        assert column.keeps_texts or TYPES[column.type].print(stored, column.format) == cell


def test_short_rows_are_padded_and_long_rows_are_rejected_with_their_line() -> None:
    report = inspect("ragged.csv")
    assert report.sample == [["1", "2", ""], ["5", "6", "7"]]
    assert [(row.line, row.reason) for row in report.rejected] == [(3, "Line 3 has 4 cells, the header has 3.")]


def test_an_unclosed_quote_rejects_one_row() -> None:
    report = inspect("unclosed_quote.csv")
    assert report.sample == [["2", "x"], ["3", "y"]]
    assert [row.line for row in report.rejected] == [2]


def test_titles_become_single_lines_and_stay_unique() -> None:
    titles = [column.title for column in inspect("hostile_headers.csv").columns]
    assert titles[-1] == "very long"
    assert titles[0] == "a]b"
    assert len(set(titles)) == 10


def test_lines_above_the_header_are_skipped() -> None:
    report = inspect("preamble.csv")
    assert (report.header, report.header_row, report.rows) == (True, 2, 1)


def test_a_zip_bomb_is_refused_with_its_size() -> None:
    assert (CORPUS / "bomb.xlsx").stat().st_size == MANIFEST["bomb.xlsx"]["size"]
    with pytest.raises(ImportFileError, match="300 MB"):
        inspect("bomb.xlsx")
