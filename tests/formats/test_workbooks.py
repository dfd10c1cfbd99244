"""Excel workbooks: one sheet as people see it, and protection against harmful files."""

import errno
import os
import subprocess
import sys
import tempfile
import weakref
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import openpyxl
import pytest

from tests.jobs.driver import children_of, is_running, kill
from tests.servers import ROOT, wait_for
from webapp.formats import archive, open_source, process, sheet_csv, xlsx
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
    assert types == ["text", "integer", "decimal", "boolean", "date", "datetime", "duration", "text"]
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

    sheet_csv.write_values(rows)

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
        target.writestr("b.txt", "b")
    with pytest.raises(ImportFileError, match=r"ZIP archive holds 2 files: a\.txt, b\.txt"):
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


# --- sheets that are larger than their file ---

_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def written(directory: Path, rows: str) -> Path:
    """A workbook whose only sheet has these rows, in XML: no library would write them."""
    path = directory / "written.xlsx"
    main, sheet = "officeDocument.spreadsheetml.sheet.main+xml", "officeDocument.spreadsheetml.worksheet+xml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml"'
        f' ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.{main}"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.{sheet}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"'
        f' Type="{_RELATION}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_SHEETS}" xmlns:r="{_RELATION}"><sheets><sheet name="Sheet 1"'
        ' sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"'
        f' Type="{_RELATION}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_SHEETS}"><sheetData>{rows}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in parts.items():
            package.writestr(name, text)
    return path


def cell(reference: str) -> str:
    return f'<c r="{reference}"><v>1</v></c>'


@pytest.mark.parametrize(
    "rows",
    [
        f"<row>{cell('A4294967295')}</row>",
        f'<row r="1">{cell("A1")}</row><row r="2">{cell("A1048577")}</row>',
        '<row r="99999999999"><c><v>1</v></c></row>',
        '<row r="4294967295"><c><v>1</v></c></row>',
        f'<row r="1">{cell("XFE1")}</row>',
        f'<row r="1">{cell("zzz1")}</row>',
        f'<row r="1">{cell("AAAA1")}</row>',
        f'<row r="1">{cell("A00001048577")}</row>',
        '<row\nspans="1:1" note="a > b"\tr = \'1048577\'><c><v>1</v></c></row>',
        '<x:row xmlns:x="u"><x:c s="1" r="A99999999"><x:v>1</x:v></x:c></x:row>',
    ],
)
def test_cells_where_no_sheet_has_any_are_refused_before_a_reader_makes_room_for_them(
    tmp_path: Path, rows: str
) -> None:
    with pytest.raises(ImportFileError, match="cells beyond row 1,048,576 or column XFD"):
        read(written(tmp_path, rows))


def test_a_far_reference_is_found_across_the_blocks_it_is_read_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, f'<row r="1">{cell("A1")}</row><row r="2">{cell("A4294967295")}</row>')
    for size in range(1, 40):
        monkeypatch.setattr(archive, "_BLOCK", size)
        with pytest.raises(ImportFileError, match="cells beyond"):
            archive.ensure_safe(path)


def test_the_last_cell_of_a_sheet_and_a_text_that_looks_like_a_far_one_are_read(tmp_path: Path) -> None:
    assert read(written(tmp_path, f'<row r="1048576">{cell("XFD1048576")}</row>')).sample == [["1"]]
    text = '&lt;c r="A4294967295"> and <![CDATA[row r="99999999"]]>'
    told = read(written(tmp_path, f'<row>{cell("A1")}</row><row><c t="inlineStr"><is><t>{text}</t></is></c></row>'))
    assert ['<c r="A4294967295"> and row r="99999999"'] in told.sample


def test_a_sheet_with_two_cells_far_apart_is_refused(tmp_path: Path) -> None:
    rows = f'<row r="1">{cell("A1")}</row><row r="1000000">{cell("Z1000000")}</row>'
    with pytest.raises(ImportFileError, match="1,000,000 rows and 26 columns, almost all of them empty"):
        read(written(tmp_path, rows))


def test_a_sheet_too_large_for_memory_is_refused(tmp_path: Path) -> None:
    rows = f'<row r="1">{cell("A1")}</row><row r="1048576">{cell("XFD1048576")}</row>'
    with pytest.raises(ImportFileError, match="more memory"):
        read(written(tmp_path, rows))


@pytest.fixture
def endless(tmp_path: Path) -> str:
    """A PYTHONPATH on which the native reader never ends, and a second of processor time is enough for any file."""
    folder = tmp_path / "endless"
    folder.mkdir()
    (folder / "python_calamine.py").write_text("while True: pass\n")
    (folder / "sitecustomize.py").write_text("from webapp.formats import process\nprocess.BASE_SECONDS = 1\n")
    return f"{folder}:{ROOT}"


def test_a_workbook_is_given_up_after_the_processor_time_that_fits_its_size(
    tmp_path: Path, endless: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx, "_environment", lambda: {"PYTHONPATH": endless})
    with pytest.raises(ImportFileError, match=r"far more processor time than .*given up. Save the sheet as CSV"):
        read(written(tmp_path, f'<row r="1">{cell("A1")}</row>'))


def test_the_reader_of_a_workbook_ends_with_its_parent_however_that_ends(tmp_path: Path, endless: str) -> None:
    path = written(tmp_path, f'<row r="1">{cell("A1")}</row>')
    (tmp_path / "endless" / "sitecustomize.py").unlink()
    program = (
        "import sys; from pathlib import Path; from webapp.formats import xlsx;"
        f" xlsx._environment = lambda: {{'PYTHONPATH': {endless!r}}}; xlsx.convert(Path(sys.argv[1]), None)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(path)], cwd=ROOT)
    wait_for(lambda: any(processor_time(child) > 0.5 for child in children_of(parent.pid)))  # it is reading
    (reader,) = children_of(parent.pid)
    kill(parent.pid)
    parent.wait()
    wait_for(lambda: not is_running(reader))


def processor_time(pid: int) -> float:
    """Seconds."""
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11]
    return int(ticks) / os.sysconf("SC_CLK_TCK")


def test_processor_time_grows_with_the_file() -> None:
    assert process.cpu_seconds(1_000) == 30
    assert process.cpu_seconds(100_000_000) == 1030


def test_a_workbook_gets_time_for_what_it_unpacks_to_but_not_for_what_it_claims(tmp_path: Path) -> None:
    path = saved(tmp_path, [[f"text {number}"] for number in range(5000)])
    size = path.stat().st_size
    assert size < archive.unpacked_size(path) <= 50 * size
    plain = tmp_path / "plain.csv"
    plain.write_text("a,b\n")
    assert archive.unpacked_size(plain) == 4
