"""OpenDocument spreadsheets: their values, errors, lines, hidden parts and repetitions."""

import zipfile
from pathlib import Path

import pytest

from webapp.formats import open_source, opendocument
from webapp.formats.errors import ImportFileError
from webapp.imports.inspect_file import inspect_file
from webapp.imports.report import ImportOverrides, InspectionReport

WORKBOOKS = Path(__file__).parent / "workbooks"
NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text", "style")
)
CALC = 'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
MIMETYPE = "application/vnd.oasis.opendocument.spreadsheet"
HIDDEN = '<style:style style:name="h"><style:table-properties table:display="false"/></style:style>'


def text(value: str) -> str:
    return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'


def cell(kind: str, attributes: str, shown: str = "") -> str:
    shown = f"<text:p>{shown}</text:p>" if shown else ""
    return f'<table:table-cell office:value-type="{kind}" {attributes}>{shown}</table:table-cell>'


def row(*cells: str, attributes: str = "") -> str:
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


def sheet(*rows: str, name: str = "S", style: str = "") -> str:
    return f'<table:table table:name="{name}" table:style-name="{style}">{"".join(rows)}</table:table>'


def document(path: Path, *sheets: str, manifest: str = "") -> Path:
    """A flat one if its name ends in .fods."""
    styles = f"<office:automatic-styles>{HIDDEN}</office:automatic-styles>"
    body = f"{styles}<office:body><office:spreadsheet>{''.join(sheets)}</office:spreadsheet></office:body>"
    if path.suffix == ".fods":
        root = f'<office:document {NAMES} {CALC} office:mimetype="{MIMETYPE}">'
        path.write_text(f'<?xml version="1.0"?>\n{root}{body}</office:document>', "utf-8")
        return path
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", MIMETYPE)
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr("content.xml", f"<office:document-content {NAMES} {CALC}>{body}</office:document-content>")
    return path


def read(path: Path, sheet: str | None = None) -> tuple[list[list[str]], InspectionReport]:
    report = inspect_file(path, path.name, ImportOverrides(sheet=sheet))
    rows = [list(row) for batch in open_source(path, report.options).batches() for row in batch.rows]
    return [[column.title for column in report.columns], *rows], report


def values(path: Path, *cells: str) -> list[str]:
    """What these cells are read as, each in a row of its own."""
    rows = [row(text("name"), text("value")), *(row(text("x"), cell) for cell in cells)]
    return [cells[1] for cells in read(document(path, sheet(*rows)))[0][1:]]


@pytest.mark.parametrize(
    ("kind", "attributes", "shown", "value"),
    [
        ("float", 'office:value="501"', "00501", "00501"),
        ("float", 'office:value="12345678"', "012-34-5678", "012-34-5678"),
        ("float", 'office:value="501"', "501", "501"),
        ("float", 'office:value="1234567"', "1 234 567", "1234567"),
        ("float", 'office:value="0.5"', "00", "0.5"),
        ("percentage", 'office:value="0.05"', "5%", "0.05"),
        ("currency", 'office:value="5.5" office:currency="EUR"', "5,50 €", "5.5"),
        ("date", 'office:date-value="2024-02-01"', "01.02.24", "2024-02-01"),
        ("date", 'office:date-value="2024-02-01T10:30:00"', "x", "2024-02-01 10:30:00"),
        ("date", 'office:date-value="-0044-03-15"', "x", "-0044-03-15"),
        ("time", 'office:time-value="PT10H30M00S"', "10:30", "10:30:00"),
        ("time", 'office:time-value="PT30H05M00S"', "30:05", "30:05:00"),
        ("boolean", 'office:boolean-value="true"', "WAHR", "TRUE"),
        ("string", 'office:string-value="" calcext:value-type="error" table:formula="of:=1/0"', "#DIV/0!", "#DIV/0!"),
        ("float", 'office:value="0" table:formula="of:=1/0"', "#DIV/0!", "#DIV/0!"),
        ("string", 'calcext:value-type="error" table:formula="of:=x"', "Err:508", "Err:508"),
        ("string", "", 'a<text:s text:c="2"/>b<text:line-break/>c</text:p><text:p>d', "a  b\nc\nd"),
        ("string", "", "1 &lt; <text:span>2</text:span>", "1 < 2"),
    ],
)
def test_a_cell_is_read_as_its_value(tmp_path: Path, kind: str, attributes: str, shown: str, value: str) -> None:
    assert values(tmp_path / "a.ods", cell(kind, attributes, shown)) == [value]


def test_a_flat_document_is_read(tmp_path: Path) -> None:
    assert values(tmp_path / "a.fods", cell("float", 'office:value="501"', "00501")) == ["00501"]


