"""Excel workbooks: one sheet as people see it, and protection against harmful files."""

import errno
import tempfile
import weakref
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import openpyxl
import pytest

from webapp.formats import archive, open_source, workbook, xlsx
from webapp.formats.errors import ImportFileError
from webapp.imports.inspect_file import inspect_file
from webapp.imports.report import ImportOverrides, InspectionReport


def saved(directory: Path, *sheets: list[list[object]], hidden: tuple[int, ...] = ()) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets, 1):
        sheet = book.create_sheet(f"Sheet {number}")
        sheet.sheet_state = "hidden" if number in hidden else "visible"
        for row in rows:
            sheet.append(row)
    path = directory / "book.xlsx"
    book.save(path)
    return path


def read(path: Path, sheet: str | None = None) -> InspectionReport:
    return inspect_file(path, path.name, ImportOverrides(sheet=sheet))


def test_cells_are_read_as_excel_shows_them(tmp_path: Path) -> None:
    day, moment = date(2024, 1, 2), datetime(2024, 1, 2, 3, 4, 5)
    path = saved(
        tmp_path,
        [
            ["zip", "count", "price", "paid", "day", "moment", "clock", "note"],
            ["00501", 12345678901, 1.5, True, day, moment, time(3, 4), "a,\n“b”"],
            ["00502", -3, 1e-7, False, day, datetime(2024, 1, 3), timedelta(hours=30), None],
        ],
    )
    report = read(path)
    assert report.sample == [
        ["00501", "12345678901", "1.5", "TRUE", "2024-01-02", "2024-01-02 03:04:05", "03:04:00", "a,\n“b”"],
        ["00502", "-3", "0.0000001", "FALSE", "2024-01-02", "2024-01-03 00:00:00", "30:00:00", ""],
    ]
    types = [column.type for column in report.columns]
    assert types == ["text", "integer", "decimal", "boolean", "date", "datetime", "text", "text"]
    rows = [list(row) for batch in open_source(path, report.options).batches() for row in batch.rows]
    assert rows == report.sample


def test_empty_rows_and_columns_around_a_sheet_are_ignored(tmp_path: Path) -> None:
    path = saved(tmp_path, [[], [], [None, None, "a", "b"], [None, None, 1, None], [None, None, None, 2]])
    assert read(path).sample == [["1", ""], ["", "2"]]
    assert [column.title for column in read(path).columns] == ["a", "b"]


def test_rows_of_a_sheet_are_written_one_at_a_time(capfd: pytest.CaptureFixture[str]) -> None:
    class Row(list[object]):
        __hash__ = object.__hash__  # type: ignore[assignment]

    alive: weakref.WeakSet[Row] = weakref.WeakSet()
    most = 0

    def rows() -> Iterator[Row]:
        nonlocal most
        for number in range(100):
            row = Row([number, datetime(2024, 1, 1, number % 24) if number == 99 else date(2024, 1, 1)])
            alive.add(row)
            most = max(most, len(alive))
            yield row

    workbook._write_csv(rows)

    assert most <= 3
    assert capfd.readouterr().out.splitlines()[::99] == ["0,2024-01-01 00:00:00", "99,2024-01-01 03:00:00"]


def test_the_sheet_is_written_beside_the_workbook_or_to_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, [["a"], [1]])
    asked: list[object] = []
    make = tempfile.TemporaryFile

    def refused(*, prefix: str, dir: Path | None = None) -> object:
        asked.append(dir)
        if dir is not None:
            raise PermissionError(errno.EACCES, "no")
        return make(prefix=prefix)

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    assert read(path).rows == 1
    assert asked == [tmp_path, None]

    def nowhere(**where: object) -> object:
        raise OSError(errno.EROFS if "dir" in where else errno.ENOENT, "No usable temporary directory report")

    monkeypatch.setattr(tempfile, "TemporaryFile", nowhere)
    with pytest.raises(ImportFileError, match="Set TMPDIR"):
        read(path)


def test_every_line_end_stays_inside_its_cell(tmp_path: Path) -> None:
    """openpyxl writes a lone \\r so that it is read as \\n: it is put there by hand."""
    path = saved(tmp_path, [["note", "n"], ["a#b", 1], ["c\nd", 2]])
    parts = _parts(path)
    with zipfile.ZipFile(path, "w") as book:
        for name, data in parts.items():
            book.writestr(name, data.replace(b"a#b", b"a&#13;b"))
    assert read(path).sample == [["a\rb", "1"], ["c\nd", "2"]]


