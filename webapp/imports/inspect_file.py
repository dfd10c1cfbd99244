"""Pass 1: reads the whole file once and reports what it is, what table it would become, and why."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from webapp.formats import Batch, Reject, Source, open_source
from webapp.formats.blocks import escape_undecodable
from webapp.formats.errors import ImportFileError
from webapp.formats.sniff import SniffResult, sniff
from webapp.formats.source import MAX_COLUMNS
from webapp.imports.report import ColumnGuess, ImportOverrides, InspectionReport, RejectedRow
from webapp.imports.requests import Progress
from webapp.types import NULL, TYPES, Choice, describe
from webapp.types.guess import MAX_REMEMBERED, ChosenType, TypeGuesser, shorten

_MAX_REJECTED = 100  # rejected rows listed individually
_SAMPLE_ROWS = 20
_BATCH_ROWS = 5000
_MAX_REMEMBERED = 400_000  # values, of all columns together


def inspect_file(
    path: Path,
    filename: str,
    overrides: ImportOverrides | None = None,
    progress: Progress = lambda bytes_read, rows: None,
    rejected_path: Path | None = None,
    *,
    max_columns: int = MAX_COLUMNS,
) -> InspectionReport:
    """Raises `ImportFileError` if the file cannot become a table. Rejected rows go to `rejected_path`."""
    overrides = overrides or ImportOverrides()
    result = sniff(path, filename, overrides)
    source = open_source(path, result.options, result.converted)
    width = len(source.titles)
    if width > max_columns:
        hint = " Is this the right delimiter?" if result.options.format == "csv" else ""
        raise ImportFileError(f"The table has {width:,} columns; a table here has at most {max_columns:,}.{hint}")
    inspector = FileInspector(source, overrides)
    with _rejected_file(rejected_path) as write_rejected:
        for batch in source.batches(_BATCH_ROWS):
            inspector.add(batch)
            for reject in batch.rejected:
                write_rejected(reject)
            progress(batch.bytes_read, inspector.rows)
    return inspector.report(result, overrides)


class FileInspector:
    """What accumulates over all batches of a file."""

    def __init__(self, source: Source, overrides: ImportOverrides) -> None:
        self.titles = source.titles
        self.rows = 0
        self.rejected_count = 0
        self.rejected: list[RejectedRow] = []
        self.sample: list[list[str]] = []
        width = len(source.titles)
        remembered = min(MAX_REMEMBERED, _MAX_REMEMBERED // max(width, 1))
        self.columns = [ColumnInspector(overrides.columns.get(index, {}), remembered) for index in range(width)]

    def add(self, batch: Batch) -> None:
        self.rejected_count += len(batch.rejected)
        listed = batch.rejected[: _MAX_REJECTED - len(self.rejected)]
        self.rejected += [RejectedRow(reject.line, reject.reason) for reject in listed]
        if len(self.sample) < _SAMPLE_ROWS:
            self.sample += [[*map(shorten, row)] for row in batch.rows[: _SAMPLE_ROWS - len(self.sample)]]
        for column, values in zip(self.columns, zip(*batch.rows, strict=True), strict=bool(batch.rows)):
            column.add(values)
        self.rows += len(batch.rows)

    def report(self, result: SniffResult, overrides: ImportOverrides) -> InspectionReport:
        columns = []
        for index, (column, title) in enumerate(zip(self.columns, self.titles, strict=True)):
            override = overrides.columns.get(index, {})
            guess = column.guess(override.get("title") or title)
            guess.skip = bool(override.get("skip"))
            columns.append(guess)
        return InspectionReport(
            **result.report_fields(),
            rows=self.rows,
            rejected_count=self.rejected_count,
            rejected=self.rejected,
            columns=columns,
            sample=self.sample,
        )


class ColumnInspector:
    """Sees every value of a column, then reports what the column is, with the user's corrections (`override`)."""

    def __init__(self, override: Mapping[str, Any], max_remembered: int) -> None:
        self._override = override
        self._guesser = TypeGuesser(max_remembered)
        self._chosen = _chosen_type(override)

    def add(self, values: Sequence[str]) -> None:
        self._guesser.add(values)
        if self._chosen:
            self._chosen.add(values)

    def guess(self, title: str) -> ColumnGuess:
        guesser = self._guesser
        choice, reason = guesser.decide()
        null = self._override.get(NULL)
        if null and null == guesser.null_token and not self._chosen:
            choice = guesser.fitting()[0].with_null(null)
        column = ColumnGuess(
            title=title,
            type=choice.type,
            format=choice.format,
            reason=reason,
            empty=guesser.facts.empty,
            width=guesser.facts.width,
            null_token=guesser.null_token,
            choices=self._choices(),
            samples=guesser.facts.samples,
        )
        if self._chosen:
            _apply(self._chosen, column)
        return column

    def _choices(self) -> list[Choice]:
        fitting = self._guesser.fitting()
        if self._guesser.exception:
            token = self._guesser.null_token
            fitting = [choice.with_null(token) for choice in fitting] if token else []
        return [*fitting, Choice("text")]


def _apply(chosen: ChosenType, column: ColumnGuess) -> None:
    choice = chosen.choice()
    column.type = chosen.type
    column.format = choice.format if choice else {}
    column.misfits = chosen.misfit_count
    column.first_misfit = str(chosen.first_misfit or "")
    column.reason = f"{describe(choice) if choice else chosen.type}, as you chose"


def _chosen_type(override: Mapping[str, Any]) -> ChosenType | None:
    type_ = override.get("type")
    if type_ not in TYPES:
        return None
    format = override.get("format") or {}
    format_name = override.get("order") or ""
    if not format_name and set(format) - {NULL}:
        format_name = TYPES[type_].format_name(TYPES[type_].check(format))
    return ChosenType(type_, format_name, override.get(NULL) or format.get(NULL, ""))


@contextmanager
def _rejected_file(path: Path | None) -> Iterator[Callable[[Reject], object]]:
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
        yield lambda reject: writer.writerow([reject.line, reject.reason, *map(escape_undecodable, reject.cells)])
    draft.replace(path)
