"""Kinds of text files that are easily read wrongly: one column, odd delimiters, broken quotes, comments, encodings."""

from pathlib import Path
from typing import Any

import pytest

from tests.rowstore.backends import round_trip
from webapp.formats import open_source
from webapp.formats.errors import ImportFileError
from webapp.imports.inspect_file import inspect_file
from webapp.imports.report import ImportOverrides, InspectionReport
from webapp.rowstore.table_ref import Field

PEOPLE = "Ada Lovelace\nAlan Turing\nGrace Hopper\nEdsger Dijkstra\nBarbara Liskov\nDonald Knuth\n"
MOMENTS = "".join(f"2024-01-{number % 28 + 1:02} 10:{number:02}:00\n" for number in range(60))


def read(folder: Path, data: str | bytes, **decided: Any) -> tuple[InspectionReport, list[list[str]]]:
    """The report, and the rows as an export has them."""
    path = folder / "table.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    report = inspect_file(path, path.name, ImportOverrides(**decided))
    rows = [list(row) for batch in open_source(path, report.options).batches() for row in batch.rows]
    fields = [
        Field(number, column.title, column.type, column.format, column.keeps_texts)
        for number, column in enumerate(report.columns, 1)
    ]
    assert round_trip(fields, rows) == rows
    assert len(rows) == report.rows
    return report, rows


def titles(report: InspectionReport) -> list[str]:
    return [column.title for column in report.columns]


def kinds(report: InspectionReport) -> list[str]:
    return [note.kind for note in report.notes]


@pytest.mark.parametrize(
    ("title", "lines"),
    [
        ("name", PEOPLE),
        ("full name", PEOPLE),
        ("when", MOMENTS),
        ("start time", MOMENTS),
        ("address", "".join(f"{n} High Street{', Ulm' if n % 3 else ''}\n" for n in range(60))),
        ("tags", "a|b\nc\nd|e|f\ng\n"),
        ("keywords", "a; b\nc\nd; e; f\ng\n"),
        ("comment", "comment number n\n" * 500 + "one, with a comma\n" + "comment number n\n" * 500),
        ("person", "Lovelace, Ada\nTuring, Alan\nHopper, Grace\nKnuth, Donald\nLiskov, Barbara\n"),
        ("c0", "v0\na;b\n"),
        ("preis", "1,50\n2,75\n3,00\n4,25\n5,50\n6,00\n"),
        ("mac", "00:1b:44:11:3a:b7\n00:1b:44:11:3a:b8\n00:1b:44:11:3a:b9\n"),
        ("duration", "1:30:00\n2:15:30\n0:00:01\n"),
        ("date", "Jan 1, 2000\nFeb 3, 2001\nMar 3, 2002\n"),
        ("mail", "a@example.org\nb@example.org\nc@example.org\n"),
    ],
)
def test_a_file_of_one_column_stays_one_column(tmp_path: Path, title: str, lines: str) -> None:
    report, rows = read(tmp_path, f"{title}\n{lines}")
    assert titles(report) == [title]
    assert rows == [[line] for line in lines.splitlines()]
    assert report.rejected_count == 0


@pytest.mark.parametrize(
    ("titles", "row"),
    [
        ("ds,y", "2012-01-0{} 00:00:00,7926.529376"),
        ("date,temp", "2010/01/0{} 00:00,39.4"),
        ("time,load", "2012-01-0{} 10:05:00,250"),
        ("at,rate", "10:0{}:30,5"),
        ("id,length", "{},5m"),
        ("day,value", "Jan {} 2024,5.5"),
        ("2012-01-01 00:00", "2012-01-0{} 00:00,39.4"),
    ],
)
def test_a_time_and_a_number_are_two_columns(tmp_path: Path, titles: str, row: str) -> None:
    path = tmp_path / "series.csv"
    path.write_text("\n".join([titles, *(row.format(number) for number in range(1, 9))]))
    assert len(inspect_file(path, path.name).columns) == 2


