"""Pass 1: reads the whole file once and reports what it is, what table it would become, and why."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from webapp.formats import Batch, Reject, Source, open_source
from webapp.formats.blocks import escape_undecodable
from webapp.formats.errors import ImportFileError
from webapp.formats.json_columns import JSON
from webapp.formats.sniff import SniffResult, sniff
from webapp.formats.source import MAX_COLUMNS, Account
from webapp.imports.companions import fit_into
from webapp.imports.hints import find_hints
from webapp.imports.notes import notes_of
from webapp.imports.report import ColumnGuess, ImportOverrides, InspectionReport, RejectedRow, as_chosen
from webapp.imports.requests import Progress
from webapp.types import NULL, TYPES, Choice
from webapp.types.chosen import ChosenType
from webapp.types.guess import MAX_REMEMBERED, MAX_SAMPLES, TypeGuesser
from webapp.types.reading_hints import Hints
from webapp.types.reasons import MAX_SAMPLE, shorten

_MAX_REJECTED = 100  # rejected rows listed individually
_SAMPLE_ROWS = 20
_SAMPLE_CHARACTERS = 200_000  # of all cells of these rows; and of the values quoted for all columns
_SAMPLE_MARKUP = 30  # characters around a cell of these rows
_MIN_SAMPLE = 12  # characters of a cell or value, however many columns there are
_BATCH_ROWS = 5000
GUESS_ROWS = 20_000  # that mostly say what the others will
MAX_EXCEPTIONS = 20  # different texts without a value that are listed of a column
_MAX_REMEMBERED = 400_000  # values, of all columns together


def inspect_file(
    path: Path,
    filename: str,
    overrides: ImportOverrides | None = None,
    progress: Progress = lambda bytes_read, rows: None,
    rejected_path: Path | None = None,
    *,
    max_columns: int = MAX_COLUMNS,
    on_guess: Callable[[InspectionReport], None] | None = None,
) -> InspectionReport:
    """Raises `ImportFileError` if the file cannot become a table. Rejected rows go to `rejected_path`. `on_guess` is
    called once, with what would be reported if the file had no more rows than the first `GUESS_ROWS`.
    """
    overrides = overrides or ImportOverrides()
    result = sniff(path, filename, overrides)
    source = open_source(path, result.options, result.converted, result.plain)
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
            if on_guess and inspector.rows >= GUESS_ROWS:
                on_guess(fit_into(inspector.report(result, overrides, source.account), max_columns))
                on_guess = None
    return fit_into(inspector.report(result, overrides, source.account), max_columns)


def _clip(characters: int) -> int:
    return max(_MIN_SAMPLE, min(MAX_SAMPLE, characters))


class FileInspector:
    """What accumulates over all batches of a file."""

    def __init__(self, source: Source, overrides: ImportOverrides) -> None:
        self.titles = source.titles
        self.rows = 0
        self.rejected_count = 0
        self.rejected: list[RejectedRow] = []
        self.sample: list[list[str]] = []
        width = max(len(source.titles), 1)
        self._sample_room = _SAMPLE_CHARACTERS
        self._longest = _clip(_SAMPLE_CHARACTERS // (_SAMPLE_ROWS * width) - _SAMPLE_MARKUP)
        remembered = min(MAX_REMEMBERED, _MAX_REMEMBERED // width)
        longest = _clip(_SAMPLE_CHARACTERS // (MAX_SAMPLES * width))
        self.columns = [
            ColumnInspector(overrides.columns.get(index, {}), remembered, longest)
            for index in range(len(source.titles))
        ]

    def add(self, batch: Batch) -> None:
        self.rejected_count += len(batch.rejected)
        listed = batch.rejected[: _MAX_REJECTED - len(self.rejected)]
        self.rejected += [RejectedRow(reject.line, reject.reason) for reject in listed]
        for row in batch.rows[: _SAMPLE_ROWS - len(self.sample)]:
            self._add_sample(row)
        for column, values in zip(self.columns, zip(*batch.rows, strict=True), strict=bool(batch.rows)):
            column.add(values)
        self.rows += len(batch.rows)

    def _add_sample(self, row: Sequence[str]) -> None:
        """Fewer rows come before more characters do: 20 rows of 2,000 columns made a page of many megabytes."""
        cells = [shorten(cell, self._longest) for cell in row]
        self._sample_room -= sum(map(len, cells)) + _SAMPLE_MARKUP * len(cells)
        if not self.sample or self._sample_room >= 0:
            self.sample.append(cells)

    def report(self, result: SniffResult, overrides: ImportOverrides, account: Account) -> InspectionReport:
        evidence = [(title, column.guesser) for title, column in zip(self.titles, self.columns, strict=True)]
        hints = find_hints(evidence, result.options.delimiter if result.options.format == "csv" else "")
        columns = []
        for index, (column, title) in enumerate(zip(self.columns, self.titles, strict=True)):
            override = overrides.columns.get(index, {})
            guess = column.guess(override.get("title") or title, hints)
            guess.skip = bool(override.get("skip"))
            guess = guess if override.get("type") else guess.in_order(overrides.order or "")
            if result.options.members is not None:
                guess.format = {**guess.format, JSON: {**result.options.members[index], "title": title}}
            columns.append(guess)
        return InspectionReport(
            **result.report_fields(),
            rows=self.rows,
            rejected_count=self.rejected_count,
            rejected=self.rejected,
            columns=columns,
            sample=self.sample,
            lines=account.lines if result.options.format == "csv" else 0,
            lines_above=account.above.count,
            title_lines=account.title_lines,
            blank_lines=account.blank_lines,
            drawn_lines=account.drawn.count,
            notes=notes_of(account, result.options, self.titles, self.sample, result.remarks),
        )


class ColumnInspector:
    """Sees every value of a column, then reports what the column is, with the user's corrections (`override`)."""

    def __init__(self, override: Mapping[str, Any], max_remembered: int, longest_sample: int) -> None:
        self._override = override
        self._longest_sample = longest_sample
        self.guesser = TypeGuesser(max_remembered)
        self._chosen = _chosen_type(override)

    def add(self, values: Sequence[str]) -> None:
        self.guesser.add(values)
        if self._chosen:
            self._chosen.add(values)

    def guess(self, title: str, hints: Hints) -> ColumnGuess:
        guesser = self.guesser
        decision = guesser.decide(title, hints)
        column = ColumnGuess(
            title=title,
            type=decision.choice.type,
            format=decision.choice.format,
            reason=decision.reason,
            empty=guesser.facts.empty,
            width=guesser.facts.width,
            null_token=decision.null_token,
            choices=[*decision.choices, Choice("text")],
            samples=[shorten(sample, self._longest_sample) for sample in guesser.facts.samples],
            keeps_texts=decision.choice.keeps_texts,
            exceptions=decision.choice.exceptions,
            exception_values=decision.exceptions.most_frequent[:MAX_EXCEPTIONS],
            question=decision.question,
        )
        return self._corrected(column)

    def _corrected(self, column: ColumnGuess) -> ColumnGuess:
        """With the type the user has chosen, or the word that means an empty cell."""
        null = self._override.get(NULL)
        if self._chosen:
            offer = self._chosen.offer()
            return as_chosen(column, offer.choice, offer.exceptions.most_frequent[:MAX_EXCEPTIONS])
        if null and null == column.null_token:
            return as_chosen(column, column.choices[0].with_null(null))
        return column


def _chosen_type(override: Mapping[str, Any]) -> ChosenType | None:
    type_ = override.get("type")
    if type_ not in TYPES:
        return None
    given = override.get("format") or {}
    null = override.get(NULL) or given.get(NULL, "")
    format = TYPES[type_].check(given) if set(given) - {NULL} else None
    return ChosenType(type_, override.get("order") or "", null, format)


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
