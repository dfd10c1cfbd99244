"""The account of a file, whatever is in it: each line is counted once, and what is left out can be taken back."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.formats import open_source
from webapp.formats.errors import ImportFileError
from webapp.formats.records import count_line_ends
from webapp.imports.inspect_file import inspect_file
from webapp.imports.report import ImportOverrides, InspectionReport

LINE_END = re.compile(r"\r\n|\r|\n")
# Texts that programs and people write above, between and below the rows of a table.
ODD_LINES = [
    "", "", "# a comment", "# a comment, with a comma;", "Report of 2024", "Total;;", "---;---", "------", "+---+---+",
    "| a | b |", "(3 rows affected)", "sep=;", "#Fields: a b", "// note", "* provisional, see below", "x", ";;", "a|b",
    '"', '"open', "1;2;3;4;5", "2024-01-01 10:00:00,5", "   ", "id value", "-- --",
]  # fmt: skip
cells = st.sampled_from(["1", "2.5", "a b", "2024-01-05", "", '"x;y"', '"two\nlines"', "é", "NA", "-"])


@st.composite
def files(draw: st.DrawFn) -> str:
    """A table between odd lines, with some rows that are short or long, and any line ends."""
    width, delimiter = draw(st.integers(1, 4)), draw(st.sampled_from([";", ",", "\t", "|", " ", "||"]))
    titles = [delimiter.join(f"title{index}" for index in range(width))] * draw(st.integers(0, 2))
    widths = st.sampled_from([width] * 6 + [max(1, width - 1), width + 1])
    rows = [delimiter.join(draw(cells) for _ in range(draw(widths))) for _ in range(draw(st.integers(0, 12)))]
    odd = st.lists(st.sampled_from(ODD_LINES), max_size=4)
    middle = draw(st.integers(0, len(rows)))
    lines = [*draw(odd), *titles, *rows[:middle], *draw(odd), *rows[middle:], *draw(odd)]
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    return end.join(lines) + (end if draw(st.booleans()) else "")


def count_lines(text: str) -> int:
    return len(LINE_END.findall(text)) + (LINE_END.split(text)[-1] != "")


def lines_inside_cells(path: Path, report: InspectionReport) -> int:
    batches = [*open_source(path, report.options).batches()]
    kept = [
        *(row for batch in batches for row in batch.rows),
        *(bad.cells for batch in batches for bad in batch.rejected),
    ]
    return sum(count_line_ends(cell) for row in kept for cell in row)


def check_account(path: Path, text: str, overrides: ImportOverrides) -> InspectionReport | None:
    try:
        report = inspect_file(path, path.name, overrides)
    except ImportFileError:
        return None
    counted = report.lines_above + report.title_lines + report.rows + report.rejected_count
    counted += report.blank_lines + report.drawn_lines
    above = sum(count_line_ends(line) for note in report.notes if note.kind == "above" for _, line in note.lines)
    assert report.lines == count_lines(text)
    assert report.lines == counted + above + lines_inside_cells(path, report)
    return report


@settings(max_examples=150, deadline=None)
@given(files())
def test_each_line_of_a_file_is_counted_once_and_can_be_taken_back(text: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_bytes(text.encode())
        report = path.stat().st_size and check_account(path, text, ImportOverrides())
        for note in report.notes if report else ():
            if note.undo:
                check_account(path, text, ImportOverrides(**note.undo))
        if report and report.lines_above:
            again = check_account(path, text, ImportOverrides(header_row=0))
            assert again
            assert again.lines_above == 0