def test_one_column_may_have_quotes_and_commas_far_below(tmp_path: Path) -> None:
    lines = [f"word {number}" for number in range(30_000)]
    report, rows = read(tmp_path, "\n".join(["text, quoted or not", '"a, ""b"""', *lines, "x, y"]))
    assert titles(report) == ["text, quoted or not"]
    assert rows == [['a, "b"'], *([line] for line in lines), ["x, y"]]


def test_each_line_can_be_made_one_cell(tmp_path: Path) -> None:
    report, rows = read(tmp_path, "a,b\n1,2\n", delimiter="none")
    assert (titles(report), rows) == (["a,b"], [["1,2"]])
    assert not report.differs(ImportOverrides(delimiter="none"), "delimiter")
    assert report.differs(ImportOverrides(delimiter=","), "delimiter")


@pytest.mark.parametrize(
    ("text", "delimiter", "first"),
    [
        ("a||b||c\n1||||3\n4||5||6\n", "||", ["1", "", "3"]),
        ("1::10:20::x\n2::11:30::y\n3::12:40::z\n", "::", ["1", "10:20", "x"]),
        ("a~|~b~|~c\n1~|~x~y~|~3\n4~|~5~|~6\n", "~|~", ["1", "x~y", "3"]),
        ('"a"^|^"b"\n"1^|^2"^|^"x"\n"3"^|^"y"\n', "^|^", ["1^|^2", "x"]),
        ("a|||b\n1|||2\n3|||4\n", "|||", ["1", "2"]),
        ("id@@mail\n1@@x@y.org\n2@@z@y.org\n", "@@", ["1", "x@y.org"]),
        ("id,,name\n1,,x\n2,,y\n3,,z\n", ",", ["1", "", "x"]),
    ],
)
def test_a_delimiter_may_have_several_characters(tmp_path: Path, text: str, delimiter: str, first: list[str]) -> None:
    report, rows = read(tmp_path, text)
    assert (report.delimiter, rows[0], report.rejected_count) == (delimiter, first, 0)
    assert read(tmp_path, text, delimiter=delimiter)[1] == rows


def test_columns_aligned_with_spaces_are_divided_where_all_lines_have_them(tmp_path: Path) -> None:
    text = (
        "NAME      READY   STATUS             RESTARTS     AGE\n"
        "pod-a     1/1     Running            0            5d\n"
        "pod-bb            CrashLoopBackOff   12           3h\n"
        "x         1/1     Running            3 (2d ago)   9d\n"
    )
    report, rows = read(tmp_path, text)
    assert titles(report) == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert rows[1:] == [["pod-bb", "", "CrashLoopBackOff", "12", "3h"], ["x", "1/1", "Running", "3 (2d ago)", "9d"]]
    assert not report.differs(ImportOverrides(delimiter="fixed"), "delimiter")
    assert InspectionReport.from_json(report.to_json()) == report


def test_a_cell_that_reaches_into_the_next_column_sets_its_line_aside(tmp_path: Path) -> None:
    lines = [f"{number:<10}{'x' * (number % 5):<8}end\n" for number in range(400)]
    report, rows = read(tmp_path, "".join([*lines, "1234567890123 end\n", *lines]))
    assert len(rows) == 800
    assert [row.line for row in report.rejected] == [401]


@pytest.mark.parametrize(
    "text",
    [
        "+----+------+\n| id | name |\n+----+------+\n|  1 | Ann  |\n|  2 | Bob  |\n+----+------+\n",
        " id | name\n----+------\n  1 | Ann\n  2 | Bob\n",
        "| id | name |\n|---:|:-----|\n| 1 | Ann |\n| 2 | Bob |\n",
        "id | name\n---|-----\n1 | Ann\n2 | Bob\n",
        "# Title\n\nSome text.\n\n| id | name |\n|---|---|\n| 1 | Ann |\n| 2 | Bob |\n",
    ],
)
def test_a_drawn_table_is_read_without_its_frame(tmp_path: Path, text: str) -> None:
    report, rows = read(tmp_path, text)
    assert (titles(report), rows) == (["id", "name"], [["1", "Ann"], ["2", "Bob"]])
    assert "drawn" in kinds(report)
    assert report.rejected_count == 0


