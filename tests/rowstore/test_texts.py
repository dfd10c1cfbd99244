"""Columns that keep texts: whatever a cell holds comes out again, and is filtered and sorted by what it means."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.rowstore.backends import column, ids, loaded_in_memory
from tests.rowstore.conftest import Make
from webapp.db.errors import UserError
from webapp.rowstore.nul_escape import NUL, SYMBOL
from webapp.rowstore.page_budget import MAX_CELL
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sql import converting
from webapp.rowstore.sql import tables as row_tables
from webapp.rowstore.sql.inserting import read_value
from webapp.rowstore.sql.profile import Profiler
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import CellChange, PageStart, StoredRow

YES_NO = {"true": "yes", "false": "no"}


def keeping(number: int, title: str, type: str, format: dict[str, Any] | None = None) -> Field:
    return replace(column(number, title, type, format), keeps_texts=True)


FIELDS = (
    keeping(1, "count", "integer"),
    keeping(2, "price", "decimal", {"style": "fixed", "scale": 2}),
    keeping(3, "size", "decimal", {"style": "plain", "scale": 3, "mark": ","}),
    keeping(4, "share", "decimal", {"style": "point", "scale": 2, "null": "NA"}),
    keeping(5, "paid", "boolean", YES_NO),
    keeping(6, "day", "date", {"layout": "DD.MM.YYYY"}),
    keeping(7, "at", "datetime", {"layout": "YYYY-MM-DD HH:mm"}),
    keeping(8, "clock", "time", {"layout": "HH:mm"}),
    keeping(9, "took", "duration", {"layout": "h:mm:ss"}),
    column(10, "note", "text"),
)
ODD = (
    *(
        "",
        "",
        "NA",
        "n/a",
        "-",
        "<5",
        "?",
        "null",
        "nan",
        "inf",
        "-inf",
        "1",
        "2",
        "10",
        "-3",
        "-0",
        "0",
        "-0.00",
        "0.00",
    ),
    *("1.50", "1.5", "1,5", "2,125", "2.0", "0.001", "1e3", "8.99E-05", "1e400", "-1e-320", ".5", "5.", "+5", "007"),
    *("1,000", "1.000", "1,000.50", "1.000,50", "$5", "5 %", "(3)", "3-", "9007199254740993", "9223372036854775808"),
    *("12345678901234567890", "0.1234567890123456789", "31.210", "yes", "no", "YES", "maybe", "31.12.2024", "1.1.2024"),
    *(
        "2024-12-31",
        "31.02.2024",
        "2024-12-31 10:05",
        "2024-12-31T10:05",
        "=1+1",
        "@x",
        "a,b",
        'say "x"',
        "a\nb",
        "\r\n",
    ),
    *("12:30", "9:05", "12:30:15", "12:30 pm", "36:00:00", "0:00:01", "1:02:03.5", "PT1H30M", "90 min", "-1:00:00"),
    *(" ", " 7 ", "1_000", "\0", "1\0", "␀", "␛", "␛␀2", "é", "\u0661", "x" * 2_000, "'5"),
)
CELL = st.one_of(
    st.sampled_from(ODD),
    st.text(max_size=5),
    st.integers(-(10**20), 10**20).map(str),
    st.floats(allow_nan=True).map(repr),
    st.floats(-1000, 1000).map("{:.2f}".format),
    st.dates().map("{:%d.%m.%Y}".format),
)
ROWS = st.lists(st.tuples(*[CELL] * len(FIELDS)), max_size=8)
Rows = Sequence[tuple[str, ...]]
TABLE = TableRef(1, FIELDS)


def shown(field: Field, text: str) -> str:
    """What the screen has: nothing in place of the file's word for empty cells."""
    return "" if text == field.format.get("null") else text


# -- every cell comes out byte for byte --------------------------------------------------------------------------------


@given(ROWS)
@settings(max_examples=150)
def test_any_cell_of_any_type_comes_out_as_it_was(rows: Rows) -> None:
    with loaded_in_memory(FIELDS, rows) as reader:
        query = TableQuery.of(FIELDS)
        cells = reader.cells(TABLE, range(1, len(rows) + 1), FIELDS)
        assert [cells[row_id] for row_id in sorted(cells)] == list(rows)
        text = b"".join(reader.export(TABLE, query)).decode()
        assert [tuple(row) for row in csv.reader(io.StringIO(text, newline=""))][1:] == list(rows)
        page = reader.page(TABLE, query)
        beginnings = [
            tuple(text if len(text) <= MAX_CELL else text[:MAX_CELL] + "…" for text in map(shown, FIELDS, row))
            for row in rows
        ]
        assert [cells for _, cells in page.rows] == beginnings
        for row_id, row in enumerate(rows, 1):
            assert [b"".join(reader.cell(TABLE, row_id, field)).decode() for field in FIELDS] == list(row)
        lines = b"".join(reader.export(TABLE, query, "ndjson")).decode().split("\n")[:-1]
        for line, row in zip(lines, rows, strict=True):
            objects = json.loads(line, parse_int=_Number, parse_float=_Number)
            for field, text in zip(FIELDS, row, strict=True):
                assert _as_text(field, objects[field.title]) == _in_json(field, text)


