"""What a reading of a file left out or changed, and what takes it back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webapp.imports.report import READ_OPTIONS, InspectionReport
from webapp.web.formatting import plural


@dataclass(frozen=True, slots=True)
class PresentedNote:
    """`lines` are examples, with their numbers (0: none). `undo` is the value of the button that takes it back."""

    text: str
    lines: Sequence[tuple[int, str]]
    undo: str | None


def present_notes(inspection: InspectionReport) -> list[PresentedNote]:
    return [
        PresentedNote(note.text, note.lines, str(index) if note.undo else None)
        for index, note in enumerate(inspection.notes)
    ]


def corrections_that_undo(inspection: InspectionReport, button: str) -> dict[str, Any]:
    """The options of reading that take back the note whose button was pressed; none if it is no such button."""
    for index, note in enumerate(inspection.notes):
        if str(index) == button:
            return {option: value for option, value in note.undo.items() if option in READ_OPTIONS}
    return {}


def account_for_lines(inspection: InspectionReport) -> str:
    """What became of the file's lines or rows, in words that add up."""
    if inspection.account:
        return inspection.account
    parts = [
        f"{plural(inspection.header_row, 'row')} above the table" if inspection.header_row else "",
        # The names of JSON members are in every object, not in a row above them.
        "1 title row" if inspection.header and inspection.format != "ndjson" else "",
        plural(inspection.rows, "row"),
        f"{plural(inspection.rejected_count, 'row')} rejected" if inspection.rejected_count else "",
    ]
    return ", ".join(filter(None, parts))