def test_a_row_of_dashes_in_a_drawn_table_is_a_row(tmp_path: Path) -> None:
    _, rows = read(tmp_path, "| id | name |\n|---|---|\n| 1 | Ann |\n| - | - |\n")
    assert rows == [["1", "Ann"], ["-", "-"]]


@pytest.mark.parametrize("line", ["-" * 1_000_000 + "x", " " * 1_000_000 + "x", '"a",' * 250_000 + '"b"c'])
def test_a_hostile_line_takes_linear_time(tmp_path: Path, line: str) -> None:
    """Looked at from each character to the end, it would take hours."""
    path = tmp_path / "table.csv"
    path.write_text(f"a b\n--- ---\n{line}\n1 2\n")
    report = inspect_file(path, path.name, ImportOverrides(delimiter="drawn"))
    assert report.rows + report.rejected_count == 2
    report = inspect_file(path, path.name, ImportOverrides(delimiter=",", header=False))
    assert report.rows + report.rejected_count >= 3


def test_a_log_has_its_titles_in_the_line_of_fields(tmp_path: Path) -> None:
    report, rows = read(
        tmp_path,
        "#Software: IIS\n#Version: 1.0\n#Fields: date time cs-uri status\n"
        "2024-01-01 10:00:00 /a 200\n2024-01-01 10:00:01 /b 404\n"
        "#Fields: date time cs-uri status\n2024-01-01 10:00:02 /c 200\n",
    )
    assert titles(report) == ["date", "time", "cs-uri", "status"]
    assert [row[2] for row in rows] == ["/a", "/b", "/c"]
    assert [row.reason for row in report.rejected] == ["Line 6 is a comment."]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('n,t\n1,"he said "hi", then left"\n2,"ok"\n3,"a ""b"" c"\n',
         [["1", 'he said "hi", then left'], ["2", "ok"], ["3", 'a "b" c']]),
        ('a,b,c\n1,"x "y"",z\n2,"v",w\n3,t,u\n', [["1", 'x "y"', "z"], ["2", "v", "w"], ["3", "t", "u"]]),
        ('a,b\n"x" ,1\n"y, z" ,2\n"w" ,3\n', [["x", "1"], ["y, z", "2"], ["w", "3"]]),
        ('a, b, c\n1, "x, y", 2\n3, "z", 4\n', [["1", "x, y", "2"], ["3", "z", "4"]]),
        ('a\tb\tc\n1\t"x\ty\n2\tz"\tw\n3\tq\tr\n', [["1", '"x', "y"], ["2", 'z"', "w"], ["3", "q", "r"]]),
        ('a\tb\n1\t"open\n2\tx\n3\t5" disk\n', [["1", '"open'], ["2", "x"], ["3", '5" disk']]),
        ('id,txt\n1,"a\\"b"\n2,"c\\\\d"\n3,"e\\\nf"\n', [["1", 'a"b'], ["2", "c\\d"], ["3", "e\nf"]]),
        ("a|b\\|c|d\n1|x|y\n2|z\\\nw|q\n3|\\N|C:\\new\n",
         [["1", "x", "y"], ["2", "z\nw", "q"], ["3", "\\N", "C:\\new"]]),
        ("1\tx\\\ny\t2\n2\t\\N\t3\n3\ta\\\tb\t4\n", [["1", "x\ny", "2"], ["2", "\\N", "3"], ["3", "a\tb", "4"]]),
    ],
)  # fmt: skip
def test_odd_quotes_and_escapes_never_merge_or_lose_rows(tmp_path: Path, text: str, rows: list[list[str]]) -> None:
    report, read_rows = read(tmp_path, text)
    assert read_rows == rows
    assert report.rejected_count == 0


