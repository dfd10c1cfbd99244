"""Pages by keyset: compared with a plain sort of everything in Python."""

import json
from base64 import urlsafe_b64encode
from functools import cmp_to_key
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.rowstore.conftest import Store
from tests.rowstore.stored import Column, Table
from webapp.rowstore.query import QueryError, TableQuery
from webapp.rowstore.sqlite import chunked_scan, planning
from webapp.rowstore.sqlite.pages import Page, count, page, position, row

COLUMNS = [
    Column(1, "text"),
    Column(2, "integer", "integer"),
    Column(3, "decimal", "decimal", {"style": "plain", "scale": 15}),
    Column(4, "day", "date", {"layout": "YYYY-MM-DD"}),
]
TEXTS = st.sampled_from(["", "", "a", "A", "b", "B", "é", "É", "ab", "a b", "Z", "_", "0", "x" * 300, "X" * 300])
INTEGERS = st.sampled_from(["", "0", "1", "-1", "9007199254740993", "9007199254740992", str(2**63 - 1), str(-(2**63))])
DECIMALS = st.sampled_from(["", "0.1", "0.3", "0.30000000000004", "-5", "2", "123456789012345", "0.000000000000001"])
DAYS = st.sampled_from(["", "2024-01-01", "2023-12-31", "1999-01-01"])
ROWS = st.lists(st.tuples(TEXTS, INTEGERS, DECIMALS, DAYS), max_size=40)
SORTS = st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=4, unique_by=lambda sort: sort[0])
_ASCII_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def expected(rows: list[tuple[str, ...]], sorts: list[tuple[int, bool]]) -> list[int]:
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


def refill(table: Table, rows: list[tuple[str, ...]]) -> None:
    from tests.rowstore.stored import insert

    table.connection.execute("DELETE FROM t1")
    insert(table.connection, 1, table.columns, rows)


@pytest.fixture(scope="module")
def any_table(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from tests.rowstore.stored import stored

    table = stored(tmp_path_factory.mktemp("pages") / "a.db", COLUMNS, [])
    yield table
    table.connection.close()


@pytest.fixture(scope="module", params=[False, True], ids=["scanning", "indexed"])
def any_sorted_table(request: pytest.FixtureRequest, any_table: Table) -> Table:
    if request.param:
        for number, collation in ((1, "COLLATE NOCASE"), (2, ""), (3, ""), (4, "")):
            any_table.connection.execute(f"CREATE INDEX i{number} ON t1 (c{number} {collation})")
    return any_table


def ids(found: Page) -> list[int]:
    return [found_row[0] for found_row in found.rows]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, SORTS, st.integers(1, 7))
def test_pages_forward_and_backward_are_the_sorted_table(
    any_sorted_table: Table, rows: list[tuple[str, ...]], sorts: list[tuple[int, bool]], size: int
) -> None:
    table = any_sorted_table
    refill(table, rows)
    query = TableQuery.of(COLUMNS).sorted_by(*sorts)
    wanted = expected(rows, sorts)
    found, after = [], None
    while True:
        forward = page(table.read, table, query, after=after, size=size)
        assert forward.before is None or after is not None
        found += ids(forward)
        if (after := forward.after) is None:
            break
    assert found == wanted
    backward = page(table.read, table, query, last=True, size=size)
    assert backward.after is None
    found = ids(backward)
    while backward.before:
        backward = page(table.read, table, query, before=backward.before, size=size)
        assert backward.after is not None
        found = ids(backward) + found
    assert found == wanted


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS.filter(bool), SORTS, st.data())
def test_a_row_knows_its_place_and_its_neighbours(
    any_sorted_table: Table, rows: list[tuple[str, ...]], sorts: list[tuple[int, bool]], data: st.DataObject
) -> None:
    table = any_sorted_table
    refill(table, rows)
    query = TableQuery.of(COLUMNS).sorted_by(*sorts)
    wanted = expected(rows, sorts)
    place = data.draw(st.integers(0, len(rows) - 1))
    assert position(table.read, table, query, wanted[place]) == place + 1
    at = page(table.read, table, query, at=wanted[place], size=5)
    assert ids(at) == wanted[place : place + 5]
    assert at.before is not None
    assert ids(page(table.read, table, query, before=at.before, size=50)) == wanted[:place]
    view = row(table.read, table, query, wanted[place])
    assert view is not None
    assert view.cells == rows[wanted[place] - 1]
    assert view.previous == (wanted[place - 1] if place else None)
    assert view.next == (wanted[place + 1] if place + 1 < len(wanted) else None)


def test_there_is_no_row_of_that_number(store: Store) -> None:
    table = store(COLUMNS, [])
    assert row(table.read, table, table.query(), 5) is None
    assert position(table.read, table, table.query(), 5) is None


