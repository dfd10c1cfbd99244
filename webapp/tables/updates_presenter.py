"""What the page of a further file for a table shows: how it is laid over the table, and what that would do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from quart import url_for

from webapp.imports.comparison_report import Clash, ComparisonReport, SampleRow
from webapp.imports.report import InspectionReport
from webapp.imports.update_settings import LEFT_OUT, NEW, Missing, Mode, UpdateSettings
from webapp.models import Import, Table
from webapp.models.tables.import_update import ImportUpdate
from webapp.models.tables.import_updating import MARK_TITLE
from webapp.planners.update_plan import EACH, FILE, THEIRS
from webapp.rowstore.table_ref import Field
from webapp.tables.history_presenter import SOMEBODY
from webapp.tables.update_form import value_of
from webapp.web.formatting import capitalise, format_number, plural

MAX_FREE = 100  # columns of the table that are offered for one of the file
SURE = 0.7  # a match that is less sure than this is pointed out
MODES = {
    Mode.UPDATE: "Update: rows with the same key are the same row",
    Mode.APPEND: "Append: all rows of the file are added",
    Mode.REPLACE: "Replace: the table has exactly the rows of the file afterwards",
}
MISSINGS = {
    Missing.KEEP: "Keep them as they are",
    Missing.MARK: "Mark them in a column",
    Missing.DELETE: "Delete them",
}
PROBLEMS = {
    "empty": "have no key",
    "repeated": "share their key with other rows of the file",
    "ambiguous": "have a key that several rows of the table have",
}
ANSWERS = {
    THEIRS: "Keep the edits",
    FILE: "Take what the file has",
    EACH: "Decide one by one, by the boxes in the list",
}
SAMPLES = {"changed": "Changed rows", "added": "New rows", "missing": "Rows that are not in the file"}


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str
    is_selected: bool


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """A column of the file in the form. `note` says what the match rests on; `asks` whether it should be looked at."""

    field: str
    title: str
    sample: str
    options: list[Option]
    note: str
    asks: bool


@dataclass(frozen=True, slots=True)
class SampleLine:
    """A row among the samples: its place in the table or the file, in words, and its cells with titles."""

    name: str
    url: str | None
    cells: list[tuple[str, str | None, str | None]]
    more: int


@dataclass(frozen=True, slots=True)
class ClashLine:
    number: int
    row: int
    what: str
    who: str
    at: datetime | None
    before: str | None
    now: str | None
    file: str | None


Authors = Mapping[int, tuple[str, datetime]]  # the name and the time of each change set


@dataclass(frozen=True, slots=True)
class Reading:
    """All that a page of an update is made of."""

    table: Table
    import_: Import
    update: ImportUpdate
    authors: Authors

    @property
    def settings(self) -> UpdateSettings:
        return UpdateSettings.from_json(self.update.settings)

    @property
    def inspection(self) -> InspectionReport:
        return InspectionReport.from_json(self.import_.inspection or {})


def present_settings(reading: Reading, settings: UpdateSettings) -> dict[str, Any]:
    """The form."""
    table, report = reading.table, reading.inspection
    fields, notes = table.ref.fields, {match.index: match for match in reading.update.found}
    taken = {number for number in settings.columns.values() if number > 0}
    free = [field for field in fields if field.number not in taken][:MAX_FREE]
    by_number = {field.number: field for field in fields}
    rows = []
    for index, column in enumerate(report.columns):
        number, match = settings.columns.get(index, LEFT_OUT), notes.get(index)
        is_guess = match is not None and match.number == number and number > 0 and not match.is_by_title
        offered = ([by_number[number]] if number in by_number else []) + free
        options = [Option(str(field.number), field.title, field.number == number) for field in offered]
        options += [Option("new", "Add as a new column", number == NEW), Option("", "Leave out", number == LEFT_OUT)]
        sample = next((text for text in column.samples if text), "")
        note = match.reason if match is not None and is_guess else ""
        asks = is_guess and match is not None and match.confidence < SURE
        rows.append(ColumnRow(f"column-{index}", column.title, sample, options, note, asks))
    mapped = [field for field in fields if field.number in taken]
    rest = [field for field in fields if field.number not in taken]
    return {
        "columns": rows,
        "untouched": [field.title for field in rest],
        "modes": [Option(mode, label, mode == settings.mode) for mode, label in MODES.items()],
        "keys": [Option(str(field.number), field.title, field.number in settings.keys) for field in mapped],
        "adds_rows": settings.adds_rows,
        "missings": [Option(one, label, one == settings.missing) for one, label in MISSINGS.items()],
        "marks": [Option("new", f"A new column: {MARK_TITLE}", settings.mark == NEW)]
        + [Option(str(field.number), field.title, field.number == settings.mark) for field in rest[:MAX_FREE]],
        "mark_value": value_of(settings.mark),
    }


def present_report(reading: Reading, report: ComparisonReport) -> dict[str, Any]:
    """The dry run."""
    settings, titles = reading.settings, titles_of(reading.table.ref.fields, reading.inspection)
    table_id = reading.table.id
    return {
        "report": report,
        "figures": _figures(report, settings),
        "button": _button(report),
        "deletion": f"{report.deleted_in_words()} will be deleted." if report.deletes_most else "",
        "sentence": _sentence(settings, titles),
        "problems": [
            (plural(report.refused[kind], "row"), words, _lines(report.samples.get(kind, ()), titles, table_id))
            for kind, words in PROBLEMS.items()
            if kind in report.refused
        ],
        "misfits": [(titles.get(each.column, ""), plural(each.count, "text"), each.texts) for each in report.misfits],
        "new_columns": [titles[-index - 1] for index in settings.new],
        "guesses": [
            (reading.inspection.columns[match.index].title, titles.get(match.number, ""), match.reason)
            for match in reading.update.found
            if settings.columns.get(match.index) == match.number and match.number > 0 and not match.is_by_title
        ],
        "samples": [
            (kind, title, _count_of(report, kind), _lines(report.samples[kind], titles, table_id))
            for kind, title in SAMPLES.items()
            if report.samples.get(kind)
        ],
        "clashes": _clashes(report, reading.authors, titles),
    }


def titles_of(fields: Sequence[Field], inspection: InspectionReport) -> dict[int, str]:
    """Of the table's columns, and of those that the file would add."""
    new = {-index - 1: column.title for index, column in enumerate(inspection.columns)}
    return new | {-len(inspection.columns) - 1: MARK_TITLE} | {field.number: field.title for field in fields}