def test_rows_with_bare_quotes_are_read_alike_in_blocks_of_any_size(tmp_path: Path) -> None:
    text = 'id,note\n' + "".join(f'{number},"say "hi", {number}"\n' for number in range(30_000))  # fmt: skip
    report, rows = read(tmp_path, text)
    assert rows == [[str(number), f'say "hi", {number}'] for number in range(30_000)]
    assert report.rejected_count == 0


def test_an_escaped_line_end_at_the_end_of_a_block_does_not_end_the_row(tmp_path: Path) -> None:
    """Cells of a kilobyte, so that many of these line ends are at the end of what is read at once."""
    text = "".join(f"{number}\t{'x' * 500}\\\n{'y' * 500}\tz\tw\n" for number in range(2_000))
    report, rows = read(tmp_path, text)
    assert (report.escape, len(rows), report.rejected_count) == ("\\", 2_000, 0)
    assert {row[1] for row in rows} == {"x" * 500 + "\n" + "y" * 500}


def test_a_row_that_may_have_swallowed_others_is_pointed_out(tmp_path: Path) -> None:
    report, _ = read(tmp_path, "a,b,c\n" + "1,2,3\n" * 30_000 + '5,"A,b\n6,C",d\n' + "7,8,9\n")
    assert [(note.kind, note.lines[0][0], note.undo) for note in report.notes] == [
        ("joined", 30_002, {"quote": "none"}),
    ]  # fmt: skip


def test_rows_that_may_have_swallowed_others_are_found_among_rows_of_several_lines(tmp_path: Path) -> None:
    harmless = '1,"two\nlines",3\n' * 3 + '"a,\nb,c,d",2,3\n'  # no comma, and parts that are no rows
    swallowed = '5,"A,b\n6,C",d\n'
    report, _ = read(tmp_path, "a,b,c\n" + harmless + swallowed + "1,2,3\n" * 30_000 + swallowed)
    (note,) = report.notes
    assert (note.kind, note.count, note.lines) == ("joined", 2, [(10, "5,A,b"), (30_012, "5,A,b")])


@pytest.mark.parametrize(
    ("text", "header", "first_title", "rows"),
    [
        ("1e-3,2E+5\n3e4,1.0e2\n5e-1,1e1\n", False, "column 1", 3),
        ("2024-01-01T10:00:00Z,1\n2024-01-02T10:00:00Z,2\n", False, "column 1", 2),
        ("# a\n" * 300 + "id,x\n1,2\n3,4\n", True, "id", 2),
        ("# one, two, three\n" * 9_000 + "id;x\n1;2\n3;4\n", True, "id", 2),
        ("# a,,\n# b,,\nid,x,y\n1,2,3\n", True, "id", 1),
        ("# made by me\n# x y z\n1.0 2.0 3.0\n4.0 5.0 6.0\n7.0 8.0 9.0\n", True, "x", 3),
        ("% a\n% b\n1 2 3\n4 5 6\n7 8 9\n", False, "column 1", 3),
        (",0,1,2\n0,5,6,7\n1,8,9,1\n", True, "column 1", 2),
        ("id,1,2\nr,yes,no\ns,no,no\nt,no,yes\n", True, "id", 3),
        ("date,1.38,1.4\n30/01/2031,5,6\n29/01/2031,7,8\n28/01/2031,7,8\n", True, "date", 3),
        ("name,kind\na,kind\nb,kind\nc,x\n", True, "name", 3),
        ("a,x\nb,x\na,x\nb,y\n", False, "column 1", 4),
        ("id,n\n1,2\nid,n\n3,4\n", True, "id", 3),
        ("Sales 2024\nx,y\n" + "1,2\n" * 9, True, "x", 9),
        ('"No","Remark"\nx,y\nz,w\n', True, "No", 2),
        ("#foo,1\n#bar,2\n#baz,3\n", False, "column 1", 3),
        ("sep=\t\na\tb\n1\t2\n", True, "a", 1),
        ("sep=,\nname\nx\ny\n", True, "name", 2),
    ],
)  # fmt: skip
def test_the_titles_of_hard_files_are_found(
    tmp_path: Path, text: str, header: bool, first_title: str, rows: int
) -> None:
    report, _ = read(tmp_path, text)
    assert (report.header, titles(report)[0], report.rows) == (header, first_title, rows)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("time,speed\n(s),(m/s)\n1,2.5\n2,3.5\n3,4.5\n", "second_header"),
        ("A,A,B\nmin,max,avg\n1,2,3\n4,5,6\n7,8,9\n", "second_header"),
        ("item,n\na,1\nb,2\nTotal,3\n", "total"),
        ("a,b,c\n1,2,3\n4,5,6\nSource: me\n", "footer"),
        ("a,b\n1,2\na,b\n3,4\n", "repeated"),
        ('"a\nb",c\n1,2\n', "titles"),
        ("a,b,c\n1,2,3\n4\n", "short"),
        ("id,tree\n--,----\n1,oak\n2,elm\n", "drawn"),
    ],
)
def test_what_looks_odd_is_told_and_kept(tmp_path: Path, text: str, kind: str) -> None:
    report, rows = read(tmp_path, text)
    assert kind in kinds(report)
    assert len(rows) == text.count("\n") - report.title_lines - report.drawn_lines
    assert kind in {note["kind"] for note in report.summary()["notes"]}


