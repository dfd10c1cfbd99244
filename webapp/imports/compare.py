"""Comparing a file with a table that exists: the dry run, and the plan of what it would do. Runs in a child process."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from webapp.formats import ReadOptions, open_source
from webapp.imports.comparison_report import (
    MAX_AUTHORS,
    MAX_CELLS,
    MAX_CONFLICTS,
    MAX_SAMPLES,
    Clash,
    ComparisonReport,
    Misfit,
    SampleRow,
    cut,
)
from webapp.imports.requests import CompareRequest, ImportFolder, Progress
from webapp.imports.update_settings import MARK, Missing, Mode, UpdateSettings
from webapp.planners.update_plan import THEIRS, PlanWriter, read_clashes, which_clashes
from webapp.rowstore import open_comparison
from webapp.rowstore.file_comparison import FileComparison
from webapp.rowstore.table_ref import Field
from webapp.rowstore.values import ComparedRow, Matched, RowEdit, StoredRow

BATCH = 5_000  # rows of the file
READING = 0.6  # of the work, about: the rest is comparing
MAX_KNOWN = 20_000  # texts of a column whose fit is remembered
MAX_MISFITS = 5  # texts of a column that are listed
MAX_MISFIT = 100  # characters of such a text


def compare(request: CompareRequest, progress: Progress) -> ComparisonReport:
    """Raises `RowsGone` if the table is gone. The plan is in the import's folder then."""
    folder = ImportFolder(Path(request.folder))
    settings = UpdateSettings.from_json(request.settings)
    keys = settings.keys if settings.mode == Mode.UPDATE else ()
    try:
        with (
            open_comparison(request.address, folder.draft, request.table, request.columns, keys) as comparison,
            PlanWriter(folder.plan) as plan,
        ):
            return _Comparer(request, settings, comparison, plan, progress).run(folder)
    finally:
        folder.draft.unlink(missing_ok=True)


