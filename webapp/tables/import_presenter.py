"""What an import's page shows, computed: requests and live streams render it from the same context."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment

from webapp.imports.report import ColumnGuess, InspectionReport
from webapp.jobs import JobContext
from webapp.jobs.progress import Progress, initial_progress
from webapp.models import Import, ImportState
from webapp.models.tables.importing import RUNNING_STATES
from webapp.tables.import_overrides import encode_type
from webapp.types import TYPES, describe

ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 with a mark",
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
}
QUOTES = {'"': 'Double quotes  "', "'": "Single quotes  '", "none": "None"}
HEADERS = {"yes": "In a row of the file", "no": "Not in the file"}

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
        "preview": _preview(inspection, submitted or {}) if inspection and is_ready else None,
        # Tell the stream what the page already shows, so that it sends only what is new.
        "live_url": url_for("live.stream", **{"import": import_.id, "state": import_.state}) if progress else None,
        "invalid": invalid,
        "error": error or (import_.failure if is_ready else None),
        "rejected_url": url_for("tables.imports_rejected", import_id=import_.id)
        if inspection and inspection.rejected_count
        else None,
    }


def progress_of(jobs: JobContext, import_: Import) -> Progress | None:
    """The latest known progress of a running import."""
    return (jobs.progress(import_.id) or initial_progress(import_)) if import_.state in RUNNING_STATES else None


def _preview(inspection: InspectionReport, submitted: Submitted) -> dict[str, Any]:
    """What the fields of the preview hold: as submitted, else as detected."""
    return {
        "sheet": Select({sheet: sheet for sheet in inspection.sheets}, submitted.get("sheet", inspection.sheet or "")),
        "encoding": _select(ENCODINGS, submitted.get("encoding", inspection.encoding)),
        "delimiter": _select(DELIMITERS, submitted.get("delimiter", inspection.delimiter)),
        "quote": _select(QUOTES, submitted.get("quote", inspection.quote or "none")),
        "header": Select(HEADERS, submitted.get("header", "yes" if inspection.header else "no")),
        "header_row": submitted.get("header_row", str(inspection.header_row or 0)),
        "columns": [_column_fields(column, f"columns-{i}-", submitted) for i, column in enumerate(inspection.columns)],
    }


def _select(offered: Mapping[str, str], current: str) -> Select:
    """What was detected or chosen is always among the options."""
    return Select(offered if current in offered else {**offered, current: current}, current)


def _column_fields(column: ColumnGuess, prefix: str, submitted: Submitted) -> dict[str, Any]:
    """A column of the preview and what its fields hold."""
    offers_null = column.null_token is not None
    return {
        "column": column,
        "title": submitted.get(f"{prefix}title", column.title),
        "type": _type_select(column, submitted.get(f"{prefix}type")),
        # An unchecked box is not submitted, so its absence counts only in a form that was.
        "is_left_out": f"{prefix}skip" in submitted if submitted else column.skip,
        "is_null_accepted": f"{prefix}null" in submitted if submitted else column.null_token_accepted,
        # What is asked of the user: whether the offered token is empty, and whether these are dates.
        "asks_null": offers_null and not column.null_token_accepted,
        "asks_order": column.type == "text" and not column.misfits and not offers_null and len(column.choices) > 1,
    }


def _type_select(column: ColumnGuess, submitted: str | None) -> Select:
    """The types that fit all values, a date once for each order in which its parts can be read."""
    types = [choice.type for choice in column.choices]

    def value(type_: str, format: Mapping[str, Any]) -> str:
        return encode_type(type_, format) if types.count(type_) > 1 else type_

    offered: dict[str, str] = {}
    for choice in column.choices:
        label = describe(choice)
        offered.setdefault(value(choice.type, choice.format), label[0].upper() + label[1:])
    if column.type not in types:
        offered[column.type] = TYPES[column.type].label
    return Select(offered, submitted or value(column.type, column.format))
