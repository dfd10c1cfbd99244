"""Pass 1: reads the whole file once and reports what it is, what table it would become, and why."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from webapp.formats import Batch, Reject, Source, open_source
from webapp.formats.blocks import readable
from webapp.formats.errors import ImportFileError
from webapp.formats.sniff import sniff
from webapp.formats.sniff_result import SniffResult
from webapp.formats.source import MAX_COLUMNS
from webapp.imports.column_inspector import ColumnWatch
from webapp.imports.report import ColumnGuess, ImportOverrides, InspectionReport, RejectedRow, describe
from webapp.types.guess import MEMO, cut

__all__ = ["ColumnGuess", "ImportFileError", "ImportOverrides", "InspectionReport", "describe", "inspect_file"]

Progress = Callable[[int, int], None]
_LISTED = 100  # rejected rows listed individually
_SAMPLE = 20  # rows shown
_BATCH = 5000
_REMEMBERED = 400_000  # values, of all columns together


def _silent(bytes_read: int, rows: int) -> None:
    pass


def inspect_file(
    path: Path,
    filename: str,
    overrules: ImportOverrides | None = None,
    progress: Progress = _silent,
    rejected_path: Path | None = None,
    *,
    max_columns: int = MAX_COLUMNS,
) -> InspectionReport:
    """Raises `ImportFileError` if the file cannot become a table. Rejected rows go to `rejected_path`."""
    overrules = overrules or ImportOverrides()
    found = sniff(path, filename, overrules)
    source = open_source(path, found.options, found.file)
    _check_width(source.width, found, max_columns)
    survey = Survey(source, overrules)
    with _aside(rejected_path) as aside:
        for batch in source.batches(_BATCH):
            survey.add(batch)
            for reject in batch.rejected:
                aside(reject)
            progress(batch.bytes_read, survey.rows)
    return survey.result(found, overrules)


def _check_width(width: int, found: SniffResult, most: int) -> None:
    if width > most:
        hint = " Is this the right delimiter?" if found.options.format == "csv" else ""
        raise ImportFileError(f"The table has {width:,} columns; a table here has at most {most:,}.{hint}")


class Survey:
    """What accumulates over all batches of a file."""

    def __init__(self, source: Source, overrules: ImportOverrides) -> None:
        self.titles = source.titles
        self.rows = 0
        self.rejected_count = 0
        self.rejected: list[RejectedRow] = []
        self.sample: list[list[str]] = []
        memo = min(MEMO, _REMEMBERED // max(source.width, 1))
        self.columns = [ColumnWatch(overrules.columns.get(index, {}), memo) for index in range(source.width)]

    def add(self, batch: Batch) -> None:
        self.rejected_count += len(batch.rejected)
        listed = batch.rejected[: _LISTED - len(self.rejected)]
        self.rejected += [RejectedRow(reject.line, reject.reason) for reject in listed]
        if len(self.sample) < _SAMPLE:
            self.sample += [[*map(cut, row)] for row in batch.rows[: _SAMPLE - len(self.sample)]]
        for column, values in zip(self.columns, zip(*batch.rows, strict=True), strict=bool(batch.rows)):
            column.add(values)
        self.rows += len(batch.rows)

    def result(self, found: SniffResult, overrules: ImportOverrides) -> InspectionReport:
        columns = [column.guess(title) for column, title in zip(self.columns, self.titles, strict=True)]
        inspection = InspectionReport(
            **found.facts(),
            rows=self.rows,
            rejected_count=self.rejected_count,
            rejected=self.rejected,
            columns=columns,
            sample=self.sample,
        )
        return inspection.settled(ImportOverrides(columns=_titles(overrules))) or inspection


def _titles(overrules: ImportOverrides) -> dict[int, dict[str, Any]]:
    """Of what was decided, what the survey does not know."""
    return {
        index: {key: column[key] for key in ("title", "skip") if key in column}
        for index, column in overrules.columns.items()
    }


class _Aside(Protocol):
    def __call__(self, reject: Reject) -> None: ...


@contextmanager
def _aside(path: Path | None) -> Iterator[_Aside]:
    """Writes rejected rows as they come: as CSV with line and reason, whatever the original was.

    The file has its name once it is complete: when this reading fails, the rows of the last one are still there.
    """
    if path is None:
        yield lambda reject: None
        return
    draft = path.with_name(path.name + ".part")
    with draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["line", "reason", "cells"])

        def keep(reject: Reject) -> None:
            writer.writerow([reject.line, reject.reason, *map(readable, reject.cells)])

        yield keep
    draft.replace(path)