@pytest.mark.parametrize("number", [-1, 0, 3, 2**63, -(10**30)])
def test_a_page_at_a_row_that_cannot_be_is_the_first(store: Store, number: int) -> None:
    table = store(COLUMNS, [("a", "1", "", ""), ("b", "2", "", "")])
    assert ids(page(table.read, table, table.query(), at=number)) == [1, 2]


def test_cells_are_printed_in_the_columns_asked_for(store: Store) -> None:
    columns = [Column(1, "a"), Column(2, "b", "decimal", {"style": "fixed", "scale": 2}), Column(3, "c")]
    table = store(columns, [["x", "1.50", ""], ["", "", "z"]])
    found = page(table.read, table, table.query(("cols", "2,1"), ("sort", "-3")))
    assert found.rows == [(2, ("", "")), (1, ("1.50", "x"))]


def test_two_thousand_columns_are_shown(store: Store) -> None:
    columns = [Column(number, str(number)) for number in range(1, 2001)]
    rows = [[f"{line}.{number}" for number in range(1, 2001)] for line in (1, 2, 3)]
    table = store(columns, rows)
    query = table.query(("sort", "-2000"), ("q", "2.77"))
    assert page(table.read, table, query).rows == [(2, tuple(rows[1]))]
    assert page(table.read, table, table.query(("sort", "-1"))).rows[0] == (3, tuple(rows[2]))


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
def test_a_cursor_of_somebody_elses_making_is_a_problem_in_words(store: Store, cursor: str) -> None:
    table = store(COLUMNS, [["a", "1", "", ""]])
    for way in ("after", "before"):
        with pytest.raises(QueryError, match="no longer known"):
            page(table.read, table, table.query(("sort", "2")), **{way: cursor})


def test_a_lone_surrogate_in_a_cursor_is_a_problem_in_words(store: Store) -> None:
    table = store(COLUMNS, [["a", "1", "", ""]])
    with pytest.raises(QueryError, match="no longer known"):
        page(table.read, table, table.query(("sort", "1")), after=_cursor("1", 1, "\ud800"))


def test_a_cursor_stays_short_however_long_the_cell(store: Store) -> None:
    table = store(COLUMNS, [["x" * 100_000, "1", "", ""], ["x" * 100_001, "2", "", ""], ["y", "3", "", ""]])
    first = page(table.read, table, table.query(("sort", "1")), size=1)
    assert first.after is not None
    assert len(first.after) < 100
    assert ids(page(table.read, table, table.query(("sort", "1")), after=first.after)) == [2, 3]


@pytest.mark.parametrize("arguments", [[("sort", "1")], [("sort", "-1")], [("sort", "2")], [("sort", "-2")]])
def test_an_index_is_used_wherever_the_page_begins(store: Store, arguments: list[tuple[str, str]]) -> None:
    rows = [
        [f"n{number % 50}" if number % 3 else "", str(number % 40) if number % 7 else "", "", ""]
        for number in range(900)
    ]
    table = store(COLUMNS, rows)
    table.connection.execute("CREATE INDEX i1 ON t1 (c1 COLLATE NOCASE)")
    table.connection.execute("CREATE INDEX i2 ON t1 (c2)")
    seen: list[str] = []

    def read(sql: Any) -> Any:
        seen.extend(step[3] for step in table.connection.execute(f"EXPLAIN QUERY PLAN {sql.text}", sql.values))
        return table.read(sql)

    query = table.query(*arguments)
    found = page(read, table, query)
    for _ in range(4):
        found = page(read, table, query, after=found.after)
    page(read, table, query, before=found.before)
    page(read, table, query, last=True)
    assert len(seen) >= 6
    assert all(step.startswith("SEARCH t1 USING INDEX i") for step in seen), seen


FILTERED = [
    ["Oslo", "1", "0.5", "2024-01-01"],
    ["oslo", "2", "1.5", "2024-06-30"],
    ["Bergen, Oslo", "", "", ""],
    ["", "-3", "2.5", "1999-12-31"],
    ["Ängelholm", "4", "100", "2025-01-01"],
    ["100%_\\*[x]?", "5", "7", ""],
]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
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
def test_filters_find_what_people_expect(store: Store, arguments: list[tuple[str, str]], wanted: list[int]) -> None:
    table = store(COLUMNS, FILTERED)
    query = table.query(*arguments)
    assert ids(page(table.read, table, query)) == wanted
    assert count(table.read, table, query).number == len(wanted)


