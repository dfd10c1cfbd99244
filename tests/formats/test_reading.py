"""Any table of strings survives: written in any dialect and encoding, read, stored, printed, equal cell for cell."""

import codecs
import csv
import io
import json
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.rowstore.backends import column, round_trip
from tests.servers import ROOT
from webapp.formats import ReadOptions, blocks, open_source, records
from webapp.formats.errors import ImportFileError
from webapp.formats.records import parser_arguments
from webapp.imports.inspect_file import inspect_file
from webapp.imports.report import ImportOverrides, InspectionReport

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "cp1251", "gb18030", "shift_jis"]
CELLS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.text("ab,;\t|'\"\\ \r\n\0~^:", max_size=8),
    st.integers().map(str),
    st.decimals(places=2, allow_nan=False, allow_infinity=False).map(str),
    st.dates().map(str),
    st.sampled_from(["", "NA", "007", "true", "false", "1,5", " ", "é", "漢字", "\u2400", "\x85", "\u2028"]),
)

INSPECT = """
import sys
from pathlib import Path
from webapp.imports.inspect_file import inspect_file
path = Path(sys.argv[1])
report = inspect_file(path, path.name)
print(report.header, report.rows)
"""


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    width = draw(st.integers(1, 5))
    return draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=12))


def written(rows: Sequence[Sequence[str]], options: ReadOptions, line_end: str) -> str:
    text = io.StringIO(newline="")
    arguments = parser_arguments(options) | {"lineterminator": line_end}
    if options.escape:
        arguments["doublequote"] = False
    writer = csv.writer(text, **arguments, quoting=csv.QUOTE_ALL)
    writer.writerows(rows)
    return text.getvalue()


def stored_and_printed(path: Path, report: InspectionReport) -> list[list[str]]:
    """The result of an import followed by an export."""
    fields = [
        replace(column(number, "", each.type, each.format), keeps_texts=each.keeps_texts)
        for number, each in enumerate(report.columns, 1)
    ]
    return round_trip(fields, [row for batch in open_source(path, report.options).batches(7) for row in batch.rows])


def encodable(rows: list[list[str]], encoding: str) -> list[list[str]]:
    return [[cell.encode(encoding, "ignore").decode(encoding) for cell in row] for row in rows]


