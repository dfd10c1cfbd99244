"""Pages of rows: compared with a plain sort of everything in Python."""

import json
from base64 import urlsafe_b64encode
from functools import cmp_to_key
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rowstore.backends import StoredTable, column, ids
from tests.rowstore.conftest import Make
from webapp.rowstore.errors import QueryError
from webapp.rowstore.query import TableQuery
from webapp.rowstore.sql import pages
from webapp.rowstore.values import Count

FIELDS = (
    column(1, "text"),
    column(2, "integer", "integer"),
    column(3, "decimal", "decimal", {"style": "plain", "scale": 15}),
    column(4, "day", "date", {"layout": "YYYY-MM-DD"}),
)
TEXTS = st.sampled_from(["", "", "a", "A", "b", "B", "é", "É", "ab", "a b", "Z", "_", "0", "x" * 300, "X" * 300])
INTEGERS = st.sampled_from(["", "0", "1", "-1", "9007199254740993", "9007199254740992", str(2**63 - 1), str(-(2**63))])
DECIMALS = st.sampled_from(["", "0.1", "0.3", "0.30000000000004", "-5", "2", "123456789012345", "0.000000000000001"])
DAYS = st.sampled_from(["", "2024-01-01", "2023-12-31", "1999-01-01"])
ROWS = st.lists(st.tuples(TEXTS, INTEGERS, DECIMALS, DAYS), max_size=40)
SORTS = st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=4, unique_by=lambda sort: sort[0])
_ASCII_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def expected_ids(rows: list[tuple[str, ...]], sorts: list[tuple[int, bool]]) -> list[int]:
    """The ids in order: empty cells last in both directions, ties by id in the direction of the first sort."""

    def value(cells: tuple[str, ...], number: int) -> Any:
        text = cells[number - 1]
        if text == "":
            return None
        return [text.translate(_ASCII_LOWER).encode(), text][number == 4] if number in (1, 4) else _number(text)

    def compare(a: int, b: int) -> int:
        for number, descending in sorts:
            one, two = value(rows[a - 1], number), value(rows[b - 1], number)
            if one != two:
                if one is None or two is None:
                    return 1 if one is None else -1
                return (-1 if one < two else 1) * (-1 if descending else 1)
        return (a - b) * (-1 if sorts and sorts[0][1] else 1)

    return sorted(range(1, len(rows) + 1), key=cmp_to_key(compare))


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)


@pytest.fixture(params=[False, True], ids=["without indexes", "with indexes"])
def any_table(request: pytest.FixtureRequest, make: Make) -> StoredTable:
    table = make(FIELDS)
    for field in FIELDS if request.param else ():
        table.build_sort_index(field)
    return table


@settings(max_examples=150)
@given(ROWS, SORTS, st.integers(1, 7))
def test_pages_forward_and_backward_are_the_sorted_table(
    any_table: StoredTable, rows: list[tuple[str, ...]], sorts: list[tuple[int, bool]], size: int
) -> None:
    any_table.refill(rows)
    query = TableQuery.of(FIELDS).sorted_by(*sorts)
    expected = expected_ids(rows, sorts)
    page = any_table.page(query=query, size=size)
    assert page.before is None
    found = ids(page)
    while page.after is not None:
        page = any_table.page(query=query, after=page.after, size=size)
        assert page.before is not None
        found += ids(page)
    assert found == expected
    found = ids(page)
    while page.before is not None:
        page = any_table.page(query=query, before=page.before, size=size)
        assert page.after is not None
        found = ids(page) + found
    assert found == expected


@settings(max_examples=60)
@given(ROWS.filter(bool), SORTS, st.data())
def test_a_page_can_start_at_a_row_and_a_row_has_its_neighbours(
    any_table: StoredTable, rows: list[tuple[str, ...]], sorts: list[tuple[int, bool]], data: st.DataObject
) -> None:
    any_table.refill(rows)
    query = TableQuery.of(FIELDS).sorted_by(*sorts)
    expected = expected_ids(rows, sorts)
    place = data.draw(st.integers(0, len(rows) - 1))
    page = any_table.page(query=query, at=expected[place], size=5)
    assert ids(page) == expected[place : place + 5]
    assert page.before is not None
    assert ids(any_table.page(query=query, before=page.before, size=50)) == expected[:place]
    row = any_table.rows.row(any_table.ref, query, expected[place])
    assert row is not None
    assert row.cells == rows[expected[place] - 1]
    assert row.previous == (expected[place - 1] if place else None)
    assert row.next == (expected[place + 1] if place + 1 < len(expected) else None)


def test_a_row_that_does_not_exist_is_none(make: Make) -> None:
    table = make(FIELDS)
    assert table.rows.row(table.ref, table.query(), 5) is None


