"""What workbooks hold besides plain values: errors, padded numbers, unusual dates, hidden and merged cells."""

import zipfile
from html import escape
from pathlib import Path

import openpyxl
import pytest

from webapp.formats import number_format, open_source, package
from webapp.formats.errors import ImportFileError
from webapp.imports.inspect_file import inspect_file
from webapp.imports.report import ImportOverrides, InspectionReport

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
DATE, STAMP, CLOCK, ELAPSED, POSTCODE, SOCIAL, PLAIN = range(1, 8)
FORMATS = ("yyyy-mm-dd", "dd/mm/yyyy hh:mm", "h:mm", "[h]:mm:ss", "00000", r"000\-00\-0000", '0.00" kg"')


def workbook(path: Path, *cells: str, is_1904: bool = False, prefix: str = "", slash: str = "/") -> Path:
    """A workbook of a single sheet, whose second column has these cells; without a row for titles."""
    p = f"{prefix}:" if prefix else ""
    xmlns = f'xmlns:{prefix}="{MAIN}"' if prefix else f'xmlns="{MAIN}"'
    label = f'<{p}c t="inlineStr"><{p}is><{p}t>row</{p}t></{p}is></{p}c>'
    rows = "".join(f'<{p}row r="{row}">{label}{cell}</{p}row>' for row, cell in enumerate(cells, 1))
    codes = "".join(
        f'<numFmt numFmtId="{number}" formatCode="{escape(code, quote=True)}"/>'
        for number, code in enumerate(FORMATS, 170)
    )
    styles = "".join(f'<xf numFmtId="{number}"/>' for number, _ in enumerate(FORMATS, 170))
    parts = {
        "_rels/.rels": relations(("officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><workbookPr date1904="{is_1904:d}"/>'
        '<sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(("worksheet", "worksheets/sheet1.xml"), ("styles", "styles.xml")),
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><numFmts>{codes}</numFmts>'
        f'<cellXfs><xf numFmtId="0"/>{styles}</cellXfs></styleSheet>',
        "xl/worksheets/sheet1.xml": f"<{p}worksheet {xmlns}><{p}sheetData>{rows}</{p}sheetData></{p}worksheet>",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name.replace("/", slash), text)
    return path


def relations(*targets: tuple[str, str]) -> str:
    listed = "".join(
        f'<Relationship Id="r{number}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{RELATIONS}">{listed}</Relationships>'


def number(value: str, style: int) -> str:
    return f'<c s="{style}"><v>{value}</v></c>'


def read(path: Path, sheet: str | None = None) -> tuple[list[list[str]], InspectionReport]:
    report = inspect_file(path, path.name, ImportOverrides(sheet=sheet, header=False))
    return [list(row) for batch in open_source(path, report.options).batches() for row in batch.rows], report


def second_column(path: Path) -> list[str]:
    return [row[1] for row in read(path)[0]]


ERRORS = (
    "#N/A",
    "#DIV/0!",
    "#NAME?",
    "#REF!",
    "#VALUE!",
    "#NUM!",
    "#NULL!",
    "#SPILL!",
    "#CALC!",
    "#FIELD!",
    "#BUSY!",
    "#NEW!",
)


@pytest.mark.parametrize("prefix", ["", "x"])
def test_errors_are_kept_as_text(tmp_path: Path, prefix: str) -> None:
    p = f"{prefix}:" if prefix else ""
    cells = [f'<{p}c s="1" t="e" vm="1"><{p}f>1/0</{p}f><{p}v>{error}</{p}v></{p}c>' for error in ERRORS]
    path = workbook(tmp_path / "a.xlsx", *cells, prefix=prefix)
    assert second_column(path) == list(ERRORS)
    assert [note.text for note in read(path)[1].notes] == ["12 cells hold errors such as #N/A, kept as text."]


def test_a_row_of_errors_only_stays(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in [["a", "b"], [1, 2], ["#N/A", "#N/A"], [3, 4]]:
        book.active.append(row)
    path = tmp_path / "a.xlsx"
    book.save(path)
    assert read(path)[0] == [["a", "b"], ["1", "2"], ["#N/A", "#N/A"], ["3", "4"]]


@pytest.mark.parametrize(
    ("value", "style", "text"),
    [
        ("2035", POSTCODE, "02035"),
        ("2035.0", POSTCODE, "02035"),
        ("123456", POSTCODE, "123456"),
        ("-5", POSTCODE, "-5"),
        ("1.5", POSTCODE, "1.5"),
        ("0", POSTCODE, "00000"),
        ("12345678", SOCIAL, "012-34-5678"),
        ("1.5", PLAIN, "1.5"),
        ("60", DATE, "1900-02-29"),
        ("60.25", STAMP, "1900-02-29 06:00:00"),
        ("59", DATE, "1900-02-28"),
        ("61", DATE, "1900-03-01"),
        ("1", DATE, "1900-01-01"),
        ("0", DATE, "0"),
        ("-1", DATE, "-1"),
        ("-0.5", CLOCK, "-0.5"),
        ("0.5", CLOCK, "12:00:00"),
        ("0", CLOCK, "00:00:00"),
        ("2958465", DATE, "9999-12-31"),
        ("2958466", DATE, "2958466"),
        ("1e12", DATE, "1000000000000"),
        ("1.6673726851851853", ELAPSED, "40:01:01"),
        ("2.5", ELAPSED, "60:00:00"),
        ("-1.5", ELAPSED, "-36:00:00"),
        ("1e12", ELAPSED, "1000000000000"),
    ],
)
def test_numbers_are_read_as_their_format_shows_them(tmp_path: Path, value: str, style: int, text: str) -> None:
    assert second_column(workbook(tmp_path / "a.xlsx", number(value, style))) == [text]


@pytest.mark.parametrize(
    ("value", "text"), [("0", "1904-01-01"), ("0.5", "1904-01-01 12:00:00"), ("60", "1904-03-01"), ("-1", "-1")]
)
def test_days_are_counted_from_1904_where_the_workbook_says_so(tmp_path: Path, value: str, text: str) -> None:
    assert second_column(workbook(tmp_path / "a.xlsx", number(value, STAMP), is_1904=True)) == [text]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2024-01-05", "2024-01-05"),
        ("2024-01-05T10:30:00", "2024-01-05 10:30:00"),
        ("10:30:00", "10:30:00"),
        ("PT10H30M", "10:30:00"),
        ("P1DT2H", "26:00:00"),
        ("PT36H0M5.5S", "36:00:05"),
    ],
)
def test_dates_of_strict_workbooks_are_in_iso_8601(tmp_path: Path, value: str, text: str) -> None:
    path = workbook(tmp_path / "a.xlsx", f'<c s="1" t="d"><v>{value}</v></c>')
    assert second_column(path) == [text]


def test_a_text_that_looks_like_a_duration_stays(tmp_path: Path) -> None:
    assert second_column(workbook(tmp_path / "a.xlsx", '<c t="str"><v>PT10H30M</v></c>')) == ["PT10H30M"]


def test_formulas_without_a_value_are_counted(tmp_path: Path) -> None:
    cells = (
        "<c><f>1+1</f></c>",
        "<c><f>1+1</f><v></v></c>",
        "<c><f>1+1</f><v/></c>",
        '<c><f t="shared" si="0"/></c>',
        "<c><f>1+1</f><v>2</v></c>",
        '<c t="str"><f>""</f><v></v></c>',
        "<c/>",
    )
    path = workbook(tmp_path / "a.xlsx", *cells)
    assert second_column(path) == ["", "", "", "", "2", "", ""]
    assert read(path)[1].notes[0].text.startswith("4 formulas have no stored value, so the cells are empty.")


def test_merged_and_hidden_cells_are_said(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for number_ in range(6):
        book.active.append([number_, number_ + 1, number_ + 2])
    book.active.merge_cells("A2:A3")
    book.active.row_dimensions[4].hidden = book.active.row_dimensions[5].hidden = True
    book.active.column_dimensions["C"].hidden = True
    path = tmp_path / "a.xlsx"
    book.save(path)
    rows, report = read(path)
    assert len(rows) == 6
    assert [note.text for note in report.notes] == [
        "1 area is merged: the value is in the first cell, the others are empty.",
        "2 hidden rows are included.",
        "1 hidden column is included.",
    ]
    assert [(note.kind, note.count) for note in report.notes] == [
        ("merged", 1),
        ("hidden_rows", 2),
        ("hidden_columns", 1),
    ]


def test_only_hidden_columns_of_the_table_are_counted(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in range(3, 8):
        for column in range(3, 6):
            book.active.cell(row, column, f"{row}-{column}")
    for column in "AEHIJ":
        book.active.column_dimensions[column].hidden = True
    path = tmp_path / "a.xlsx"
    book.save(path)
    assert [note.text for note in read(path)[1].notes] == ["1 hidden column is included."]


@pytest.mark.parametrize("slash", ["\\", "/"])
def test_parts_are_found_whatever_the_slashes_and_case(tmp_path: Path, slash: str) -> None:
    path = workbook(tmp_path / "a.xlsx", number("60", DATE), number("2", POSTCODE), slash=slash)
    assert second_column(path) == ["1900-02-29", "00002"]
    renamed = tmp_path / "b.xlsx"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(renamed, "w") as target:
        for info in source.infolist():
            target.writestr(info.orig_filename.replace("workbook.xml", "WorkBook.xml"), source.read(info))
    assert second_column(renamed) == ["1900-02-29", "00002"]


def sheets(path: Path, *contents: tuple[str, list[list[object]], str]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows, state in contents:
        sheet = book.create_sheet(name)
        sheet.sheet_state = state
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_the_first_sheet_that_is_a_table_is_preferred_and_all_are_listed(tmp_path: Path) -> None:
    table: list[list[object]] = [["id", "n"], [1, 2], [3, 4]]
    path = sheets(
        tmp_path / "a.xlsx",
        ("Secret", table, "veryHidden"),
        ("About", [["Report on trees"], [], ["2024"], ["Made by", "us"]], "visible"),
        ("Empty", [], "visible"),
        ("Trees", table, "visible"),
        ("More", table[:2], "visible"),
    )
    rows, report = read(path)
    assert (report.sheet, rows) == ("Trees", [["id", "n"], ["1", "2"], ["3", "4"]])
    assert report.sheets == ["About", "Empty", "Trees", "More"]
    assert report.listing == [
        {"name": "Secret", "rows": 3, "columns": 2, "hidden": True},
        {"name": "About", "rows": 4, "columns": 2, "hidden": False},
        {"name": "Empty", "rows": 0, "columns": 0, "hidden": False},
        {"name": "Trees", "rows": 3, "columns": 2, "hidden": False},
        {"name": "More", "rows": 2, "columns": 2, "hidden": False},
    ]
    assert [note.text for note in report.notes] == [
        "This is “Trees”. The file also has: “Secret” (hidden, 3 rows, 2 columns); “About” (4 rows, 2 columns);"
        " “Empty” (empty); “More” (2 rows, 2 columns)."
    ]
    assert read(path, "Secret")[0] == rows


def test_a_workbook_of_texts_only_is_read(tmp_path: Path) -> None:
    assert read(sheets(tmp_path / "a.xlsx", ("S", [["one"], ["two"]], "visible")))[0] == [["one"], ["two"]]


def test_a_part_that_declares_entities_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", number("1", DATE))
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(tmp_path / "b.xlsx", "w") as target:
        for info in source.infolist():
            data = source.read(info)
            entity = b'<!DOCTYPE x [<!ENTITY a "b">]>' if info.filename.endswith("styles.xml") else b""
            target.writestr(info.filename, entity + data)
    with pytest.raises(ImportFileError, match="declares entities"):
        read(tmp_path / "b.xlsx")


def test_a_row_that_is_not_written_in_blocks_is_changed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a block ends."""
    cells = [f'<c s="{POSTCODE}"><v>{value}</v></c>' for value in range(50)]
    path = workbook(tmp_path / "a.xlsx", *cells)
    expected = [f"{value:05}" for value in range(50)]
    for block in range(1, 60, 7):
        monkeypatch.setattr(package, "_BLOCK", block)
        with (tmp_path / "copy.xlsx").open("w+b") as copy:
            assert package.prepare(path, copy)[1]
        assert second_column(tmp_path / "copy.xlsx") == expected


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("General", ""),
        ("0", ""),
        ("0.00", ""),
        ("00.0", ""),
        ("#,##0", ""),
        ('0" days"', ""),
        ("@", ""),
        ("00000", "zeros"),
        ("00000;-00000", "zeros"),
        ("0000 0000", "zeros"),
        ("yyyy", "date"),
        ("mmm yy", "date"),
        ("[$-409]d/m/yy h:mm AM/PM", "date"),
        ("h:mm AM/PM", "time"),
        ("mm:ss.0", "time"),
        ("[hh]:mm", "elapsed"),
        ("[Red]0", ""),
        ('"Q"0', ""),
    ],
)
def test_kinds_of_number_formats(code: str, kind: str) -> None:
    assert number_format.kind(200, code) == kind


def test_the_list_of_sheets_may_be_where_the_package_says(tmp_path: Path) -> None:
    usual = workbook(tmp_path / "usual.xlsx", number("501", POSTCODE), number("2", POSTCODE))
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(usual) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            data = source.read(name).replace(b'"xl/workbook.xml"', b'"workbook.xml"')
            target.writestr(name.removeprefix("xl/"), data)
    assert second_column(path) == second_column(usual) == ["00501", "00002"]


def test_a_workbook_whose_sheet_has_a_name_that_no_program_writes_is_refused(tmp_path: Path) -> None:
    usual = workbook(tmp_path / "usual.xlsx", number("1", PLAIN))
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(usual) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name).replace(b'name="S"', b'name="%s"' % (b"S" * 256)))
    with pytest.raises(ImportFileError, match="a name of more than 255 characters"):
        read(path)