def test_comments_and_drawings_are_no_part_of_a_cell(tmp_path: Path) -> None:
    comment = "<office:annotation><text:p>a comment</text:p></office:annotation>"
    inner = f'<table:table-cell office:value-type="string">{comment}<text:p>oak</text:p></table:table-cell>'
    assert values(tmp_path / "a.ods", inner) == ["oak"]


def test_repeated_cells_and_rows_are_there_as_often_and_empty_ones_at_the_end_are_not(tmp_path: Path) -> None:
    twice = '<table:table-cell office:value-type="float" office:value="1" table:number-columns-repeated="2"/>'
    rest = '<table:table-cell table:number-columns-repeated="16382"/>'
    path = document(
        tmp_path / "a.ods",
        sheet(
            row(rest, attributes='table:number-rows-repeated="3"'),
            row(text("a"), text("b"), rest),
            row(twice, rest, attributes='table:number-rows-repeated="3"'),
            row(rest, attributes='table:number-rows-repeated="1048570"'),
        ),
    )
    assert read(path)[0] == [["a", "b"], ["1", "1"], ["1", "1"], ["1", "1"]]


def test_hidden_and_merged_parts_and_formulas_without_values_are_named(tmp_path: Path) -> None:
    merged = '<table:table-cell office:value-type="string" table:number-columns-spanned="2"><text:p>x</text:p>'
    path = document(
        tmp_path / "a.ods",
        sheet(row(text("cover")), name="Cover"),
        sheet(
            '<table:table-column/><table:table-column table:visibility="collapse" table:number-columns-repeated="99"/>',
            row(text("a"), text("b")),
            row(f"{merged}</table:table-cell><table:covered-table-cell/>", attributes='table:visibility="collapse"'),
            row(text("y"), '<table:table-cell table:formula="of:=1"/>'),
            row(text("z"), text("w")),
        ),
        sheet(row(text("p"), text("q")), row(text("1"), text("2")), row(text("3"), text("4")), name="T", style="h"),
        sheet(row(text("copy")), name="'file:///a.ods'#$Sheet1", style="h"),
    )
    cells, report = read(path)
    assert cells == [["a", "b"], ["x", ""], ["y", ""], ["z", "w"]]
    assert [note.kind for note in report.notes] == ["formulas", "merged", "hidden_rows", "hidden_columns", "sheets"]
    assert report.notes[-2].text == "1 hidden column is included."
    assert report.notes[-1].text == (
        "This is “S”. The file also has: “Cover” (1 row, 1 column); “T” (hidden, 3 rows, 2 columns)."
    )
    assert read(path, "T")[0] == [["p", "q"], ["1", "2"], ["3", "4"]]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("", "empty: none of its sheets"),
        (row(text("a"), text("b"), attributes='table:number-rows-repeated="99999999"'), "rows"),
        ("<table:table-row>", "damaged at line 1"),
        ("</table:table>" + '<table:table table:name="T"></table:table>' * 10_000 + "<table:table>", "10,000 sheets"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(tmp_path: Path, rows: str, words: str) -> None:
    with pytest.raises(ImportFileError, match=words):
        read(document(tmp_path / "a.ods", sheet(rows)))


def test_lines_count_as_characters_of_a_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opendocument, "MAX_LINE", 1000)
    path = document(tmp_path / "a.fods", sheet(row(cell("string", "", "</text:p><text:p>" * 1000))))
    with pytest.raises(ImportFileError, match="over 16 million characters"):
        opendocument.sheets(path)


def test_an_encrypted_document_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match="needs a password"):
        read(document(tmp_path / "a.ods", sheet(row(text("a"))), manifest="<manifest:encryption-data/>"))


def test_documents_of_other_writers_are_read() -> None:
    cells, report = read(WORKBOOKS / "odfpy.ods")
    assert cells[0] == ["id", "name", "date", "dt", "time", "pct", "cur", "flag", "err", "f"]
    stamp = "2024-02-01 10:30:00"
    assert cells[1] == ["1", "näme", "2024-02-01", stamp, "10:30:00", "0.05", "5", "TRUE", "#DIV/0!", ""]
    assert [note.kind for note in report.notes] == ["formulas", "errors"]
    assert read(WORKBOOKS / "pyexcel.ods")[0][2] == ["2.5", "y\nz", "2024-01-03", "FALSE", "15:00:00"]


def test_a_document_that_declares_entities_is_refused(tmp_path: Path) -> None:
    path = document(tmp_path / "a.fods", sheet(row(text("a"))))
    path.write_text(path.read_text().replace("<office:document ", '<!DOCTYPE x [<!ENTITY e "x">]><office:document ', 1))
    with pytest.raises(ImportFileError, match="declares entities"):
        read(path)