class _Number(str):
    """A number of JSON with its digits."""


def _as_text(field: Field, value: Any) -> str:
    if isinstance(value, bool):
        return str(field.format["true" if value else "false"])
    return "" if value is None else str(value)


def _in_json(field: Field, text: str) -> str:
    text = shown(field, text)
    is_printed = field.type == "decimal" and read_value(field, text) is not None and prints_back(field, text)
    return text.replace(",", ".") if is_printed else text


def prints_back(field: Field, text: str) -> bool:
    return field.kind.print(read_value(field, text), field.format) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.50", "1.50"),
        ("31.210", "31.210" if prints_back(FIELDS[1], "31.210") else None),
        ("NA", '"NA"'),
        ("<5", '"<5"'),
        ("1,000", '"1,000"'),
        (" 7 ", '" 7 "'),
        ("", "null"),
        ("12345678901234567890", '"12345678901234567890"'),
        ("1e3", "1e3"),
        ("007", '"007"'),
    ],
)
def test_json_has_numbers_where_the_text_is_one_and_texts_otherwise(text: str, expected: str | None) -> None:
    with loaded_in_memory(FIELDS[1:2], [(text,)]) as reader:
        line = b"".join(reader.export(TableRef(1, FIELDS[1:2]), TableQuery.of(FIELDS[1:2]), "ndjson")).decode()
    assert line == f'{{"price":{expected or text}}}\n'


def test_a_spreadsheet_runs_no_text_of_a_column_of_numbers() -> None:
    with loaded_in_memory(FIELDS[1:2], [("=1+1",), ("-1.50",), ('@x,"y"',)]) as reader:
        exported = b"".join(reader.export(TableRef(1, FIELDS[1:2]), TableQuery.of(FIELDS[1:2]), safe=True))
    assert exported == b'price\r\n\'=1+1\r\n-1.50\r\n"\'@x,""y"""\r\n'


def test_a_long_text_in_a_column_of_numbers_is_cut_in_pages_and_read_in_whole(make: Make) -> None:
    long = "é" * 300_000
    table = make(FIELDS[:2], [(long, "1.00"), ("5", long)])
    assert [cells for _, cells in table.page().rows] == [
        (long[:MAX_CELL] + "…", "1.00"),
        ("5", long[:MAX_CELL] + "…"),
    ]
    assert b"".join(table.rows.cell(table.ref, 1, FIELDS[0])).decode() == long
    view = table.rows.row(table.ref, table.query(), 2)
    assert view is not None
    assert view.sizes == {2: len(long.encode())}


# -- filters, sorts and cursors ----------------------------------------------------------------------------------------


@given(ROWS, st.sampled_from(FIELDS[:-1]))
@example([("\0",) * len(FIELDS), ("\u2400",) * len(FIELDS)], FIELDS[7])
@settings(max_examples=150)
def test_filters_find_the_rows_that_python_finds(rows: Rows, field: Field) -> None:
    texts = [row[field.number - 1] for row in rows]
    with loaded_in_memory(FIELDS, rows) as reader:

        def found(operator: str, *values: str) -> list[int]:
            return ids(reader.page(TABLE, TableQuery.of(FIELDS).with_filter(field.number, operator, *values)))

        def matching(condition: Callable[[str], bool]) -> list[int]:
            return [row_id for row_id, text in enumerate(texts, 1) if condition(text)]

        empty = {"", field.format.get("null", "")}
        assert found("empty") == matching(lambda text: text in empty)
        assert found("filled") == matching(lambda text: text not in empty)
        assert found("novalue") == matching(lambda text: text not in empty and read_value(field, text) is None)
        for text in {text for text in texts if text and text not in empty and read_value(field, text) is None}:
            same = found("eq", text)
            assert set(matching(lambda other, text=text: other == text)) <= set(same)
            # Typed by a person it may mean a value, too; and the symbol for NUL, which NUL is shown as.
            others = [texts[row_id - 1] for row_id in same if read_value(field, texts[row_id - 1]) is None]
            assert {other.replace(NUL, SYMBOL) for other in others} <= {text.replace(NUL, SYMBOL)}
            assert found("ne", text) == [row_id for row_id in range(1, len(rows) + 1) if row_id not in same]
            if "oneof" in field.operators:
                assert found("oneof", text, "") == sorted({*same, *found("empty")})