@pytest.mark.parametrize("row_id", [-1, 0, 3, 2**63, -(10**30)])
def test_a_page_at_a_row_that_does_not_exist_is_the_first(make: Make, row_id: int) -> None:
    table = make(FIELDS, [("a", "1", "", ""), ("b", "2", "", "")])
    assert ids(table.page(at=row_id)) == [1, 2]


def test_a_page_has_the_visible_columns_in_their_order(make: Make) -> None:
    table = make(
        [column(1, "a"), column(2, "b", "decimal", {"style": "fixed", "scale": 2}), column(3, "c")],
        [["x", "1.50", ""], ["", "", "z"]],
    )
    assert table.page(("cols", "2,1"), ("sort", "-3")).rows == [(2, ("", "")), (1, ("1.50", "x"))]


def test_cells_are_the_exact_texts(make: Make) -> None:
    table = make([column(1, "a", "integer", {"null": "NA"}), column(2, "b")], [["NA", "x"], ["7", ""]])
    assert table.page().rows == [(1, ("", "x")), (2, ("7", ""))]
    assert table.rows.cells(table.ref, [2, 1, 9], table.fields) == {1: ("NA", "x"), 2: ("7", "")}


def test_a_table_can_have_as_many_columns_as_the_database_allows(make: Make, columns_limit: int) -> None:
    numbers = range(1, columns_limit + 1)
    rows = [[f"{line}.{number}" for number in numbers] for line in (1, 2, 3)]
    table = make([column(number, str(number)) for number in numbers], rows)
    assert table.page(("sort", f"-{columns_limit}"), ("q", "2.77")).rows == [(2, tuple(rows[1]))]
    assert table.page(("sort", "-1")).rows[0] == (3, tuple(rows[2]))


def _cursor(*parts: object) -> str:
    return urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "é",
        "=====",
        _cursor(),
        _cursor("2"),
        _cursor("2", 1),
        _cursor("2", 1, 2, 3),
        _cursor("-2", 1, 2),
        _cursor("2", "1", 2),
        _cursor("2", True, 2),
        _cursor("2", 2**70, 2),
        _cursor("2", 1, "2"),
        _cursor("2", 1, [2]),
        _cursor("2", 1, False),
        _cursor("2", 1, 2**64),
        _cursor("2", 1, float("nan")),
        urlsafe_b64encode(b"[" * 100_000).decode(),
        urlsafe_b64encode(b'"2"').decode(),
    ],
)
def test_an_invalid_cursor_is_a_readable_error(make: Make, cursor: str) -> None:
    table = make(FIELDS, [["a", "1", "", ""]])
    for side in ("after", "before"):
        with pytest.raises(QueryError, match="no longer known"):
            table.page(("sort", "2"), **{side: cursor})


def test_a_lone_surrogate_in_a_cursor_is_a_readable_error(make: Make) -> None:
    table = make(FIELDS, [["a", "1", "", ""]])
    with pytest.raises(QueryError, match="no longer known"):
        table.page(("sort", "1"), after=_cursor("1", 1, "\ud800"))


def test_the_cursor_of_a_long_cell_is_short(make: Make) -> None:
    table = make(FIELDS, [["x" * 100_000, "1", "", ""], ["x" * 100_001, "2", "", ""], ["y", "3", "", ""]])
    first = table.page(("sort", "1"), size=1)
    assert first.after is not None
    assert len(first.after) < 100
    assert ids(table.page(("sort", "1"), after=first.after)) == [2, 3]