@settings(deadline=None)  # each example is a file and a database
@given(
    tables(),
    st.sampled_from(",;\t|:~^ \x1f\x01"),
    st.sampled_from("\"'"),
    st.sampled_from(["", "\\"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(ENCODINGS),
    st.booleans(),
)
def test_any_table_in_any_dialect_and_encoding_is_read_unchanged(
    rows: list[list[str]], delimiter: str, quote: str, escape: str, line_end: str, encoding: str, header: bool
) -> None:
    rows = encodable(rows, encoding)
    head = [[f"title {number}" for number in range(len(rows[0]))]] if header and rows else []
    with TemporaryDirectory() as directory:
        path = Path(directory) / "table.csv"
        options = ReadOptions("csv", encoding, delimiter, quote, escape)
        path.write_bytes(written(head + rows, options, line_end).encode(encoding))
        if not rows:
            return
        decided = ImportOverrides(encoding=encoding, delimiter=delimiter, quote=quote, header=header, header_row=0)
        report = inspect_file(path, path.name, decided)
        if report.escape != escape:
            return  # which of the two ways quotes are escaped cannot be chosen, and need not show in a few cells
        assert report.rejected_count == 0
        assert stored_and_printed(path, report) == rows


WORDS = st.text("abc", min_size=1, max_size=4)
GAPS = st.sampled_from([" ", ",", ", ", "\n", ' "', '" '])
NOTES = st.builds(
    lambda first, rest: first + "".join(gap + word for gap, word in rest),
    WORDS,
    st.lists(st.tuples(GAPS, WORDS), max_size=5),
)


@settings(deadline=None)  # each example is a file and a database
@given(st.lists(st.tuples(st.integers(), st.dates(), NOTES), min_size=3))
@example(
    [(1, date(2026, 3, 30), "two\nlines,here"), *[(number, date(2026, 3, 30), "one,line") for number in (2, 3, 4)]]
)
def test_the_dialect_of_a_realistic_table_is_detected(rows: list[tuple[Any, ...]]) -> None:
    cells = [[str(cell) for cell in row] for row in rows]
    with TemporaryDirectory() as directory:
        path = Path(directory) / "table.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["number", "day", "note"], *cells])
        lines = path.read_text(encoding="utf-8").splitlines()
        # Where each line has the commas of a row, its quotes may be text, such as marks for "as above".
        assume(len(lines) == len(cells) + 1 or any(line.count(",") != 2 for line in lines))
        report = inspect_file(path, path.name)
        assert (report.delimiter, report.quote, report.header) == (",", '"', True)
        assert [column.type for column in report.columns][1] == "date"
        assert stored_and_printed(path, report) == cells


@settings(deadline=None)  # each example is a file and a database
@given(st.lists(st.dictionaries(st.text("abc", min_size=1), CELLS, min_size=1), min_size=1))
def test_ndjson_objects_are_read_unchanged(objects: list[dict[str, str]]) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "table.ndjson"
        path.write_text("".join(json.dumps(one) + "\n" for one in objects), encoding="utf-8")
        report = inspect_file(path, path.name)
        members = report.members or []
        plain = [index for index, member in enumerate(members) if member["kind"] == "string"]
        keys = [members[index]["path"][0] for index in plain]
        printed = [[row[index] for index in plain] for row in stored_and_printed(path, report)]
        assert printed == [[one.get(key, "") for key in keys] for one in objects]
        mixed = [key for one in objects for key in one if any(key not in other for other in objects)]
        assert {member["path"][0] for member in members} - set(keys) <= set(mixed)


def saved(directory: Path, data: bytes | str, name: str = "table.csv") -> Path:
    path = directory / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def read(path: Path, **decided: Any) -> InspectionReport:
    return inspect_file(path, path.name, ImportOverrides(**decided))


def reasons(report: InspectionReport) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in report.rejected]


def test_only_rows_with_undecodable_bytes_are_rejected(tmp_path: Path) -> None:
    text = "id,name\n" + "".join(f"{number},Zoë\n" for number in range(20))
    data = text.encode().replace(b"7,Zo\xc3\xab", b"7,Zo\xff")
    report = read(saved(tmp_path, data))
    assert (report.encoding, report.rows) == ("utf-8", 18)
    assert reasons(report)[0] == (9, "Line 9 holds bytes that are not UTF-8: “Zo\\xFF”.")
    assert [row.line for row in report.rejected] == [9, 19]


def test_rejected_rows_are_written_with_line_reason_and_cells(tmp_path: Path) -> None:
    path = saved(tmp_path, b'a,b\n1,2,3\n4,"x\ny"\n5,\xff\n6,"open\n7,8\n')
    rejected_path = tmp_path / "aside.csv"
    report = inspect_file(path, path.name, ImportOverrides(encoding="utf-8"), rejected_path=rejected_path)
    assert [row.line for row in report.rejected] == [2, 5, 6]
    with rejected_path.open(newline="", encoding="utf-8") as file:
        assert [[row[0], *row[2:]] for row in csv.reader(file)] == [
            ["line", "cells"], ["2", "1", "2", "3"], ["5", "5", "\\xFF"], ["6", '6,"open'],
        ]  # fmt: skip


def test_rejected_rows_are_kept_if_reading_the_file_again_fails(tmp_path: Path) -> None:
    path = saved(tmp_path, "a,b\n" + "1,2\n" * 70_000 + "x','\n" * 300 + "1,2,3\n")
    rejected_path = tmp_path / "aside.csv"
    inspect_file(path, path.name, ImportOverrides(quote='"'), rejected_path=rejected_path)
    before = rejected_path.read_text()
    assert "1,2,3" in before
    with pytest.raises(ImportFileError, match="open and never end"):
        inspect_file(path, path.name, ImportOverrides(quote="'"), rejected_path=rejected_path)
    assert rejected_path.read_text() == before


def test_line_numbers_count_blank_lines_and_lines_inside_cells(tmp_path: Path) -> None:
    path = saved(tmp_path, 'a,b\n\n"1\n2\r\n3",x\n\n1,2,3\n"a"b,c\n1,2,3\n' + "1,2\n" * 3)
    report = read(path, header=True, header_row=0)
    assert [line for line, _ in reasons(report)] == [7, 8, 9]
    assert reasons(report)[1][1] == "Broken quotes at line 8: a closing quote is followed by more text."


def test_an_unclosed_quote_rejects_one_row_of_a_large_file(tmp_path: Path) -> None:
    lines = [f"{number},text {number}\n" for number in range(150_000)]
    lines[70_000] = '70000,"open\n'
    report = read(saved(tmp_path, "id,note\n" + "".join(lines)))
    assert report.rows == 149_999
    assert reasons(report) == [(70_002, "Unclosed quote at line 70,002: the quote that opens there never ends.")]


def test_a_file_with_too_many_unclosed_quotes_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, "a,b\n1,2\n" + 'x","\n' * 300)
    with pytest.raises(ImportFileError, match="Choose “no quotes”"):
        read(path, delimiter=",", quote='"')
    assert read(path, delimiter=",", quote="none").rows == 301