def test_the_child_that_opens_workbooks_finds_this_application_from_any_folder() -> None:
    assert (Path(xlsx._environment()["PYTHONPATH"]) / "webapp" / "formats" / "workbook.py").is_file()


def _parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as book:
        return {name: book.read(name) for name in book.namelist()}


def test_the_first_visible_sheet_with_rows_is_the_default(tmp_path: Path) -> None:
    path = saved(tmp_path, [["secret"], [1]], [], [["a"], [1]], [["b"], [2], [3]], hidden=(1,))
    assert read(path).sheets == ["Sheet 2", "Sheet 3", "Sheet 4"]
    assert (read(path).sheet, read(path).columns[0].title) == ("Sheet 3", "a")
    assert (read(path, "Sheet 4").rows, read(path, "Sheet 4").sheet) == (2, "Sheet 4")
    with pytest.raises(ImportFileError, match="no sheet “Sheet 9”"):
        read(path, "Sheet 9")


def test_empty_rows_are_skipped_and_an_empty_workbook_is_refused(tmp_path: Path) -> None:
    assert read(saved(tmp_path, [["a", "b"], [], [1, 2], [None, None], [3, 4]])).rows == 2
    with pytest.raises(ImportFileError, match="workbook is empty"):
        read(saved(tmp_path, []))


def test_progress_is_reported_in_bytes_of_the_workbook(tmp_path: Path) -> None:
    path = saved(tmp_path, [["a"], *([number] for number in range(100))])
    reported: list[int] = []
    inspect_file(path, path.name, ImportOverrides(), lambda bytes_read, rows: reported.append(bytes_read))
    assert reported[-1] == path.stat().st_size


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_truncated_workbook_is_refused_with_an_explanation(tmp_path: Path, keep: float) -> None:
    path = saved(tmp_path, [["a"], [1]])
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(ImportFileError, match="damaged"):
        read(path)


@pytest.mark.parametrize(
    ("offset", "value"), [(6, b"\x63"), (8, b"\x00\x08"), (10, b"\x0c"), (42, b"\xff\xff\xff\x7f")]
)
def test_an_unreadable_central_directory_is_reported_as_damage(tmp_path: Path, offset: int, value: bytes) -> None:
    """A version of ZIP to come, a name of no letters, an unusual compression, a place beyond the end."""
    path = saved(tmp_path, [["a"], [1]])
    data = bytearray(path.read_bytes())
    first = data.index(b"PK\x01\x02")
    data[first + offset : first + offset + len(value)] = value
    data[first + 46] = 0xFF
    path.write_bytes(data)
    with pytest.raises(ImportFileError, match="damaged"):
        read(path)


def test_a_workbook_with_a_damaged_sheet_is_refused_with_an_explanation(tmp_path: Path) -> None:
    path = saved(tmp_path, [["a"], [1]])
    broken = tmp_path / "broken.xlsx"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(broken, "w") as target:
        for name in source.namelist():
            target.writestr(name, b"<worksheet><sheetData><row" if "sheet1" in name else source.read(name))
    with pytest.raises(ImportFileError, match="damaged"):
        read(broken)


def test_a_zip_archive_that_is_not_a_workbook_is_refused_with_an_explanation(tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as target:
        target.writestr("a.txt", "a")
    with pytest.raises(ImportFileError, match="no Excel workbook"):
        read(path)


def forged(tmp_path: Path) -> Path:
    """A part of 64 MiB of zeros that claims to have 1,000 bytes."""
    path = tmp_path / "forged.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("xl/workbook.xml", b"\0" * (64 * archive.MIB))
    data = path.read_bytes()
    path.write_bytes(data.replace((64 * archive.MIB).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    return path


def test_a_zip_bomb_that_declares_a_false_size_is_refused(tmp_path: Path) -> None:
    path = forged(tmp_path)
    with zipfile.ZipFile(path) as source:
        assert source.infolist()[0].file_size == 1000
    with pytest.raises(ImportFileError, match="decompression ratio"):
        read(path)


def test_a_sheet_that_needs_too_much_memory_is_refused_with_an_explanation(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active["A1"] = 1
    book.active["XFD1048576"] = 1
    path = tmp_path / "huge.xlsx"
    book.save(path)
    with pytest.raises(ImportFileError, match="more memory"):
        read(path)


def test_a_full_disk_while_a_sheet_is_written_is_reported_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, [["a"], [1]])

    def full(**where: object) -> object:
        return Path("/dev/full").open("wb")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(ImportFileError, match="disk is full"):
        read(path)