FILTERED = [
    ["Oslo", "1", "0.5", "2024-01-01"],
    ["oslo", "2", "1.5", "2024-06-30"],
    ["Bergen, Oslo", "", "", ""],
    ["", "-3", "2.5", "1999-12-31"],
    ["Ängelholm", "4", "100", "2025-01-01"],
    ["100%_\\*[x]?", "5", "7", ""],
]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([("f.1", "eq:Oslo")], [1]),
        ([("f.1", "ne:Oslo")], [2, 3, 4, 5, 6]),
        ([("f.1", "contains:OSLO")], [1, 2, 3]),
        ([("f.1", "contains:äng")], [5]),
        ([("f.1", "contains:ÄNGELH")], [5]),
        ([("f.1", "contains:%_\\")], [6]),
        ([("f.1", "contains:*[x]?")], [6]),
        ([("q", "ä*")], []),
        ([("f.1", "oneof:Oslo,Bergen\\, Oslo,")], [1, 3, 4]),
        ([("f.1", "empty")], [4]),
        ([("f.1", "filled"), ("f.2", "empty")], [3]),
        ([("f.2", "lt:2")], [1, 4]),
        ([("f.2", "le:2")], [1, 2, 4]),
        ([("f.2", "gt:1.5")], [2, 5, 6]),
        ([("f.2", "ge:+4")], [5, 6]),
        ([("f.2", "between:-3,1")], [1, 4]),
        ([("f.2", "ne:1")], [2, 3, 4, 5, 6]),
        ([("f.2", "oneof:1,5,")], [1, 3, 6]),
        ([("f.3", "eq:0.50")], [1]),
        ([("f.3", "ge:1,5"), ("f.3", "lt:100")], [2, 4, 6]),
        ([("f.4", "before:2024-01-01")], [4]),
        ([("f.4", "after:2024-06-30")], [5]),
        ([("f.4", "between:2024-01-01,2024-12-31")], [1, 2]),
        ([("f.4", "eq:2024-06-30")], [2]),
        ([("q", "OSLO")], [1, 2, 3]),
        ([("q", "2024")], [1, 2]),
        ([("q", "1.5")], [2]),
        ([("q", "nowhere")], []),
        ([("q", "oslo"), ("f.2", "filled"), ("sort", "-2")], [2, 1]),
    ],
)
def test_filters_and_searches_select_their_rows(
    make: Make, arguments: list[tuple[str, str]], expected: list[int]
) -> None:
    table = make(FIELDS, FILTERED)
    assert ids(table.page(*arguments)) == expected
    assert table.count(*arguments).number == len(expected)


SIGNS = "aAéÉßñ*[%_\\"


@settings(max_examples=150)
@given(st.lists(st.text(SIGNS, max_size=6), max_size=9), st.text(SIGNS, min_size=1, max_size=3))
def test_contains_ignores_case_in_every_alphabet(any_table: StoredTable, cells: list[str], text: str) -> None:
    any_table.refill([(cell, "", "", "") for cell in cells])
    expected = [number for number, cell in enumerate(cells, 1) if text.lower() in cell.lower()]
    assert ids(any_table.page(("f.1", f"contains:{text}"))) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("JAN 2", [1]),
        ("pm", [1]),
        ("31.12", [2]),
        ("12:30", [2]),
        ("-3,5", [1]),
        ("4", [1, 2]),
        ("YE", [1]),
        ("e", [1]),
    ],
)
def test_search_finds_the_text_that_is_shown_in_every_type(make: Make, text: str, expected: list[int]) -> None:
    fields = [
        column(1, "a", "date", {"layout": "Mon D, YYYY"}),
        column(2, "b", "datetime", {"layout": "DD.MM.YYYY HH:mm"}),
        column(3, "c", "decimal", {"style": "plain", "scale": 2, "mark": ","}),
        column(4, "d", "boolean", {"true": "yes", "false": "no"}),
        column(5, "e", "datetime", {"layout": "DD/MM/YYYY hh:mm AM"}),
    ]
    table = make(
        fields,
        [
            ["Jan 2, 2024", "01.01.2024 00:00", "-3,5", "yes", "01/01/2024 03:00 PM"],
            ["Nov 3, 2024", "31.12.2024 12:30", "4", "no", "01/01/2024 03:00 AM"],
        ],
    )
    assert ids(table.page(("q", text))) == expected


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        ("eq:2024-01-02", [2, 3]),
        ("ne:2024-01-02", [1, 4, 5]),
        ("before:2024-01-02", [1]),
        ("after:2024-01-02", [4]),
        ("between:2024-01-01,2024-01-02", [1, 2, 3]),
        ("eq:2024-01-02 23:59", [3]),
        ("oneof:2024-01-01,", [1, 5]),
    ],
)
def test_a_day_stands_for_all_its_times(make: Make, filter_: str, expected: list[int]) -> None:
    times = ["2024-01-01 10:00", "2024-01-02 00:00", "2024-01-02 23:59", "2024-01-03 00:00", ""]
    table = make([column(1, "at", "datetime", {"layout": "YYYY-MM-DD HH:mm"})], [[text] for text in times])
    assert ids(table.page(("f.1", filter_))) == expected


@pytest.mark.parametrize(
    ("limit", "number", "is_capped"), [(20, 20, True), (29, 29, True), (30, 30, False), (31, 30, False)]
)
def test_counting_stops_at_its_limit(
    make: Make, monkeypatch: pytest.MonkeyPatch, limit: int, number: int, is_capped: bool
) -> None:
    monkeypatch.setattr(pages, "COUNT_LIMIT", limit)
    table = make(FIELDS, [["a", "1", "", ""]] * 30)
    assert table.count(("q", "a")) == Count(number, is_capped)
