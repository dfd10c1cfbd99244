"""Tables of web pages and of workbooks that Excel 2003 saved as XML; other files that are no tables."""

from pathlib import Path

import pytest

from webapp.formats import html_reader, markup, open_source
from webapp.formats.errors import ImportFileError
from webapp.formats.xlsx import convert
from webapp.imports.inspect_file import inspect_file
from webapp.imports.report import ImportOverrides, InspectionReport

PAGE = "<!DOCTYPE html>\n<html><head><title>Trees</title></head><body><p>Hello</p>%s</body></html>"


def saved(folder: Path, data: str | bytes, name: str = "trees.html") -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def read(path: Path, sheet: str | None = None) -> tuple[list[list[str]], InspectionReport]:
    report = inspect_file(path, path.name, ImportOverrides(sheet=sheet))
    rows = [list(row) for batch in open_source(path, report.options).batches() for row in batch.rows]
    return [[column.title for column in report.columns], *rows], report


@pytest.mark.parametrize("name", ["trees.xls", "trees.html", "trees.csv", "trees"])
@pytest.mark.parametrize(
    "table",
    [
        "<table><tr><th>id</th><th>tree</th></tr><tr><td>1</td><td>oak</td></tr><tr><td>2</td><td>elm</td></tr></table>",
        "<TABLE><THEAD><TR><TH>id<TH>tree<TBODY><TR><TD>1<TD>oak<TR><TD>2<TD>elm",
        "<table>\n<td> id\n<td>\n <b>tree</b><style>td</style><tr><td>1<td>o<i>a</i>k<tr><td>2<td>elm</table>",
    ],
    ids=["closed", "unclosed", "pasted"],
)
def test_the_table_of_a_page_is_read_under_any_name(tmp_path: Path, table: str, name: str) -> None:
    cells = [["id", "tree"], ["1", "oak"], ["2", "elm"]]
    assert read(saved(tmp_path, PAGE % table, name))[0] == cells
    assert read(saved(tmp_path, "<table>" + table.partition(">")[2], name))[0] == cells


def test_cells_are_read_as_a_browser_shows_them(tmp_path: Path) -> None:
    table = (
        "<table><tr><th>a</th><th>b</th></tr>"
        "<tr><td> one\n  two </td><td>x<br>y<p>z</p></td></tr>"
        "<tr><td>R&amp;D &lt;1&gt; &eacute;&#x6728;</td><td>&nbsp;</td></tr></table>"
    )
    assert read(saved(tmp_path, PAGE % table))[0] == [["a", "b"], ["one two", "x\ny\nz"], ["R&D <1> é木", ""]]


def test_a_cell_over_several_columns_or_rows_has_its_text_once(tmp_path: Path) -> None:
    table = (
        "<table><tr><th>a</th><th>b</th><th>c</th></tr>"
        '<tr><td rowspan="2">1</td><td colspan=2>2</td></tr><tr><td>3</td><td>4</td></tr>'
        '<tr><td colspan="999999999">5</td></tr></table>'
    )
    path = saved(tmp_path, PAGE % table.replace('<tr><td colspan="999999999">5</td></tr>', "<tr><td>5</td></tr>"))
    cells, report = read(path)
    assert cells == [["a", "b", "c"], ["1", "2", ""], ["", "3", "4"], ["5", "", ""]]
    assert [(note.kind, note.count) for note in report.notes] == [("merged", 2), ("short", 1), ("footer", 1)]
    assert report.notes[0].text == "2 areas are merged: the value is in the first cell, the others are empty."
    assert markup.tables(saved(tmp_path, PAGE % table), "html")[0].columns == 1000