def test_a_cell_may_span_several_blocks(tmp_path: Path) -> None:
    cell = "line\r\n" * 90_000
    path = saved(tmp_path, f'a,b\n1,"{cell}"\n2,x\n')
    report = read(path)
    rows = [row for batch in open_source(path, report.options).batches() for row in batch.rows]
    assert rows == [["1", cell], ["2", "x"]]


def test_a_record_of_too_many_lines_is_an_unclosed_quote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However large the file, only so many lines wait for a quote's end."""
    monkeypatch.setattr(records, "_MAX_LINES", 1000)
    report = read(saved(tmp_path, 'a,b\n1,"' + "line\n" * 90_000 + '"\n2,x\n'), header_row=0, header=True)
    assert reasons(report)[0] == (2, "Unclosed quote at line 2: the quote that opens there never ends.")


@pytest.mark.parametrize("size", [1, 3, 5000])
def test_batches_are_repeatable_and_have_the_requested_size(tmp_path: Path, size: int) -> None:
    path = saved(tmp_path, "a,b\n" + "1,2\n" * 10 + "1,2,3\n" + "3,4\n" * 10)
    report = read(path)
    readings = [list(open_source(path, report.options).batches(size)) for _ in range(2)]
    assert readings[0] == readings[1]
    assert [len(batch.rows) for batch in readings[0]][:-1] == [size] * (len(readings[0]) - 1)
    assert sum(len(batch.rows) for batch in readings[0]) == 20


def test_large_rows_come_in_smaller_batches(tmp_path: Path) -> None:
    path = saved(tmp_path, "a,b\n" + f"{'x' * 100_000},1\n" * 200)
    sizes = [len(batch.rows) for batch in open_source(path, read(path).options).batches()]
    assert sum(sizes) == 200
    assert max(sizes) <= 60


@pytest.mark.parametrize(
    ("text", "delimiter", "quote"),
    [
        ("a;b\n1,5;2\n2,5;3\n", ";", '"'),
        ('a\tb\n1\t5" disk\n', "\t", '"'),
        ("a|b|c\n1|2|3\n", "|", '"'),
        ("a,b\n'1,5',x\n'2,5',y\n", ",", "'"),
        ('a, b\n1, "x, y"\n2, "z, w"\n', ",", '"'),
        ('a,b\n"say \\"hi\\"",1\n"x",2\n', ",", '"'),
        ("name\nAnna Smith\nLi Wei\nPat O Neil\n", ",", '"'),
        ("time,what\n10:30:00,a\n11:30:00,b\n", ",", '"'),
        ("id name size\n1 a 10\n2 b 20\n", " ", '"'),
        ("a\tb\n" + '"x\t1\n"y\t2\n' * 5, "\t", ""),
    ],
)
def test_the_dialect_is_detected(tmp_path: Path, text: str, delimiter: str, quote: str) -> None:
    report = read(saved(tmp_path, text))
    assert (report.delimiter, report.quote) == (delimiter, quote)
    assert report.rejected_count == 0


def test_a_backslash_escapes_quotes_and_is_text_elsewhere(tmp_path: Path) -> None:
    path = saved(tmp_path, 'a,b\n"say \\"hi\\" \\\\",C:\\new\n"x\\n",2\n')
    report = read(path)
    assert stored_and_printed(path, report) == [['say "hi" \\', "C:\\new"], ["x\\n", "2"]]


