"""What a reading of a file left out or changed, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from webapp.imports.report import InspectionReport
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
