"""Workbooks in the binary formats .xls and .xlsb: errors, zeros of formats, and what is hidden, are seen."""

import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from webapp.formats import binary_workbook, open_source
from webapp.formats.compound_file import UnknownStructureError
from webapp.imports.inspect_file import inspect_file
from webapp.imports.report import InspectionReport

CORPUS = Path(__file__).parents[1] / "corpus"
WORKBOOKS = Path(__file__).parent / "workbooks"
XLSB = CORPUS / "reports" / "244_binary.xlsb"
SHEET = "xl/worksheets/sheet1.bin"
CELLS = range(1, 12)  # records of cells of one kind each, which begin with the column
ROW, NUMBER, ERROR, FORMULA_ERROR = 0, 2, 3, 11


def read(path: Path) -> tuple[list[list[str]], InspectionReport]:
    report = inspect_file(path, path.name)
    rows = [list(row) for batch in open_source(path, report.options).batches() for row in batch.rows]
    return [[column.title for column in report.columns], *rows], report


def test_errors_and_zeros_of_an_old_workbook_are_kept() -> None:
    cells, report = read(WORKBOOKS / "xlwt.xls")
    assert cells[:3] == [
        ["id", "name", "zip", "date", "time", "pct", "flag", "err", "formula", "dur"],
        ["1", "näme 1", "01001", "2024-01-01", "10:30:01", "0.01", "TRUE", "#N/A", "", "14:24:00"],
        ["2", "näme 2", "01002", "2024-01-02", "10:30:02", "0.02", "FALSE", "#DIV/0!", "", "28:48:00"],
    ]
    assert [(note.kind, note.count) for note in report.notes] == [("formulas", 4), ("errors", 4), ("sheets", 1)]


def written(records: list[tuple[int, bytes]]) -> bytes:
    """Records with their numbers and lengths in groups of 7 bits."""
    result = bytearray()
    for kind, data in records:
        result += bytes([kind]) if kind < 128 else bytes([kind & 127 | 128, kind >> 7])
        length = len(data)
        while length > 127:
            result.append(length & 127 | 128)
            length >>= 7
        result.append(length)
        result += data
    return bytes(result)


@pytest.mark.parametrize("first", [0, 2])
def test_errors_and_hidden_rows_of_a_binary_workbook_are_kept(tmp_path: Path, first: int) -> None:
    """Also where its table starts at a later column."""
    path = tmp_path / "a.xlsb"
    with zipfile.ZipFile(XLSB) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == SHEET:
                records = list(binary_workbook._binary_records(data))
                assert written(records) == data
                numbers = [index for index, (kind, _) in enumerate(records) if kind == NUMBER]
                for index, (kind, code) in zip(numbers, [(ERROR, 0x2A), (FORMULA_ERROR, 0x07)], strict=False):
                    rest = struct.pack("<HI", 0, 0) if kind == FORMULA_ERROR else b""
                    records[index] = (kind, records[index][1][:8] + bytes([code]) + rest)
                rows = [index for index, (kind, _) in enumerate(records) if kind == ROW]
                hidden = bytearray(records[rows[3]][1])
                hidden[11] |= 0x10
                records[rows[3]] = (ROW, bytes(hidden))
                for index, (kind, cell) in enumerate(records):
                    if kind in CELLS:
                        records[index] = (kind, struct.pack("<I", first) + cell[4:])
                data = written(records)
            target.writestr(name, data)
    cells, report = read(path)
    assert cells[:4] == [["id"], ["#N/A"], ["#DIV/0!"], ["3"]]
    assert [note.kind for note in report.notes] == ["errors", "hidden_rows"]


def test_a_workbook_in_an_unusual_structure_is_read_and_what_cannot_be_told_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsb"
    with zipfile.ZipFile(XLSB) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            if name != "xl/styles.bin":
                target.writestr(name, source.read(name))
    cells, report = read(path)
    assert (len(cells), report.notes[0].kind) == (31, "errors_lost")
    assert report.notes[0].text.startswith("In a file of this kind, cells with errors such as #N/A are read as empty")
    assert read(XLSB)[1].notes == []


def test_errors_are_no_titles(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,n\n#N/A,#DIV/0!\n1,2\n3,4\n5,6\n")
    assert read(path)[1].notes == []


def test_a_container_whose_sectors_form_a_circle_is_given_up(tmp_path: Path) -> None:
    data = bytearray((WORKBOOKS / "xlwt.xls").read_bytes())
    directory = struct.unpack_from("<I", data, 48)[0]
    table = struct.unpack_from("<I", data, 76)[0]
    struct.pack_into("<I", data, (table + 1) * 512 + 4 * directory, directory)
    path = tmp_path / "a.xls"
    path.write_bytes(data)
    with pytest.raises(UnknownStructureError, match="does not end"):
        binary_workbook.cells(path, "xls", 0, 2)


def test_a_list_of_sectors_that_names_itself_is_read_no_further_than_the_file_is_long(tmp_path: Path) -> None:
    data = bytearray((WORKBOOKS / "xlwt.xls").read_bytes())
    table = struct.unpack_from("<I", data, 76)[0]
    data += bytes(100 * 1024)
    at = len(data) // 512 - 1
    data += struct.pack("<128I", *[table] * 127, at)
    struct.pack_into("<I", data, 68, at)
    path = tmp_path / "a.xls"
    path.write_bytes(data)
    tracemalloc.start()
    try:
        assert binary_workbook.cells(path, "xls", 0, 2).facts.errors == 4
        assert tracemalloc.get_traced_memory()[1] < 20 * len(data)
    finally:
        tracemalloc.stop()
