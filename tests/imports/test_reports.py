"""The files of `corpus/reports` are read as their manifest says: each is a kind of file that programs read wrongly."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.rowstore.backends import loaded_in_memory, round_trip
from webapp.cli.terminal import describe_report
from webapp.formats import open_source
from webapp.formats.errors import ImportFileError
from webapp.imports.inspect_file import inspect_file
from webapp.imports.report import InspectionReport
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sqlite.store import SqliteRowStore
from webapp.rowstore.table_ref import Field, TableRef

REPORTS = Path(__file__).parents[1] / "corpus" / "reports"
MANIFEST: dict[str, dict[str, Any]] = json.loads((REPORTS / "manifest.json").read_text("utf-8"))
DESCRIPTIONS = {"manifest.json", "README.md"}

NO_COLUMNS = "There is nothing in this file but empty lines."  # as the job that inspects an upload says


class ReadFile:
    """A file of the corpus, inspected, with what an export would give back."""

    def __init__(self, name: str) -> None:
        self.path = REPORTS / name
        self.report: InspectionReport | None = None
        self.refusal = ""
        try:
            self.report = inspect_file(self.path, name, max_columns=SqliteRowStore.limits.columns)
        except ImportFileError as error:
            self.refusal = str(error)
        if self.report and not self.report.columns:
            self.report, self.refusal = None, NO_COLUMNS

    @property
    def read(self) -> InspectionReport:
        assert self.report, f"refused: {self.refusal}"
        return self.report

    @property
    def titles(self) -> list[str]:
        return [column.title for column in self.read.columns]

    @property
    def fields(self) -> list[Field]:
        return [
            Field(number, column.title, column.type, column.format, column.keeps_texts)
            for number, column in enumerate(self.read.columns, 1)
        ]

    @property
    def rows(self) -> list[list[str]]:
        batches = open_source(self.path, self.read.options).batches()
        return [list(row) for batch in batches for row in batch.rows]

    @property
    def cells(self) -> list[list[str]]:
        return round_trip(self.fields, self.rows)

    def column(self, index: int) -> list[str]:
        return [row[index] for row in self.cells]

    @property
    def exported_objects(self) -> list[Any]:
        ref = TableRef(1, tuple(self.fields))
        with loaded_in_memory(self.fields, self.rows) as reader:
            data = b"".join(reader.export(ref, TableQuery.of(ref.fields), "ndjson", safe=False))
        return parse_lines(data)

    @property
    def own_objects(self) -> list[Any]:
        return parse_lines(self.path.read_bytes())

    @property
    def said(self) -> str:
        return describe_report(self.read) + json.dumps(self.read.summary(), ensure_ascii=False)


def parse_lines(data: bytes) -> list[Any]:
    """JSON objects, one a line, in which a number stays what was written and differs from a string."""
    return [json.loads(line, parse_int=Number, parse_float=Number) for line in data.splitlines()]


class Number(NamedTuple):
    text: str


def has_numbers(cells: list[str], numbers: list[float]) -> bool:
    return [float(cell) for cell in cells] == [pytest.approx(number, rel=1e-14) for number in numbers]


def match_patterns(cells: list[str], patterns: list[str]) -> bool:
    return all(re.fullmatch(pattern, cell) for pattern, cell in zip(patterns, cells, strict=True))


EXPECTATIONS: dict[str, Callable[[ReadFile, Any], bool]] = {
    "encoding": lambda file, right: file.read.encoding == right,
    "delimiter": lambda file, right: file.read.delimiter == right,
    "delimiter_is_irrelevant": lambda file, _right: len(file.titles) == 1,
    "header": lambda file, right: file.read.header == right,
    "rows": lambda file, right: file.read.rows == right,
    "columns": lambda file, right: file.titles == right,
    "first_columns": lambda file, right: file.titles[: len(right)] == right,
    "column_count": lambda file, right: len(file.titles) == right,
    "columns_at_most": lambda file, right: len(file.titles) <= right,
    "cells": lambda file, right: file.cells == right,
    "second_column_numbers": lambda file, right: has_numbers(file.column(1), right),
    "second_column_patterns": lambda file, right: match_patterns(file.column(1), right),
    "third_column_cells": lambda file, right: file.column(2) == right,
    "set_aside": lambda file, right: file.read.rejected_count == right,
    "rows_plus_set_aside_at_least": lambda file, right: file.read.rows + file.read.rejected_count >= right,
    "refusal_matching": lambda file, right: re.search(right, file.refusal, re.IGNORECASE) is not None,
    "must_be_mentioned": lambda file, right: right in file.said,
    "ndjson_export_equal": lambda file, _right: file.exported_objects == file.own_objects,
    "alt": lambda file, right: any(not failures(file, answer) for answer in right),
}
TYPE_EXPECTATIONS: dict[str, Callable[[InspectionReport, Any], bool]] = {
    "types": lambda report, right: all(
        type_ in (None, column.type) for type_, column in zip(right, report.columns, strict=True)
    ),
    "alltext_except": lambda report, right: all(
        column.type == "text" or column.title in right for column in report.columns
    ),
}


def failures(file: ReadFile, right: dict[str, Any]) -> list[str]:
    """The keys of `right` that do not hold. A file is read without an error, or refused where that is right."""
    if file.report is None and not {"refusal_matching", "alt"} & set(right):
        return [f"refused: {file.refusal}"]
    if file.report is not None and "refusal_matching" in right:
        return ["not refused"]
    names = [name for name in right if name in EXPECTATIONS]
    return [name for name in names if file.report or name in ("refusal_matching", "alt")
            if not EXPECTATIONS[name](file, right[name])]  # fmt: skip


def expected_keys(right: dict[str, Any]) -> set[str]:
    return set(right).union(*(expected_keys(answer) for answer in right.get("alt", ())))


def test_every_file_and_every_expectation_of_the_manifest_is_checked() -> None:
    assert {path.name for path in REPORTS.iterdir()} - DESCRIPTIONS == set(MANIFEST)
    keys = set().union(*(expected_keys(described["right"]) for described in MANIFEST.values()))
    assert keys == set(EXPECTATIONS) | set(TYPE_EXPECTATIONS)


@pytest.mark.parametrize("name", MANIFEST)
def test_a_file_is_read_as_its_manifest_says_and_its_cells_come_back_unchanged(name: str) -> None:
    file = ReadFile(name)
    assert failures(file, MANIFEST[name]["right"]) == []
    if file.report:
        assert file.cells == file.rows


@pytest.mark.parametrize("name", [name for name in MANIFEST if set(MANIFEST[name]["right"]) & set(TYPE_EXPECTATIONS)])
def test_columns_have_the_types_that_the_manifest_says(name: str) -> None:
    report, right = ReadFile(name).read, MANIFEST[name]["right"]
    assert [key for key, holds in TYPE_EXPECTATIONS.items() if key in right and not holds(report, right[key])] == []
