"""Workbooks written as a stream, read back by openpyxl and calamine."""

import io
from collections.abc import Iterator, Sequence
from zipfile import ZipFile

import pytest
from openpyxl import load_workbook
from python_calamine import CalamineWorkbook

from webapp.formats.workbook_writer import Styles, row, text_cell, write_workbook


def rows_of(*numbers: int) -> bytes:
    return "".join(row([f"<c><v>{number}</v></c>", text_cell(f"t{number}")]) for number in numbers).encode()


def write(blocks: Sequence[bytes], **limits: int) -> bytes:
    return b"".join(write_workbook(["n", "t"], blocks, Styles(), **limits))


def sheets(data: bytes) -> dict[str, list[object]]:
    """The first cells of each sheet's rows; both readers agree."""
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
    found = {
        name: [cells[0] for cells in workbook.get_sheet_by_name(name).to_python()] for name in workbook.sheet_names
    }
    other = load_workbook(io.BytesIO(data))
    assert found == {sheet.title: [cells[0].value for cells in sheet.iter_rows()] for sheet in other}
    return found


@pytest.mark.parametrize("blocks", [[rows_of(1, 2, 3, 4, 5)], [rows_of(number) for number in (1, 2, 3, 4, 5)]])
def test_rows_that_do_not_fit_continue_on_further_sheets_below_the_titles(blocks: list[bytes]) -> None:
    assert sheets(write(blocks, max_rows=3)) == {"Sheet1": ["n", 1, 2], "Sheet2": ["n", 3, 4], "Sheet3": ["n", 5]}


def test_a_full_last_sheet_has_no_empty_one_behind_it() -> None:
    assert sheets(write([rows_of(1, 2), rows_of(3, 4), b""], max_rows=3)) == {
        "Sheet1": ["n", 1, 2],
        "Sheet2": ["n", 3, 4],
    }
    assert sheets(write([])) == {"Sheet1": ["n"]}


@pytest.mark.parametrize("block", [1, 2, 7, 100])
def test_a_sheet_whose_xml_grows_too_large_continues_on_the_next(block: int) -> None:
    numbers = list(range(1, 101))
    blocks = [rows_of(*numbers[start : start + block]) for start in range(0, 100, block)]
    data = write(blocks, max_bytes=3000)
    found = list(sheets(data).values())
    assert len(found) > 2
    assert [number for cells in found for number in cells[1:]] == numbers
    with ZipFile(io.BytesIO(data)) as archive:
        assert max(part.file_size for part in archive.infolist()) <= 3000


def test_a_row_larger_than_a_sheet_may_be_has_one_of_its_own() -> None:
    found = list(sheets(write([rows_of(1, 2, 3)], max_bytes=1)).values())
    assert found == [["n", 1], ["n", 2], ["n", 3]]


def test_a_workbook_is_a_sound_archive_without_the_larger_sizes_of_zip64() -> None:
    data = write([rows_of(*range(1000))])
    with ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0] == "_rels/.rels"
        assert {part.extract_version for part in archive.infolist()} == {20}


def test_pieces_are_sent_while_rows_are_still_read() -> None:
    taken = []

    def blocks() -> Iterator[bytes]:
        for number in range(100):
            taken.append(number)
            yield rows_of(*range(number * 5000, number * 5000 + 5000))

    pieces = write_workbook(["n", "t"], blocks(), Styles())
    next(pieces)
    next(pieces)
    assert len(taken) < 5
    pieces.close()
    assert len(taken) < 5


def test_the_titles_stay_in_view_and_columns_have_their_widths() -> None:
    data = b"".join(write_workbook(["n", "day"], [], Styles(), [0, 12]))
    sheet = load_workbook(io.BytesIO(data)).active
    assert sheet.freeze_panes == "A2"
    assert sheet.column_dimensions["B"].width == 12
    assert "A" not in sheet.column_dimensions