@pytest.mark.parametrize(
    ("text", "header", "titles", "rows"),
    [
        ("1,2\n3,4\n", False, ["column 1", "column 2"], 2),
        ("a,b,c", True, ["a", "b", "c"], 0),
        ("Anna,30\nLi,40\n", False, ["column 1", "column 2"], 2),
        ("country,2019,2020\nNorway,1.5,2.5\nSweden,3.5,4.5\n", True, ["country", "2019", "2020"], 2),
        ("name,city\nAnna,Oslo\nLi,Bergen\n", True, ["name", "city"], 2),
        ("Sales report,,\nall of 2024,,\nid,name,n\n1,a,2\n2,b,3\n", True, ["id", "name", "n"], 2),
        ("id,v\n1,2,x\n3,4,y\n5,6,z\n", True, ["id", "v", "column 3"], 3),
        ("\n\n\nid,v\n1,2\n", True, ["id", "v"], 1),
        ("\ufeffid,v\n1,2\n", True, ["id", "v"], 1),
    ],
)
def test_the_header_is_detected(tmp_path: Path, text: str, header: bool, titles: list[str], rows: int) -> None:
    report = read(saved(tmp_path, text))
    assert (report.header, [column.title for column in report.columns], report.rows) == (header, titles, rows)


def test_titles_become_unique_short_and_printable(tmp_path: Path) -> None:
    report = read(saved(tmp_path, f'id,ID,"a\tb\n c",,{"x" * 500},\u202eevil,id 2\n1,2,3,4,5,6,7\n'))
    titles = [column.title for column in report.columns]
    assert titles == ["id", "ID 3", "a b c", "column 4", "x" * 119 + "…", "evil", "id 2"]


def test_numbered_titles_do_not_collide_with_existing_titles(tmp_path: Path) -> None:
    report = read(saved(tmp_path, "a,a,a 2,A,a 2,a 4,a\n1,2,3,4,5,6,7\n"))
    assert [column.title for column in report.columns] == ["a", "a 3", "a 2", "A 5", "a 2 2", "a 4", "a 6"]


def test_more_columns_than_a_table_can_hold_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, ",".join(f"c{number}" for number in range(2001)) + "\n")
    with pytest.raises(ImportFileError, match="2,001 columns; a table here has at most 2,000"):
        inspect_file(path, path.name, max_columns=2_000)
    assert len(inspect_file(path, path.name, max_columns=2_001).columns) == 2_001
    with pytest.raises(ImportFileError, match="200,000 columns"):  # before each of them is given a title of its own
        read(saved(tmp_path, ",".join(["a"] * 200_000) + "\n"))


def test_classifying_a_cell_takes_linear_time(tmp_path: Path) -> None:
    """Looked at from each digit to the end, they would take hours: a process of its own can be ended before that."""
    path = saved(tmp_path, f"id,code\n1,{'1' * 1_000_000}x\n2,3\n")
    found = subprocess.run(
        [sys.executable, "-c", INSPECT, path], capture_output=True, text=True, timeout=120, check=True, cwd=ROOT
    )
    assert found.stdout == "True 2\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "empty file"), (b"%PDF-1.7", "PDF"), (b"\xd0\xcf\x11\xe0", "old Excel"), (b"PK\x03\x04junk", "damaged")],
)
def test_a_file_of_another_format_is_refused_with_an_explanation(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(ImportFileError, match=words):
        read(saved(tmp_path, data, "x"))


@pytest.mark.parametrize("encoding", ["klingon", "utf-32", "idna", "punycode", "undefined", "base64"])
def test_an_unsupported_encoding_is_refused_with_an_explanation(tmp_path: Path, encoding: str) -> None:
    """Python has some that cannot say which bytes they do not know."""
    with pytest.raises(ImportFileError, match=f"no encoding “{encoding}”"):
        read(saved(tmp_path, "a\n1\n"), encoding=encoding)


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-8-sig", "latin1", "cp1252", "shift_jis", "gb18030", "hz", "utf-32-le"]
)
def test_any_text_encoding_can_be_chosen(tmp_path: Path, encoding: str) -> None:
    assert read(saved(tmp_path, "a,b\n1,2\n".encode(encoding)), encoding=encoding).sample == [["1", "2"]]


