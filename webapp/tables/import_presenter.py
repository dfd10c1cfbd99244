"""What an import's page shows, computed: requests and live streams render it from the same context."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from jinja2 import Environment

from webapp.imports.corrections import encode_type, fields_of, present_type
from webapp.imports.questions import Question, find_questions
from webapp.imports.report import ColumnGuess, ImportOverrides, InspectionReport
from webapp.jobs import JobContext
from webapp.jobs.progress import Progress
from webapp.models import Import, ImportState
from webapp.models.tables.import_model import RUNNING_STATES, ImportSummary
from webapp.tables.import_notes import account_for_lines, present_notes
from webapp.types import Choice, describe
from webapp.types.reasons import shorten
from webapp.web.formatting import capitalise, plural

ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 with a byte order mark",
    "utf-16": "UTF-16",
    "cp1252": "Windows Western (1252)",
    "iso-8859-15": "Latin 9",
    "cp1250": "Windows Central European (1250)",
    "cp1251": "Windows Cyrillic (1251)",
    "cp1253": "Windows Greek (1253)",
    "cp1254": "Windows Turkish (1254)",
    "cp1255": "Windows Hebrew (1255)",
    "cp1256": "Windows Arabic (1256)",
    "koi8-r": "KOI8-R",
    "mac-roman": "Mac Roman",
    "cp437": "DOS (437)",
    "cp850": "DOS Western (850)",
    "shift_jis": "Shift JIS",
    "euc-jp": "EUC-JP",
    "gb18030": "GB 18030",
    "big5": "Big5",
    "euc-kr": "EUC-KR",
}
DELIMITERS = {
    ",": "Comma  ,",
    ";": "Semicolon  ;",
    "\t": "Tab",
    "|": "Vertical bar  |",
    ":": "Colon  :",
    " ": "Space",
    "~": "Tilde  ~",
    "^": "Caret  ^",
    "none": "None: one column",
    "fixed": "Spaces that align columns",
    "drawn": "Bars and lines of a drawn table",
}
QUOTES = {'"': 'Double quotes  "', "'": "Single quotes  '", "none": "None"}
MANY_COLUMNS = 500  # with more than these, what is said of each is short
SHORT_LABEL, SHORT_REASON = 30, 36  # characters of a title elsewhere, and of the reason of its type
LISTED_TITLES = 5  # of the columns that a question is about
HEADERS = {"yes": "The first row", "no": "None"}
NUMBERS = ("integer", "decimal", "duration")

Submitted = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Select:
    """A field that offers `options` (values and labels)."""

    options: Mapping[str, str]
    selected: str


def present_import(
    environment: Environment,
    import_: Import,
    progress: Progress | None,
    error: str | None = None,
    submitted: Submitted | None = None,
    invalid: str | None = None,
) -> dict[str, Any]:
    """The context of `tables/imports/show.html` and its partials.

    `submitted` are the preview's fields if they were refused, `error` says why, and `invalid` names the field.
    """
    url_for: Any = environment.globals["url_for"]
    is_inspected = import_.inspection is not None and import_.state != ImportState.INSPECTING
    inspection = InspectionReport.from_json(import_.inspection or {}) if is_inspected else None
    is_ready = import_.state == ImportState.READY
    return {
        "import_": import_,
        "progress": progress,
        "inspection": inspection,
        "preview": _preview(inspection, import_, submitted or {}) if inspection and is_ready else None,
        # Tell the stream what the page already shows, so that it sends only what is new.
        "live_url": url_for("live.stream", **{"import": import_.id, "state": import_.state}) if progress else None,
        "invalid": invalid,
        "error": error or (import_.failure if is_ready else None),
        "rejected_url": url_for("tables.imports_rejected", import_id=import_.id)
        if inspection and inspection.rejected_count
        else None,
    }


def progress_of(jobs: JobContext, import_: Import | ImportSummary) -> Progress | None:
    """The latest known progress of a running import."""
    return jobs.progress(import_) if import_.state in RUNNING_STATES else None


def _preview(inspection: InspectionReport, import_: Import, submitted: Submitted) -> dict[str, Any]:
    """What the fields of the preview hold: as submitted, else as detected."""
    overrides, shown = ImportOverrides.from_json(import_.overrides or {}), {**fields_of(inspection), **submitted}
    return {
        "sheet": Select({sheet: sheet for sheet in inspection.sheets}, shown["sheet"]),
        "encoding": _select(ENCODINGS, shown["encoding"]),
        "delimiter": _select(DELIMITERS, shown["delimiter"]),
        "delimiter_name": DELIMITERS.get(inspection.delimiter_choice, inspection.delimiter).partition("  ")[0],
        "quote": _select(QUOTES, shown["quote"]),
        "header": Select(HEADERS, shown["header"]),
        "header_row": shown["header_row"],
        "account": account_for_lines(inspection),
        "notes": present_notes(inspection),
        "questions": [
            _question_fields(question, inspection, submitted) for question in find_questions(inspection, overrides)
        ],
        "columns": [
            _column_fields(column, f"columns-{i}-", submitted, len(inspection.columns))
            for i, column in enumerate(inspection.columns)
        ],
    }


def _select(offered: Mapping[str, str], current: str) -> Select:
    """What was detected or chosen is always among the options."""
    return Select(offered if current in offered else {**offered, current: current}, current)


def _question_fields(question: Question, inspection: InspectionReport, submitted: Submitted) -> dict[str, Any]:
    titles = [shorten(inspection.columns[index].title, SHORT_LABEL) for index in question.columns]
    rest = len(titles) - LISTED_TITLES
    return {
        "question": replace(question, selected=submitted.get(question.field, question.selected)),
        "titles": ", ".join(titles[:LISTED_TITLES]) + (f" and {rest:,} more" if rest > 0 else ""),
    }


def _column_fields(column: ColumnGuess, prefix: str, submitted: Submitted, columns: int) -> dict[str, Any]:
    """One of so many columns of the preview, and what its fields hold."""
    is_one_of_many = columns > MANY_COLUMNS
    return {
        "column": column,
        "is_number": column.type in NUMBERS,
        "label": shorten(column.title, SHORT_LABEL) if is_one_of_many else column.title,
        "reason": shorten(column.reason, SHORT_REASON) if is_one_of_many else column.reason,
        "title": submitted.get(f"{prefix}title", column.title),
        "type": _type_select(column, submitted.get(f"{prefix}type")),
        # An unchecked box is not submitted, so its absence counts only in a form that was.
        "is_skipped": f"{prefix}skip" in submitted if submitted else column.skip,
        "exceptions": [] if is_one_of_many else column.exception_values,
        "exception_texts": {text for text, _ in column.exception_values},
    }


def _type_select(column: ColumnGuess, submitted: str | None) -> Select:
    """The types that at least half of the cells have, with how many would keep their text."""
    offered: dict[str, str] = {}
    for choice in column.choices:
        offered.setdefault(encode_type(column, choice.type, choice.format), _label_choice(choice))
    current = present_type(column)
    selected = submitted or current
    # The reason below says how many cells keep their text in the type that is chosen, and a closed list is narrow.
    offered[current] = capitalise(describe(Choice(column.type, column.format)))
    return Select(offered, selected)


def _label_choice(choice: Choice) -> str:
    kept = plural(choice.exceptions, "cell keeps its text", "cells keep their text")
    return capitalise(describe(choice)) + (f": {kept}" if choice.exceptions else "")