def _figures(report: ComparisonReport, settings: UpdateSettings) -> list[tuple[str, str, str]]:
    """What becomes of the rows: a number, what it is, and a word on it."""
    cells = f"in {plural(report.cells, 'cell')}" if report.cells else ""
    kept = report.missing if settings.missing == Missing.KEEP and settings.mode == Mode.UPDATE else 0
    figures = [
        (report.added, "added", ""),
        (report.changed, "changed", cells),
        (report.same, "unchanged", ""),
        (report.removed, "removed", ""),
        (report.marked, "marked as missing", ""),
        (kept, "not in the file", "kept as they are"),
        (report.left_out, "new, left out", ""),
        (report.refused_count, "not imported", "see why below"),
    ]
    always = {"added", "changed", "unchanged"}
    return [(format_number(count), what, note) for count, what, note in figures if count or what in always]


def _button(report: ComparisonReport) -> str:
    parts = (
        (report.added, "add"),
        (report.changed, "change"),
        (report.removed, "remove"),
        (report.marked, "mark"),
    )
    told = [f"{verb} {format_number(count)}" for count, verb in parts if count]
    if not told:
        return "Import"
    total = [count for count, _ in parts if count]
    rows = "row" if total == [1] else "rows"
    return f"Import: {', '.join(told)} {rows}"


def _sentence(settings: UpdateSettings, titles: Mapping[int, str]) -> str:
    """How the rows were told from each other."""
    if settings.mode == Mode.APPEND:
        return "All rows of the file are added behind the last one."
    if settings.mode == Mode.REPLACE:
        return "The table will have exactly the rows of the file; equal rows stay, with their history."
    keys = " and ".join(f"“{titles.get(number, '')}”" for number in settings.keys)
    return f"Rows with the same {keys} are the same row."


def _count_of(report: ComparisonReport, kind: str) -> int:
    return {"changed": report.changed, "added": report.added, "missing": report.missing}[kind]


def _lines(rows: Sequence[SampleRow], titles: Mapping[int, str], table_id: int) -> list[SampleLine]:
    return [
        SampleLine(
            f"Row {format_number(row.row)}" if row.row else f"Row {format_number(row.place)} of the file",
            url_for("tables.rows_show", table_id=table_id, row_id=row.row) if row.row else None,
            [(titles.get(number, "a deleted column"), before, after) for number, before, after in row.cells],
            row.more,
        )
        for row in rows
    ]


def _clashes(report: ComparisonReport, authors: Authors, titles: Mapping[int, str]) -> dict[str, Any] | None:
    if not report.clash_count:
        return None
    return {
        "sentences": _sentences(report, authors),
        "parts": _clash_parts(report),
        "answers": list(ANSWERS.items()),
        "lines": [_clash_line(each, authors, titles) for each in report.listed],
        "unlisted": max(0, report.clash_count - len(report.listed)),
    }


def _sentences(report: ComparisonReport, authors: Authors) -> list[str]:
    """Who edited how many."""
    by_person: dict[str, int] = {}
    for seq, count in report.authors.items():
        name = authors[seq][0] if seq in authors else SOMEBODY
        by_person[name] = by_person.get(name, 0) + count
    return [f"{capitalise(name)} edited {format_number(count)} of these." for name, count in by_person.items()]


def _clash_parts(report: ComparisonReport) -> list[str]:
    counts = {kind: report.clashes.get(kind, 0) for kind in ("cell", "both", "deleted", "kept")}
    words = {
        "cell": f"{plural(counts['cell'], 'edited cell')} for which the file has another text",
        "both": f"{format_number(counts['both'])} of these changed in the file since its last version, too",
        "deleted": f"{plural(counts['deleted'], 'deleted row')} that the file still has",
        "kept": f"{plural(counts['kept'], 'row')} added or edited here that the file does not have",
    }
    return [words[kind] for kind, count in counts.items() if count]


def _clash_line(clash: Clash, authors: Authors, titles: Mapping[int, str]) -> ClashLine:
    who, at = authors.get(clash.seq, (SOMEBODY, None))
    what = {"deleted": "Row deleted", "kept": "Row added or edited"}.get(
        clash.kind, titles.get(clash.column or 0, "a deleted column")
    )
    return ClashLine(clash.number, clash.row, what, who, at, clash.before, clash.now, clash.file)