@given(ROWS, st.data())
@settings(max_examples=100)
def test_sorts_and_cursors_go_by_value_and_put_cells_without_one_last(rows: Rows, data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(FIELDS[:-1]))
    is_descending = data.draw(st.booleans())
    values = {row_id: read_value(field, row[field.number - 1]) for row_id, row in enumerate(rows, 1)}
    order = sorted(
        (row_id for row_id in values if values[row_id] is not None), key=lambda row_id: (values[row_id], row_id)
    )
    rest = [row_id for row_id in values if values[row_id] is None]
    expected = [*(order[::-1] if is_descending else order), *(rest[::-1] if is_descending else rest)]
    with loaded_in_memory(FIELDS, rows) as reader:
        query = TableQuery.of(FIELDS).sorted_by((field.number, is_descending))
        pages = [reader.page(TABLE, query, size=3)]
        while after := pages[-1].after:
            pages.append(reader.page(TABLE, query, PageStart(after=after), size=3))
        assert [row_id for page in pages for row_id in ids(page)] == expected
        for earlier, later in pairwise(pages):
            assert ids(reader.page(TABLE, query, PageStart(before=later.before), size=3)) == ids(earlier)


@given(ROWS, st.data())
@settings(max_examples=100)
def test_searches_find_the_texts(rows: Rows, data: st.DataObject) -> None:
    """Regardless of case, for ASCII."""
    texts = sorted({cell for row in rows for cell in row if cell.strip() and cell.isascii() and "\0" not in cell})
    if not texts:
        return
    cell = data.draw(st.sampled_from(texts))
    start = data.draw(st.integers(0, len(cell) - 1))
    needle = cell[start : start + data.draw(st.integers(1, 12))].strip()
    expected = [
        row_id
        for row_id, row in enumerate(rows, 1)
        if any(_fold(needle) in _fold(text) for text in map(shown, FIELDS, row))
    ]
    with loaded_in_memory(FIELDS, rows) as reader:
        if needle:
            phrase = '"' + needle.replace('"', '""') + '"'  # its words would be found in different cells, too
            assert ids(reader.page(TABLE, TableQuery.from_args([("q", phrase)], FIELDS))) == expected
            contains = TableQuery.of(FIELDS).with_filter(2, "contains", needle)
            assert ids(reader.page(TABLE, contains)) == [
                row_id for row_id in expected if _fold(needle) in _fold(rows[row_id - 1][1])
            ]