@pytest.mark.parametrize(
    "text",
    [
        "Report\nby me\n\na,b,c\n1,2,3\n4,5,6\n",
        "# a\n# b\na;b\n1;2\n3;4\n",
        "A,A,B\nmin,max,avg\n1,2,3\n4,5,6\n7,8,9\n",
        "+---+---+\n| a | b |\n+---+---+\n| 1 | 2 |\n| 3 | 4 |\n+---+---+\n",
    ],
)
def test_what_was_left_out_can_be_taken_back(tmp_path: Path, text: str) -> None:
    report, _ = read(tmp_path, text)
    for note in report.notes:
        if note.undo:
            again, _ = read(tmp_path, text, **note.undo)
            assert note.kind not in kinds(again)


def test_the_account_of_a_file_adds_up_to_its_lines(tmp_path: Path) -> None:
    report, _ = read(tmp_path, 'Report\nof today\n\na,b,c\n1,2,3\n4,5\n\n6,"x\ny",7\n1,2,3,4\n8,9,0\n')
    assert report.account == "11 lines: 2 above the table, 1 title row, 4 rows, 1 rejected, 2 blank, 1 inside cells"
    assert [(note.kind, note.count, note.lines) for note in report.notes] == [
        ("above", 2, [(1, "Report"), (2, "of today")]),
        ("short", 1, [(6, "4,5")]),
    ]


@pytest.mark.parametrize("data", ["\n", "\ufeff", "\ufeff\r\n\r\n"])
def test_a_file_without_any_cell_has_no_columns_and_no_rows(tmp_path: Path, data: str) -> None:
    report, rows = read(tmp_path, data)
    assert (titles(report), rows, report.blank_lines) == ([], [], data.count("\n"))