def test_the_largest_table_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    inner = "<table><caption>Oaks</caption><tr><td>a</td></tr><tr><td>1</td></tr></table>"
    page = PAGE % (
        f"<table><tr><td>menu</td><td>{inner}</td></tr></table>"
        "<table><caption>Elms</caption><tr><th>x</th><th>y</th></tr><tr><td>1</td><td>2</td></tr></table>"
        "<table></table>"
    )
    path = saved(tmp_path, page)
    cells, report = read(path)
    assert cells == [["x", "y"], ["1", "2"]]
    assert (report.sheets, report.sheet) == (["Table 1", "Oaks", "Elms"], "Elms")
    assert [note.text for note in report.notes] == [
        "This is “Elms”. The file also has: “Table 1” (1 row, 2 columns); “Oaks” (2 rows, 1 column)."
    ]
    assert read(path, "Oaks")[0] == [["a"], ["1"]]
    with pytest.raises(ImportFileError, match="no table “Ash”"):
        read(path, "Ash")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ('<meta charset="windows-1252"><table><tr><td>a<tr><td>é</table>'.encode("cp1252"), "é"),
        ("<html><table><tr><td>a<tr><td>木</table>".encode("utf-16"), "木"),
        (b'<html><meta charset="utf-8"><table><tr><td>a<tr><td>\xe9!</table>', r"\xE9!"),
    ],
    ids=["declared", "marked", "undecodable"],
)
def test_pages_are_decoded_as_they_say(tmp_path: Path, data: bytes, text: str) -> None:
    assert read(saved(tmp_path, data))[0] == [["a"], [text]]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("<!doctype html><title>Sign in</title><p>Please sign in", r"web page \(HTML\) without a table.*sign in"),
        ('<?xml version="1.0"?><feed><entry/></feed>', "XML file"),
        ('<?xml version="1.0"?>\n<!-- x --><svg xmlns="http://www.w3.org/2000/svg"/>', r"picture \(SVG\)"),
        (r"{\rtf1\ansi a\par}", "Rich Text"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x89PNG\r\n", "PNG"),
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"GIF89a", "GIF"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WebP"),
        (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0", "picture"),
        (b"\0\0\x01\0\x01\0\x10\x10", "picture"),
        (b"\0\0\0\x20ftypheic", "HEIC"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "7z"),
        (b"Rar!\x1a\x07\1\0", "RAR"),
        (b"SQLite format 3\0", "SQLite"),
        (b"PAR1\0", "Parquet"),
        (b"ARROW1\0\0", "Arrow"),
        (b"\x7fELF\2", "program"),
        (b"-----BEGIN PGP MESSAGE-----\n", "encrypted"),
        (b"Salted__\1\2", "encrypted"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "WordDocument".encode("utf-16-le"), "Word document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "password"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "damaged"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
def test_files_that_are_no_tables_are_refused_by_name(tmp_path: Path, data: str | bytes, words: str) -> None:
    with pytest.raises(ImportFileError, match=words):
        read(saved(tmp_path, data, "table.csv"))


WORKBOOK = """<?xml version="1.0"?>
<?mso-application progid="Excel.Sheet"?>
<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">
 <Worksheet ss:Name="Trees"><Table>
  <Row><Cell><Data ss:Type="String">id</Data></Cell><Cell ss:Index="3"><Data ss:Type="String">day</Data></Cell></Row>
  <Row ss:Index="5"><Cell><Data ss:Type="Number">1</Data></Cell><Cell><Data ss:Type="Boolean">1</Data></Cell>
   <Cell><Data ss:Type="DateTime">2024-01-02T00:00:00.000</Data></Cell></Row>
  <Row><Cell ss:MergeAcross="1"><Data ss:Type="String">R&amp;D
two</Data></Cell><Cell><Data ss:Type="Error">#N/A</Data></Cell></Row>
 </Table></Worksheet>
 <Worksheet ss:Name="Other"><Table><Row><Cell><Data ss:Type="Number">1</Data></Cell></Row></Table></Worksheet>
</Workbook>
"""


def test_a_workbook_saved_as_xml_is_read(tmp_path: Path) -> None:
    cells, report = read(saved(tmp_path, WORKBOOK, "trees.xls"))
    assert cells == [
        ["id", "column 2", "day"],
        ["1", "TRUE", "2024-01-02"],
        ["R&D\ntwo", "", "#N/A"],
    ]
    assert (report.sheets, report.sheet) == (["Trees", "Other"], "Trees")
    assert "“Other” (1 row, 1 column)" in report.notes[-1].text


def test_a_workbook_saved_as_xml_that_ends_early_is_refused_with_the_line(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match="damaged at line 8"):
        read(saved(tmp_path, WORKBOOK[: WORKBOOK.index("two</Data>") - 60], "trees.xls"))


def test_entities_are_refused(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY e{level} "{f"&e{level - 1};" * 10}">' for level in range(1, 10))
    text = WORKBOOK.replace("<Workbook", f'<!DOCTYPE x [<!ENTITY e0 "lol">{entities}]><Workbook').replace("two", "&e9;")
    with pytest.raises(ImportFileError, match="declares entities"):
        read(saved(tmp_path, text, "trees.xls"))


@pytest.mark.parametrize(
    "text",
    [
        "<table>" * 1_000_000,
        "<table><tr><td>a<td>b<tr><td>1<td>2" + "<div>" * 1_000_000,
        "<table><tr><td>a<td>b<tr><td>1<td>2" + "<td>" * 1_000_000,
        "<table><tr><td>a<td>b<tr><td>1<td>2</table>" + "<table><tr><td>x" * 300_000,
        "<table><tr><td>a<td>b<tr><td>1<td>2</table>" + "<" * 1_000_000,
        "<table><tr><td>a<td>b<tr><td>1<td>2</table><!--" + "x" * 20_000_000,
        "<table>" + '<tr><td rowspan="999" colspan="999">1' * 20_000,
    ],
    ids=["tables", "elements", "cells", "nested tables", "angles", "comment", "spans"],
)
def test_hostile_pages_are_read_or_refused_within_the_time_for_their_size(tmp_path: Path, text: str) -> None:
    """In their process, which the kernel ends when it has used more."""
    try:
        converted = convert(saved(tmp_path, text), None)
    except ImportFileError as error:
        refusal, sheets = str(error), 0
    else:
        refusal, sheets = "", len(converted.listing)
        converted.file.close()
    assert "processor time" not in refusal
    assert "took too long" not in refusal
    assert sheets <= 10_000


def test_tables_are_told_apart_50_deep(tmp_path: Path) -> None:
    inside = "<table><tr><td>x<td>y<tr><td>1<td>2"
    assert len(markup.tables(saved(tmp_path, inside * 60), "html")) == 50


ROWS = "<tr><th>id</th><th>tree</th></tr><tr><td>1</td><td>oak</td></tr><tr><td>2</td><td>elm</td></tr>"


@pytest.mark.parametrize("name", ["trees.html", "trees.csv"])
@pytest.mark.parametrize(
    "text",
    [
        f'<div class="x">\n<p>Trees</p><table>{ROWS}</table></div>',
        f"<tbody>{ROWS}</tbody>",
        f"Version:0.9\r\nStartHTML:00000097\r\n<html><body><!--StartFragment--><table>{ROWS}</table></body></html>",
        f"<!-- {'x' * 6000} --><table>{ROWS}</table>",
    ],
    ids=["in other elements", "rows alone", "clipboard", "long comment"],
)
def test_a_piece_of_a_page_is_read(tmp_path: Path, text: str, name: str) -> None:
    assert read(saved(tmp_path, text, name))[0] == [["id", "tree"], ["1", "oak"], ["2", "elm"]]


@pytest.mark.parametrize("text", ["<id>,<tree>\n1,oak\n2,elm\n", "<b>a</b>,n\n<i>b</i>,1\n<b>c</b>,2\n"])
def test_cells_in_angle_brackets_are_no_markup(tmp_path: Path, text: str) -> None:
    path = saved(tmp_path, text, "trees.csv")
    assert inspect_file(path, path.name).format == "csv"


def test_xml_that_does_not_say_so_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match="This is an XML file"):
        read(saved(tmp_path, "<rows>\n <row><id>1</id></row>\n <row><id>2</id></row>\n</rows>\n", "trees.csv"))


def test_what_a_page_does_not_show_is_no_part_of_a_cell(tmp_path: Path) -> None:
    hidden = 'el<span style="color:red; display: none">x<span>y</span>z<br></span>m<i style="DISPLAY:none">q'
    table = (
        f"<table><tr><th>a</th><th>b</th></tr><tr><td>{hidden}<td>1</td></tr><tr><td>oak</td><td>2</td></tr></table>"
    )
    assert read(saved(tmp_path, PAGE % table))[0] == [["a", "b"], ["elm", "1"], ["oak", "2"]]


def test_a_page_of_frames_is_refused_with_what_to_do(tmp_path: Path) -> None:
    page = '<html><frameset><frame src="book_files/sheet001.htm"></frameset></html>'
    with pytest.raises(ImportFileError, match="Upload the page of the sheet from that folder"):
        read(saved(tmp_path, page))


def test_formats_errors_formulas_and_hidden_parts_of_excel_2003_xml_are_kept_and_named(tmp_path: Path) -> None:
    sheets = "urn:schemas-microsoft-com:office:spreadsheet"
    styles = (
        '<Styles><Style ss:ID="z"><NumberFormat ss:Format="00000"/></Style>'
        '<Style ss:ID="t"><NumberFormat ss:Format="Short Time"/></Style></Styles>'
    )
    titles = "".join(f'<Cell><Data ss:Type="String">{title}</Data></Cell>' for title in ("zip", "at", "e", "f"))
    cells = (
        '<Cell ss:StyleID="z"><Data ss:Type="Number">501</Data></Cell>'
        '<Cell ss:StyleID="t"><Data ss:Type="DateTime">1899-12-31T10:30:00.000</Data></Cell>'
        '<Cell><Data ss:Type="Error">#DIV/0!</Data></Cell><Cell ss:Formula="=RC[-3]*2"/>'
    )
    columns = '<Column ss:Hidden="1"/><Column ss:Index="5" ss:Hidden="1" ss:Span="250"/>'
    options = (
        '<WorksheetOptions xmlns="urn:schemas-microsoft-com:office:excel"><Visible>SheetHidden</Visible>'
        "</WorksheetOptions>"
    )
    text = (
        f'<?xml version="1.0"?><Workbook xmlns="{sheets}" xmlns:ss="{sheets}">{styles}<Worksheet ss:Name="A"><Table>'
        f'{columns}<Row>{titles}</Row><Row ss:Hidden="1">{cells}</Row><Row>{cells}</Row></Table>'
        f'</Worksheet><Worksheet ss:Name="B"><Table>{f"<Row>{cells}</Row>" * 9}</Table>{options}</Worksheet></Workbook>'
    )
    found, report = read(saved(tmp_path, text, "a.xml"))
    assert found == [["zip", "at", "e", "f"], *[["00501", "10:30:00", "#DIV/0!", ""]] * 2]
    assert [(note.kind, note.count) for note in report.notes] == [
        ("formulas", 2), ("errors", 2), ("hidden_rows", 1), ("hidden_columns", 1), ("sheets", 1)
    ]  # fmt: skip
    assert "“B” (hidden, 9 rows, 4 columns)" in report.notes[-1].text


SHEETS = "urn:schemas-microsoft-com:office:spreadsheet"


def excel_2003(inner: str) -> str:
    return f'<?xml version="1.0"?><Workbook xmlns="{SHEETS}" xmlns:ss="{SHEETS}">{inner}</Workbook>'


WIDE = {
    "html": '<table><tr><td colspan="1000">1</td><td>2</td></tr>%s</table>' % ("<tr><td>1" * 5000),
    "xml": excel_2003(
        '<Worksheet><Table><Row><Cell ss:Index="1001"><Data>1</Data></Cell></Row>%s</Table></Worksheet>'
        % ("<Row><Cell><Data>1</Data></Cell></Row>" * 5000)
    ),
}


@pytest.mark.parametrize("name", WIDE)
def test_a_table_of_almost_only_empty_cells_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImportFileError, match="has 5,001 rows and 1,001 columns, almost all of them empty"):
        read(saved(tmp_path, WIDE[name], f"a.{name}"))


def test_a_workbook_saved_as_xml_of_very_many_sheets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match="more than 10,000 sheets"):
        read(saved(tmp_path, excel_2003("<Worksheet/>" * 10_001), "a.xml"))


def test_line_breaks_count_as_characters_of_a_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_reader, "MAX_LINE", 2000)
    with pytest.raises(ImportFileError, match="over 16 million characters"):
        markup.tables(saved(tmp_path, "<table><tr><td>a" + "<br>x" * 1000), "html")


def test_cells_are_read_below_what_is_visible_outside_of_a_sheet(tmp_path: Path) -> None:
    cells = "".join(f"<Row><Cell><Data>{text}</Data></Cell></Row>" for text in ("tree", "oak", "elm"))
    text = excel_2003(f"<Visible>1</Visible><Worksheet><Table>{cells}</Table></Worksheet>")
    assert read(saved(tmp_path, text, "a.xml"))[0] == [["tree"], ["oak"], ["elm"]]