SIGNS = "aAéÉßñ*[%_\\"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(SIGNS, max_size=6), max_size=9), st.text(SIGNS, min_size=1, max_size=3))
def test_small_and_capital_letters_are_alike_in_every_alphabet(any_table: Table, cells: list[str], text: str) -> None:
    refill(any_table, [(cell, "", "", "") for cell in cells])
    wanted = [number for number, cell in enumerate(cells, 1) if text.lower() in cell.lower()]
    assert ids(page(any_table.read, any_table, any_table.query(("f.1", f"contains:{text}")))) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
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
def test_a_search_looks_into_cells_of_every_type(store: Store, text: str, wanted: list[int]) -> None:
    columns = [
        Column(1, "a", "date", {"layout": "Mon D, YYYY"}),
        Column(2, "b", "datetime", {"layout": "DD.MM.YYYY HH:mm"}),
        Column(3, "c", "decimal", {"style": "plain", "scale": 2, "mark": ","}),
        Column(4, "d", "boolean", {"true": "yes", "false": "no"}),
        Column(5, "e", "datetime", {"layout": "DD/MM/YYYY hh:mm AM"}),
    ]
    table = store(
        columns,
        [
            ["Jan 2, 2024", "01.01.2024 00:00", "-3,5", "yes", "01/01/2024 03:00 PM"],
            ["Nov 3, 2024", "31.12.2024 12:30", "4", "no", "01/01/2024 03:00 AM"],
        ],
    )
    assert ids(page(table.read, table, table.query(("q", text)))) == wanted


@pytest.mark.parametrize(
    ("filter_", "wanted"),
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
def test_a_day_stands_for_all_its_moments(store: Store, filter_: str, wanted: list[int]) -> None:
    column = Column(1, "at", "datetime", {"layout": "YYYY-MM-DD HH:mm"})
    moments = ["2024-01-01 10:00", "2024-01-02 00:00", "2024-01-02 23:59", "2024-01-03 00:00", ""]
    table = store([column], [])
    kind = "INSERT INTO t1 (rowid, c1) VALUES (?, NULLIF(?, ''))"
    table.connection.executemany(kind, [(n, text.replace(" ", "T")) for n, text in enumerate(moments, 1)])
    assert ids(page(table.read, table, table.query(("f.1", filter_)))) == wanted


def test_counting_stops_at_its_limit(store: Store) -> None:
    table = store(COLUMNS, [["a", "1", "", ""]] * 30)
    assert str(count(table.read, table, table.query(("q", "a")), 20)) == "20+"
    assert str(count(table.read, table, table.query(("q", "a")), 30)) == "30"


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tables are looked through like large ones, two rows at a time."""
    monkeypatch.setattr(planning, "SMALL", 0)
    monkeypatch.setattr(chunked_scan, "FIRST", 2)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["", "a", "b"]), min_size=1, max_size=14), st.integers(1, 3), st.data())
def test_a_search_that_is_left_and_taken_up_again_loses_no_row_and_shows_none_twice(
    hurried: None, any_table: Table, cells: list[str], size: int, data: st.DataObject
) -> None:
    refill(any_table, [(cell, "", "", "") for cell in cells])
    query = any_table.query(("f.1", "eq:a"))
    wanted = [number for number, cell in enumerate(cells, 1) if cell == "a"]
    read, seen, after, befores = any_table.read, list[int](), None, list[tuple[str, list[int]]]()
    while True:
        found = page(read, any_table, query, after=after, size=size, scan_seconds=0)
        assert found.left_at is None or found.left_at[0] == "after"
        befores += [(found.before, list(seen))] if found.before else []
        assert bool(found.before) is (after is not None)
        seen += ids(found)
        if (after := found.after) is None:
            break
    assert seen == wanted
    for before, expected in befores:
        back: list[int] = []
        afters: list[tuple[str, list[int]]] = []
        at: str | None = before
        while at:
            found = page(read, any_table, query, before=at, size=size, scan_seconds=0)
            assert found.left_at is None or found.left_at[0] == "before"
            assert found.after is not None
            back = ids(found) + back
            afters.append((found.after, [number for number in wanted if number > max([0, *expected])]))
            at = found.before
        assert back == expected
        assert ids(page(read, any_table, query, after=afters[0][0], size=99)) == afters[0][1]
    row_id = data.draw(st.integers(1, len(cells)))
    beginning = ids(page(read, any_table, query, at=row_id, size=99, scan_seconds=60))
    assert beginning == [number for number in wanted if number >= row_id]


def test_looking_ends_with_the_table_and_says_how_far_it_came(hurried: None, store: Store) -> None:
    table = store(COLUMNS, [["a", "", "", ""], *[["b", "", "", ""]] * 6])
    query = table.query(("f.1", "eq:a"))
    assert page(table.read, table, query, scan_seconds=0).left_at == ("after", 2)
    assert page(table.read, table, query, last=True, scan_seconds=0).left_at == ("before", 6)
    assert page(table.read, table, query, scan_seconds=60).left_at is None
    assert page(table.read, table, query).left_at is None
    assert page(table.read, table, table.query(("f.1", "eq:a"), ("sort", "1")), scan_seconds=0).left_at is None