@pytest.mark.parametrize("encoding", ["cp1252", "cp1251", "utf-16-le", "utf-16-be", "shift_jis"])
def test_the_encoding_is_detected_from_the_whole_file(tmp_path: Path, encoding: str) -> None:
    words = {"cp1252": "Straße in Köln", "cp1251": "Привет как дела", "shift_jis": "日本語の文章を書きます"}
    text = "id,text\n" + "1,plain\n" * 50_000 + f"2,{words.get(encoding, 'Zoë')}\n" * 200
    report = read(saved(tmp_path, text.encode(encoding)))
    assert report.encoding == {"shift_jis": "cp932"}.get(encoding, encoding)  # Windows' own name for it
    assert report.rejected_count == 0


def test_numbers_in_ndjson_are_kept_as_written_and_nested_values_as_json(tmp_path: Path) -> None:
    lines = ['{"a":1.0,"b":[1,2.50,{"k":null}]}', '{"c":true,"a":1e5}', '{"a":null,"b":"x"}']
    report = read(saved(tmp_path, "\n".join(lines), "t.ndjson"))
    assert report.keys == ["a", "b", "c"]
    assert report.sample == [["1.0", '[1,2.50,{"k":null}]', ""], ["1e5", "", "true"], ["", "x", ""]]


def test_a_lone_carriage_return_does_not_split_an_object(tmp_path: Path) -> None:
    long = "x" * 600_000  # longer than a block
    report = read(saved(tmp_path, '{"a":1,\r"b":"' + long + '"}\r\n{"a":2,"b":"\u2028"}\r\n', "t.ndjson"))
    assert (report.rows, report.rejected_count) == (2, 0)
    rows = [row for batch in open_source(tmp_path / "t.ndjson", report.options).batches() for row in batch.rows]
    assert rows == [["1", long], ["2", "\u2028"]]


def test_lines_that_are_not_objects_are_rejected(tmp_path: Path) -> None:
    deep = '{"a":' + "[" * 100_000 + "]" * 100_000 + "}"
    lines = ['{"a":1}', "nope", "[1]", '{"a":1,"a":2}', '{"a":"\\ud800"}', deep, "", '{"a":2}', '{"\\ud800":1}']
    report = read(saved(tmp_path, "\n".join(lines), "t.ndjson"))
    assert report.rows == 2
    assert reasons(report) == [
        (2, "Line 2 is not valid JSON."),
        (3, "Line 3 is JSON but not an object with keys."),
        (4, "Line 4 has the same key twice in an object."),
        (5, "Line 5 holds half a character (a lone surrogate)."),
        (6, "Line 6 is nested too deeply."),
        (9, "Line 9 holds half a character (a lone surrogate)."),
    ]
    assert [column.title for column in report.columns] == ["a"]


@pytest.mark.parametrize("codec", ["utf-8", "cp1252", "cp1255", "gb18030", "shift_jis", "utf-16-le"])
def test_undecodable_bytes_are_kept_one_by_one_and_handled_by_the_run(codec: str) -> None:
    """As many calls as bytes would take seconds for a megabyte."""
    keep, calls = codecs.lookup_error(blocks._ERROR_HANDLER), []

    def counted(error: UnicodeError) -> tuple[str | bytes, int]:
        calls.append(error)
        return keep(error)

    def one_by_one(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeDecodeError)
        return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end

    codecs.register_error("counted", counted)
    codecs.register_error("one by one", one_by_one)
    chance = random.Random(codec)
    for _ in range(500):
        pieces = [bytes([chance.randrange(256)]), b"\x81\x81\x81", b"\xe2\x82\xac", b"\xff", b"\xc3", b"a"]
        data = b"".join(chance.choices(pieces, k=chance.randrange(20)))
        assert data.decode(codec, "counted") == data.decode(codec, "one by one")
    calls.clear()
    assert (b"a" + b"\x81" * 10_000).decode("utf-8" if codec == "utf-8" else "cp1252", "counted").count(
        "\udc81"
    ) == 10_000
    assert len(calls) == 1
