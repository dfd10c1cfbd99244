"""Text files as statistics programs, databases, loggers and servers write them."""

from pathlib import Path

import pytest

from tests.formats.test_hard_files import read, titles


@pytest.mark.parametrize(
    ("first", "lines"),
    [
        ("date,temp", ["2010/01/01 00:00,39.4", "2010/01/01 01:00,39", "2010/01/01 02:00,38.5"]),
        ("ts,v", ["2010-01-01 00:00:00,394", "2010-01-01 00:00:01,395", "2010-01-01 00:00:02,396"]),
        ("url,hits", ["http://a.example/1,3", "http://a.example/2,14", "http://a.example/3,9"]),
        ("day,v", ["Jan 1 2020,45", "Jan 2 2020,46", "Jan 3 2020,47"]),
    ],
)
def test_a_comma_in_the_titles_divides_times_from_values(tmp_path: Path, first: str, lines: list[str]) -> None:
    report, rows = read(tmp_path, "\n".join([first, *lines]))
    assert titles(report) == first.split(",")
    assert rows == [line.split(",") for line in lines]


def test_a_comma_before_milliseconds_divides_nothing(tmp_path: Path) -> None:
    lines = [f"2010-01-01 00:00:00,{number:03}" for number in range(20)]
    assert read(tmp_path, "\n".join(["logged", *lines]))[1] == [[line] for line in lines]
    assert read(tmp_path, "\n".join(lines))[1] == [[line] for line in lines]


def test_numbers_between_spaces_are_cells_and_phone_numbers_are_not(tmp_path: Path) -> None:
    report, rows = read(tmp_path, "Chins Situps Jumps\n5 162 60\n2 110 60\n12 101 101\n")
    assert titles(report) == ["Chins", "Situps", "Jumps"]
    assert rows[0] == ["5", "162", "60"]
    for phones in ("030 123 4567\n0171 55 4321\n040 77 1234\n", "555 123 4567\n555 765 4321\n555 123 9876\n"):
        report, rows = read(tmp_path, f"mobile phone number\n{phones}")
        assert rows == [[line] for line in phones.splitlines()]


def test_days_with_names_of_months_are_one_value_in_several_languages(tmp_path: Path) -> None:
    for month in ("février", "août", "März", "gennaio"):
        lines = [f"{day} {month} 2024" for day in range(1, 9)]
        _report, rows = read(tmp_path, "\n".join(["Date de naissance", *lines]))
        assert rows == [[line] for line in lines]


@pytest.mark.parametrize("rule", ["-", "="])
def test_dashes_below_the_titles_show_the_columns_whatever_follows_the_rows(tmp_path: Path, rule: str) -> None:
    lines = [f"{number:>11} {f'name {number}':<10} {number * 1.5:>10.2f}" for number in range(10)]
    ruled = [rule * 11, rule * 10, rule * 10]
    text = "\n".join([f"{'ID':<11} {'NAME':<10} AMOUNT", " ".join(ruled), *lines, "", "  10 record(s) selected."])
    report, rows = read(tmp_path, text)
    assert titles(report) == ["ID", "NAME", "AMOUNT"]
    assert rows[:10] == [[f"{n}", f"name {n}", f"{n * 1.5:.2f}"] for n in range(10)]
    assert report.account.startswith("14 lines: 1 title row, ")


def test_a_list_between_bars_and_lines_of_dashes_is_a_drawn_table(tmp_path: Path) -> None:
    lines = [f"|{number:<10}|Screw {number:<6}|{number * 1000:>11,}|" for number in range(20)]
    frame = "-" * len(lines[0])
    report, rows = read(tmp_path, "\n".join([frame, "|Material  |Text        |   Quantity|", frame, *lines, frame]))
    assert titles(report) == ["Material", "Text", "Quantity"]
    assert rows[1] == ["1", "Screw 1", "1,000"]
    assert len(rows) == 20


def test_the_titles_of_aligned_columns_may_be_the_words_of_a_comment(tmp_path: Path) -> None:
    lines = [f"{1958 + number // 12}   {number % 12 + 1:2}   {315 + number / 10:.2f}" for number in range(40)]
    report, rows = read(
        tmp_path, "\n".join(["# Measured on a mountain", "# Unit: ppm", "# year month average", *lines])
    )
    assert titles(report) == ["year", "month", "average"]
    assert rows[0] == ["1958", "1", "315.00"]
    assert report.account == "43 lines: 2 above the table, 1 title row, 40 rows"


def test_a_log_divided_by_tabs_has_fields_divided_by_spaces(tmp_path: Path) -> None:
    lines = [f"2024-01-01\t00:00:{number:02}\tFRA 2\t{number}" for number in range(20)]
    report, rows = read(tmp_path, "\n".join(["#Version: 1.0", "#Fields: date time x-edge sc-bytes", *lines]))
    assert titles(report) == ["date", "time", "x-edge", "sc-bytes"]
    assert rows == [line.split("\t") for line in lines]


def test_a_line_of_a_server_log_is_divided_outside_its_quotes(tmp_path: Path) -> None:
    agent = '"Mozilla/5.0 (Windows; U; Linux) Test"'
    lines = [f'10.0.0.{n} - - [10/Oct/2000:13:55:{n:02} -0700] "GET /{n}, HTTP/1.0" 200 {n} {agent}' for n in range(20)]
    report, rows = read(tmp_path, "\n".join(lines))
    assert not report.header
    assert rows[3] == [
        "10.0.0.3",
        "-",
        "-",
        "[10/Oct/2000:13:55:03",
        "-0700]",
        "GET /3, HTTP/1.0",
        "200",
        "3",
        agent[1:-1],
    ]