@pytest.mark.parametrize("data", [" \n\t\n", "  ", "\xa0\n"])
def test_a_file_of_blank_lines_is_refused(tmp_path: Path, data: str) -> None:
    with pytest.raises(ImportFileError, match="nothing but blank lines"):
        read(tmp_path, data)


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("cp932", "id,町\n1,東京\n2,大阪\n"), ("cp932", "名前,年齢\nさくら,5\n"), ("cp932", "name\n田中太郎\n"),
        ("cp932", "会社,数\nトヨタ,1\nソニー,2\n"), ("euc_jp", "id,町\n1,東京\n2,ひろしま\n"),
        ("gb18030", "编号,城市\n1,北京\n2,上海\n"), ("gb18030", "姓名,年龄\n张伟,30\n李娜,25\n"),
        ("gb18030", "id,city\n1,广州\n2,深圳\n"), ("gb18030", "id,name\n1,王芳\n"),
        ("cp950", "編號,城市\n1,台北\n2,高雄\n"), ("cp950", "id,city\n1,香港\n2,九龍\n"),
        ("cp949", "이름,도시\n김철수,서울\n"), ("cp949", "id,name\n1,부산\n2,대구\n"),
        ("cp1251", "город,имя\nМосква,Анна\n"), ("cp1251", "имя\nОльга\n"), ("cp1251", "id,city\n1,Київ\n2,Львів\n"),
        ("cp1251", "ID,ГОРОД\n1,МОСКВА\n"), ("koi8-r", "id,name\n1,Иван\n2,Петр\n"),
        ("cp866", "id,name\n1,Иван\n2,Ольга\n"), ("cp1253", "πόλη,όνομα\nΑθήνα,Γιάννης\n"),
        ("cp1255", "id,name\n1,שלום\n"),
        ("cp1252", "name\nCafé\n"), ("cp1252", "a,b\nMüller,Köln\nStraße,x\n"), ("cp1252", "AÇÃO,NÃO\nSÃO PAULO,1\n"),
        ("cp1252", "price\n5 €\n10 £\n"), ("cp1252", "t\n20 °C\n"), ("cp1252", "x\nÀ la carte\nÉté\n"),
        ("cp1252", "n\nÄÖÜ\näöü\n"), ("cp1252", "x\n½\n²\n"), ("cp1252", "name\nÅse Øberg\nÖzil\n"),
        ("cp1250", "imię,miasto\nŁukasz,Łódź\nPaweł,Gdańsk\n"), ("cp1250", "jméno\nJiří\nTomáš\nŘehoř\nDěčín\n"),
        ("cp1250", "név\nSándor\nGyőr\nTűzoltó\nFürdő\n"), ("cp1250", "grad\nŠibenik\nČakovec\nĐakovo\n"),
        ("iso8859-2", "město\nPlzeň\nTomáš\nŘehoř\n"), ("cp1254", "ad,şehir\nAyşe,İstanbul\nÇağrı,Muğla\n"),
        ("cp1257", "vardas\nJūratė\nŽydrūnas\nŠiauliai\n"), ("cp850", "name,ort\nJürgen,Köln\nBärbel,Münster\n"),
        ("mac-roman", "nom,ville\nAndré,Orléans\nZoë,Nîmes\n"),
        ("cp1252", "nom,ville\nAndré,Orléans\nZoë,Besançon\nHélène,Évry\nFrançoise,Nîmes\nnuméro,où\ndéjà,x\n"),
        ("cp1252", "palabra\nEspaña\nPeñíscola\nCádiz\nMuñoz\nMálaga\nÁvila\nNúñez\nLeón\naño\n"),
        ("utf-16-le", "编号,城市\n1,北京\n2,上海\n"), ("utf-16-be", "編號,名\n一,台北\n二,高雄\n"),
        ("utf-16-le", "имя,город\nИван,Москва\n"), ("utf-16-be", "이름,값\n서울,3\n"),
    ],
)  # fmt: skip
def test_a_short_file_is_read_in_its_encoding(tmp_path: Path, codec: str, text: str) -> None:
    report, rows = read(tmp_path, text.encode(codec))
    assert report.encoding == codec
    assert [titles(report), *rows][-len(rows) :] == [line.split(",") for line in text.splitlines()][-len(rows) :]


def test_utf_8_with_an_odd_row_stays_utf_8_in_a_file_of_two_rows(tmp_path: Path) -> None:
    report, rows = read(tmp_path, "id,name\n1,été\n2,caf".encode() + b"\xe9\n")
    assert (report.encoding, rows) == ("utf-8", [["1", "été"]])
    assert [row.line for row in report.rejected] == [3]


def test_a_zero_byte_in_ascii_is_not_utf_16(tmp_path: Path) -> None:
    report, rows = read(tmp_path, b"a,b\n1,x\0y\n2,\xe9\n")
    assert (report.encoding, rows[0]) == ("cp1252", ["1", "x\0y"])