class _Comparer:
    def __init__(
        self,
        request: CompareRequest,
        settings: UpdateSettings,
        comparison: FileComparison,
        plan: PlanWriter,
        progress: Progress,
    ) -> None:
        self.request, self.settings, self.comparison, self.plan = request, settings, comparison, plan
        self.progress = progress
        self.report = ComparisonReport(comparison.seq, table_rows=request.rows)
        self.fields = request.columns
        self.fit = {field.number: _Fit(comparison, field) for field in self.fields}
        self.clashes = 0

    def run(self, folder: ImportFolder) -> ComparisonReport:
        self._read(folder.original)
        if self.settings.mode == Mode.UPDATE:
            self.comparison.take_edits_since(self.request.since, self.request.from_files)
            self.comparison.take_settled(self._settled())
        matched = self._match(folder.original.stat().st_size)
        self._count(matched)
        self._plan_changes()
        self._plan_new_rows()
        self._plan_missing()
        self._plan_marks()
        self.report.entries = self.plan.entries
        self.report.misfits = [fit.misfit for fit in self.fit.values() if fit.misfit.count]
        return self.report

    def _read(self, original: Path) -> None:
        source = open_source(original, ReadOptions(**self.request.options))
        positions = self.request.positions
        for batch in source.batches(BATCH):
            rows: Sequence[Sequence[str]] = [[row[place] for place in positions] for row in batch.rows]
            self.comparison.take(rows)
            self.report.rows += len(rows)
            self.progress(int(batch.bytes_read * READING), self.report.rows)

    def _settled(self) -> Iterator[tuple[int, int, str]]:
        """The cells of which was decided for the last file that they stay as they are, and what that file had."""
        decision = self.request.last_decision
        if self.request.last_plan is None or not Path(self.request.last_plan).exists():
            return
        takes = which_clashes(decision.get("answer", THEIRS), decision.get("taken", ()))
        for row, column, _, text, number in read_clashes(Path(self.request.last_plan)):
            if column is not None and column > 0 and not takes(number):
                yield row, column, text

    def _match(self, size: int) -> Matched:
        def progress(done: int, total: int) -> None:
            self.progress(int(size * (READING + (1 - READING) * done / max(total, 1))), self.report.rows)

        if self.settings.mode == Mode.APPEND:
            return self.comparison.match_nothing()
        if self.settings.mode == Mode.REPLACE:
            return self.comparison.match_rows(progress)
        return self.comparison.match_keys(progress)

    def _count(self, matched: Matched) -> None:
        problems, report = self.comparison.problems(), self.report
        report.same, report.missing, report.keyless = matched.same, matched.missing, problems.keyless
        report.refused = {kind: count for kind, count in problems.counts.items() if count}
        for kind, rows in problems.samples.items():
            report.samples[kind] = [
                self._sample(0, place, [(field.number, None, text) for field, text in self._with_fields(cells)])
                for place, cells in rows
            ]

    # -- changed rows ----------------------------------------------------------------------------------------------

    def _plan_changes(self) -> None:
        """And take away the marks of these rows: what is about one row stands together."""
        for batch in self.comparison.changed():
            marked = self._marked([row.id for row in batch])
            for row in batch:
                self._plan_change(row)
                if row.id in marked:
                    self._unmark(row.id)

    def _plan_change(self, row: ComparedRow) -> None:
        changed = list[tuple[int, str | None, str | None]]()
        for field, before, after in zip(self.fields, row.before, row.after, strict=True):
            if before == after:
                continue
            edit = row.edits.get(field.number)
            if edit is not None and edit.settled == after:
                self.report.settled += 1
                self.plan.keep(row.id, field.number, before, after)
            elif edit is not None and edit.before != before:
                self.report.clashes["both"] = self.report.clashes.get("both", 0) + (after != edit.before)
                number = self._clash("cell", edit, row.id, field.number, edit.before, before, after)
                self.plan.change(row.id, field.number, before, after, number)
            else:
                self.plan.change(row.id, field.number, before, after)
                self.fit[field.number].look(after)
                changed.append((field.number, before, after))
        if changed:
            self.report.changed += 1
            self.report.cells += len(changed)
            self._add_sample("changed", row.id, row.place, changed)
        else:
            self.report.same += 1

    # -- new rows --------------------------------------------------------------------------------------------------

    def _plan_new_rows(self) -> None:
        if self.settings.mode == Mode.UPDATE and not self.settings.adds_rows:
            self.report.left_out = sum(map(len, self.comparison.added()))
            return
        empty = {field.number: field.empty_text for field in self.request.table.fields}
        empty |= {field.number: field.empty_text for field in self.fields}
        for batch in self.comparison.added():
            for row in batch:
                cells = dict(zip((field.number for field in self.fields), row.after, strict=True))
                self._plan_new_row(row, empty | cells)

    def _plan_new_row(self, row: ComparedRow, cells: Mapping[int, str]) -> None:
        if (deletion := row.edits.get(0)) is not None:
            self.plan.insert(cells, self._clash("deleted", deletion, deletion.row_id, None, None, None, None))
            return
        self.plan.insert(cells)
        self.report.added += 1
        for field, text in self._with_fields(row.after):
            self.fit[field.number].look(text)
        filled = [(field.number, None, text) for field, text in self._with_fields(row.after) if text]
        self._add_sample("added", 0, row.place, filled)

    # -- missing rows ----------------------------------------------------------------------------------------------

    def _plan_missing(self) -> None:
        is_replaced = self.settings.mode == Mode.REPLACE
        deletes = is_replaced or self.settings.missing == Missing.DELETE
        if self.settings.mode == Mode.APPEND:
            return
        stored = self.request.table.stored
        for batch in self.comparison.missing():
            for row, edits in batch:
                cells = dict(zip((field.number for field in stored), row.cells, strict=True))
                if deletes:
                    self._plan_deletion(row, cells, {} if is_replaced else edits)
                else:
                    self._sample_missing(row, cells)
            if not deletes:  # the first ones are enough: nothing becomes of them here
                return

    def _plan_deletion(self, row: StoredRow, cells: Mapping[int, str], edits: Mapping[int, RowEdit]) -> None:
        """A row that somebody added or edited stays, unless they say so."""
        if edits:
            edit = max(edits.values(), key=lambda each: each.seq)
            self.plan.delete(row.id, cells, self._clash("kept", edit, row.id, None, None, None, None))
            return
        self.plan.delete(row.id, cells)
        self.report.removed += 1
        self._sample_missing(row, cells)

    def _sample_missing(self, row: StoredRow, cells: Mapping[int, str]) -> None:
        shown = {field.number for field in self.request.table.fields}
        filled = [(number, text, None) for number, text in cells.items() if text and number in shown]
        self._add_sample("missing", row.id, 0, filled)

    def _plan_marks(self) -> None:
        """Missing rows get a mark; rows that are there again lose it."""
        field = self._mark
        if field is None:
            return
        for batch in self.comparison.missing():
            now = self._marks(field, [row.id for row, _ in batch]) if field.number > 0 else {}
            for row, _ in batch:
                if (before := now.get(row.id, field.empty_text)) != MARK:
                    self.plan.change(row.id, field.number, before, MARK)
                    self.report.marked += 1
        for ids in self.comparison.same_ids():
            for row_id in sorted(self._marked(ids)):
                self._unmark(row_id)

    @property
    def _mark(self) -> Field | None:
        wants = self.settings.mode == Mode.UPDATE and self.settings.missing == Missing.MARK
        return self.request.mark if wants else None

    def _marked(self, ids: Sequence[int]) -> set[int]:
        field = self._mark
        if field is None or field.number < 0:
            return set()
        return {row_id for row_id, text in self._marks(field, ids).items() if text == MARK}

    def _unmark(self, row_id: int) -> None:
        if (field := self._mark) is not None:
            self.plan.change(row_id, field.number, MARK, field.empty_text)
            self.report.cells += 1

    def _marks(self, field: Field, ids: Sequence[int]) -> dict[int, str]:
        return {row_id: text for row_id, (text,) in self.comparison.cells(ids, [field]).items()}

    # -- what is told ----------------------------------------------------------------------------------------------

    def _clash(
        self,
        kind: str,
        edit: RowEdit,
        row: int,
        column: int | None,
        before: str | None,
        now: str | None,
        file: str | None,
    ) -> int:
        number, report = self.clashes, self.report
        self.clashes += 1
        report.clashes[kind] = report.clashes.get(kind, 0) + 1
        if edit.seq in report.authors or len(report.authors) < MAX_AUTHORS:
            report.authors[edit.seq] = report.authors.get(edit.seq, 0) + 1
        if len(report.listed) < MAX_CONFLICTS:
            report.listed.append(Clash(number, kind, edit.seq, row, column, cut(before), cut(now), cut(file)))
        return number

    def _with_fields(self, cells: Sequence[str]) -> list[tuple[Field, str]]:
        return list(zip(self.fields, cells, strict=True))

    def _add_sample(self, kind: str, row: int, place: int, cells: Sequence[tuple[int, str | None, str | None]]) -> None:
        samples = self.report.samples.setdefault(kind, [])
        if len(samples) < MAX_SAMPLES:
            samples.append(self._sample(row, place, cells))

    @staticmethod
    def _sample(row: int, place: int, cells: Sequence[tuple[int, str | None, str | None]]) -> SampleRow:
        shown = [(number, cut(before), cut(after)) for number, before, after in cells[:MAX_CELLS]]
        return SampleRow(row, place, shown, max(0, len(cells) - MAX_CELLS))


class _Fit:
    """Whether the texts of a column have a value in it. A text that recurs is looked at once."""

    def __init__(self, comparison: FileComparison, field: Field) -> None:
        self._comparison, self._field = comparison, field
        self._known: dict[str, bool] = {}
        self._is_free = field.type == "text" or field.keeps_texts
        self.misfit = Misfit(field.number)

    def look(self, text: str) -> None:
        if self._is_free:
            return
        if len(self._known) > MAX_KNOWN:
            self._known = {}
        if text not in self._known:
            self._known[text] = self._comparison.fits(self._field, text)
        if not self._known[text]:
            self.misfit.count += 1
            if len(self.misfit.texts) < MAX_MISFITS and text[:MAX_MISFIT] not in self.misfit.texts:
                self.misfit.texts.append(text[:MAX_MISFIT])