@pytest.mark.parametrize(
    ("lines", "first"),
    [
        (["id||name||v", "1||a|b||2", "2||c|d||3", "3||d|e||4"], ["1", "a|b", "2"]),
        (["1::Film (1995)::A|B", "2::Film (1996)::C|D", "3::Film (1997)::A|C"], ["1", "Film (1995)", "A|B"]),
    ],
)
def test_a_long_delimiter_wins_over_a_character_inside_the_cells(
    tmp_path: Path, lines: list[str], first: list[str]
) -> None:
    _report, rows = read(tmp_path, "\n".join(lines))
    assert first in rows
    assert {len(row) for row in rows} == {3}


def test_quotes_with_a_backslash_inside_every_row_are_part_of_the_cell(tmp_path: Path) -> None:
    lines = [rf'{number},"{{\"a\": {number}, \"b\": \"x,y\"}}"' for number in range(10)]
    report, rows = read(tmp_path, "\n".join(["id,doc", *lines]))
    assert titles(report) == ["id", "doc"]
    assert rows[4] == ["4", '{"a": 4, "b": "x,y"}']


@pytest.mark.parametrize("delimiter", [",", ";", "\t", " "])
def test_a_missing_title_is_that_of_the_names_of_the_rows(tmp_path: Path, delimiter: str) -> None:
    lines = [delimiter.join([f'"car {number}"', f"{number}.5", "6"]) for number in range(10)]
    report, rows = read(tmp_path, "\n".join([delimiter.join(['"mpg"', '"cyl"']), *lines]))
    assert titles(report) == ["column 1", "mpg", "cyl"]
    assert rows[0] == ["car 0", "0.5", "6"]


@pytest.mark.parametrize("row", ["{},5,", "a,{},b"])
def test_a_missing_title_is_the_last_where_rows_have_no_names(tmp_path: Path, row: str) -> None:
    report, _rows = read(tmp_path, "\n".join(["x,y", *(row.format(number) for number in range(10))]))
    assert titles(report) == ["x", "y", "column 3"]


def test_a_line_about_the_logger_may_have_more_cells_than_its_table(tmp_path: Path) -> None:
    lines = [f'"2024-01-01 00:{number:02}:00",{number},12.{number}' for number in range(30)]
    text = "\n".join(['"TOA5","CR1000","CR1000","1234","Table1"', '"TIMESTAMP","RECORD","BattV"', *lines])
    report, rows = read(tmp_path, text)
    assert titles(report) == ["TIMESTAMP", "RECORD", "BattV"]
    assert report.account == "32 lines: 1 above the table, 1 title row, 30 rows"
    report, rows = read(tmp_path, "\n".join(["name,city,note", *(f"Ann {n},Oslo" for n in range(30))]))
    assert titles(report) == ["name", "city", "note"]
    assert len(rows) == 30


@pytest.mark.parametrize("delimiter", ["||", "^^", "~~", "::", "|;|", "|#|"])
def test_a_long_delimiter_divides_even_two_columns(tmp_path: Path, delimiter: str) -> None:
    report, rows = read(
        tmp_path, "\n".join(delimiter.join(row) for row in (["id", "text"], ["1", "x, y"], ["2", "z; w"], ["3", "v"]))
    )
    assert report.delimiter == delimiter
    assert {len(row) for row in rows} == {2}


@pytest.mark.parametrize(
    ("title", "lines"),
    [
        ("wkt", [f"POLYGON (({n} 0, {n} 1, {n + 1} 1, {n} 0))" for n in range(6)]),
        ("shown", [f"00:01:{n:02},500 --> 00:01:{n + 2:02},000" for n in range(6)]),
        ("age group", [f"{n}-{n + 4} years" for n in range(0, 30, 5)]),
        (
            "Dear Sir,",
            ["thank you for your letter of 3 May, which came today.", "We will answer soon.", "Yours,", "Ann"],
        ),
    ],
)
def test_commas_and_spaces_in_prose_and_values_divide_nothing(tmp_path: Path, title: str, lines: list[str]) -> None:
    report, rows = read(tmp_path, "\n".join([title, *lines]))
    assert titles(report) == [title]
    assert rows == [[line] for line in lines]


def test_titles_of_quoted_rows_need_no_quotes(tmp_path: Path) -> None:
    report, rows = read(tmp_path, "\n".join(["id,t", *(f"{number},'a, b {number}'" for number in range(6))]))
    assert titles(report) == ["id", "t"]
    assert rows[0] == ["0", "a, b 0"]


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("0,1\na,b\nc,d\n", True),
        ("0,1,2,3\n.5,1.5,2.5,3\n1.5,.5,1.5,1\n0.1,0.2,0.3,4\n", False),
        ("0,1,2,3\n.5,1.5,2.5,.3\n1.5,.5,1.5,.1\n0.1,0.2,0.3,0.4\n", True),
        ("1,2,3\n4,5,6\n7,8,9\n", False),
        ("0.5D+00 0.7D-01\n0.6D+00 0.8D-01\n0.7D+00 0.9D-01\n", False),
    ],
)
def test_numbers_that_count_the_columns_are_titles_above_another_kind(tmp_path: Path, text: str, header: bool) -> None:
    assert read(tmp_path, text)[0].header is header


def test_utf_32_is_recognised_by_its_mark(tmp_path: Path) -> None:
    for codec in ("utf-32-le", "utf-32-be"):
        report, rows = read(tmp_path, "\ufeffa,b\né,2\n".encode(codec))
        assert (report.encoding, titles(report), rows) == (codec, ["a", "b"], [["é", "2"]])


def test_a_line_of_fields_inside_quotes_names_no_titles(tmp_path: Path) -> None:
    report, rows = read(tmp_path, '"\n#Fields: a b\n"\n')
    assert report.rows + report.title_lines > 0
    assert len(rows) == report.rows