def _fold(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def test_large_tables_find_cells_without_a_value(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the search index, and by the index of the column."""
    monkeypatch.setattr(row_tables, "SMALL_TABLE", 0)
    table = make(FIELDS[1:2], [("unknown" if number % 50 == 7 else f"{number}.00",) for number in range(500)])
    table.build_search_index()
    table.build_sort_index(FIELDS[1])
    expected = list(range(8, 501, 50))
    for argument in (("q", "KNOW"), ("f.2", "novalue"), ("f.2", "eq:unknown"), ("f.2", "contains:nkn")):
        assert ids(table.page(argument)) == expected
        assert ids(table.page(argument, ("sort", "2"))) == expected
        assert ids(table.page(argument, ("sort", "-2"))) == expected[::-1]


def test_a_filter_for_cells_without_a_value_is_worded_by_type() -> None:
    query = TableQuery.from_args([("f.2", "novalue"), ("f.6", "novalue"), ("f.1", "eq:NA")], FIELDS)
    assert [condition.label for condition in query.filters] == [
        "price is not a number",
        "day is not a date",
        "count is NA",
    ]
    assert query.query_string() == "?f.2=novalue&f.6=novalue&f.1=eq:NA"


def test_only_columns_that_keep_texts_have_cells_without_a_value() -> None:
    assert "novalue" not in column(1, "n", "integer").operators
    assert "novalue" not in keeping(1, "t", "text").operators
    assert "novalue" in FIELDS[0].operators


# -- writing -----------------------------------------------------------------------------------------------------------


@given(data=st.data())
@settings(max_examples=30)
def test_changes_and_their_undoing_leave_the_same_texts(make: Make, data: st.DataObject) -> None:
    before = data.draw(st.lists(st.tuples(*[CELL] * len(FIELDS)), min_size=1, max_size=4))
    table = make(FIELDS, before)
    table.build_search_index()
    rows = dict(enumerate(before, 1))
    row_id, field = data.draw(st.sampled_from(sorted(rows))), data.draw(st.sampled_from(FIELDS))
    change = CellChange(row_id, field, rows[row_id][field.number - 1], data.draw(CELL))

    def texts() -> dict[int, tuple[str, ...]]:
        return table.write(lambda writer: writer.cells(table.ref, sorted(rows), FIELDS))

    assert not table.write(lambda writer: writer.apply(table.ref, [change])).conflicts
    cells = list(rows[row_id])
    cells[field.number - 1] = change.after
    assert texts() == rows | {row_id: tuple(cells)}
    undo = replace(change, before=change.after, after=change.before)
    assert not table.write(lambda writer: writer.apply(table.ref, [undo])).conflicts
    assert texts() == rows
    deleted = table.write(lambda writer: writer.delete(table.ref, sorted(rows)))
    assert deleted == [StoredRow(row_id, rows[row_id]) for row_id in sorted(rows)]
    assert not texts()
    assert table.write(lambda writer: writer.restore(table.ref, deleted)) == []
    assert texts() == rows


def test_a_text_does_not_outlive_the_value_it_was_written_for(make: Make) -> None:
    table = make(FIELDS[:1], [("NA",)])
    table.build_search_index()
    table.write(lambda writer: writer.apply(table.ref, [CellChange(1, FIELDS[0], "NA", "5")]))
    assert [cells for _, cells in table.page().rows] == [("5",)]
    assert ids(table.page(("f.1", "eq:5"))) == [1]
    assert not ids(table.page(("q", "NA")))
    assert not ids(table.page(("f.1", "novalue")))


def test_a_column_begins_to_keep_texts_when_it_has_to(make: Make) -> None:
    plain = replace(FIELDS[0], keeps_texts=False)
    table = make([plain], [("5",), ("",)])
    kept = table.write(lambda writer: writer.keep_texts(1, plain))
    assert table.write(lambda writer: writer.keep_texts(1, plain)) == kept == FIELDS[0]
    ref = TableRef(1, (kept,))
    table.write(lambda writer: writer.apply(ref, [CellChange(2, kept, "", "NA")]))
    assert table.write(lambda writer: writer.cells(ref, [1, 2], ref.fields)) == {1: ("5",), 2: ("NA",)}


def test_a_full_table_has_no_room_for_texts(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = replace(FIELDS[0], keeps_texts=False)
    table = make([plain])
    monkeypatch.setattr(converting, "columns_limit", lambda connection: 2)
    with pytest.raises(UserError, match="it is full"):
        table.write(lambda writer: writer.keep_texts(1, plain))


def test_as_many_columns_as_there_may_be_can_keep_texts(make: Make, columns_limit: int) -> None:
    most = columns_limit // 2
    fields = [keeping(number, f"c{number}", "decimal", {"style": "plain", "scale": 3}) for number in range(1, most + 1)]
    rows = [tuple(f"{number / 8:g}" if number % 3 else "NA" for number in range(most))]
    table = make(fields, rows)
    table.build_search_index()
    assert [cells for _, cells in table.page().rows] == rows
    assert len(table.export().splitlines()) == 2
    assert ids(table.page(("q", "na"))) == [1]


# -- profiles ----------------------------------------------------------------------------------------------------------


def test_a_profile_is_about_values_and_lists_the_other_texts(make: Make) -> None:
    cells = ["NA", "NA", "-", "", *(f"{number}.00" for number in range(10))]
    table = make(FIELDS[1:2], [(cell,) for cell in cells])
    profile = table.rows.profile(table.ref, table.query(), 2, seconds=60)
    assert (profile.rows, profile.filled, profile.empty, profile.exceptions, profile.valued) == (14, 13, 1, 3, 10)
    assert (profile.minimum, profile.maximum, profile.sum, profile.average) == ("0.00", "9.00", "45.00", "4.5000")
    assert profile.distinct == 10
    assert sum(bucket.count for bucket in profile.buckets) == 10
    assert [(value.text, value.count) for value in profile.exception_values] == [("NA", 2), ("-", 1)]
    for value in profile.exception_values:
        assert value.query is not None
        assert table.count(query=value.query).number == value.count
    for bucket in profile.buckets:
        assert table.count(query=bucket.query).number == bucket.count


def test_a_profile_estimates_the_other_texts_of_a_large_table(make: Make) -> None:
    table = make(FIELDS[:1], [("NA" if number % 2 else str(number),) for number in range(1000)])
    reader = table.rows
    profiler = Profiler(reader.connection, table.ref, table.query(), FIELDS[0])  # type: ignore[attr-defined]
    assert [(value.text, value.count) for value in profiler._exception_values(700, sampled=True)] == [("NA", 700)]


def test_a_profile_of_exceptions_alone_has_no_figures(make: Make) -> None:
    table = make(FIELDS[5:6], [("?",), ("?",)])
    profile = table.rows.profile(table.ref, table.query(), 6, seconds=60)
    assert (profile.filled, profile.exceptions, profile.minimum, profile.buckets) == (2, 2, None, [])
