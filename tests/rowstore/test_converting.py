"""Giving a column another type: no text changes, whatever the texts and whatever the types."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rowstore.backends import StoredTable, column, ids
from tests.rowstore.conftest import Make
from webapp.db.errors import UserError
from webapp.imports.type_options import TypeOption, find_options
from webapp.rowstore import open_loader
from webapp.rowstore.loader import ConversionWithdrawn
from webapp.rowstore.nul_escape import encode
from webapp.rowstore.sql import converting
from webapp.rowstore.sql.inserting import reader
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import Comparison
from webapp.rowstore.writer import RowWriter
from webapp.types import TYPES

FORMATS: dict[str, list[dict[str, object]]] = {
    "text": [{}],
    "integer": [{}, {"group": ","}, {"null": "NA"}, {"prefix": "$"}],
    "decimal": [
        {"style": "fixed", "scale": 2},
        {"style": "plain", "scale": 3, "mark": ","},
        {"style": "point", "scale": 1},
    ],
    "boolean": [{"true": "yes", "false": "no"}, {"true": "1", "false": "0", "null": "NA"}],
    "date": [{"layout": "YYYY-MM-DD"}, {"layout": "DD.MM.YYYY"}, {"layout": "M/D/YY", "order": "mdy"}],
    "datetime": [{"layout": "YYYY-MM-DDTHH:mm:ss"}],
    "time": [{"layout": "HH:mm"}],
    "duration": [{"layout": "h:mm:ss"}],
}
ODD = (
    *("", "NA", "0", "-0", "007", "1,000", "1.50", "-3,25", "$5", "1e5", "9" * 20, "0.1000000000000000055"),
    *("yes", "Yes", " 5", "5 ", "\u2400", "2024-12-31", "31.12.2024", "1/2/99", "2024-12-31T23:59:59"),
    *("12:30", "1:02:03", "90 min"),
)
TARGETS = st.sampled_from([(name, format) for name, formats in FORMATS.items() for format in formats])
TEXTS = st.one_of(
    st.sampled_from(ODD),
    st.text(alphabet=st.sampled_from("aA1, .-␀␛\0\"'%é"), max_size=6),
    st.integers().map(str),
    st.floats().map(repr),
)


def convert(table: StoredTable, number: int, type: str, format: dict[str, object], size: int = 3) -> StoredTable:
    """The same table once a column has another type."""

    def run(rows: RowWriter) -> Field:
        source = next(field for field in table.fields if field.number == number)
        target = rows.add_column(table.ref, replace(source, type=type, format=format, keeps_texts=False))
        last = 0
        while (batch := rows.convert(table.ref, source, target, last, size)) is not None:
            last, target = batch.last_row, batch.target
        assert rows.compare(table.ref, source, target, 0, last).differing == 0
        return target

    new = table.write(run)
    fields = tuple(new if field.number == number else field for field in table.fields)
    return replace(table, ref=TableRef(table.ref.id, fields))


@settings(max_examples=60)
@given(texts=st.lists(TEXTS, min_size=1, max_size=8), targets=st.lists(TARGETS, min_size=1, max_size=4))
def test_texts_stay_byte_for_byte_whatever_types_their_column_is_given(
    make: Make, texts: list[str], targets: list[tuple[str, dict[str, object]]]
) -> None:
    rows = [(text, f"row {place}") for place, text in enumerate(texts)]
    table = make([column(1, "a"), column(2, "b")], rows)
    before = table.export()
    for name, format in targets:
        table = convert(table, 1, name, TYPES[name].check(format))
        cells = table.rows.cells(table.ref, range(1, len(rows) + 1), table.fields)
        assert [cells[row_id] for row_id in sorted(cells)] == rows
        assert table.export() == before
        assert table.count(("f.1", "filled")).number == sum(text not in ("", format.get("null", "")) for text in texts)
        if name != "text":
            assert ids(table.page(("sort", "1"))) == sorted(
                range(1, len(rows) + 1), key=order_of(table.fields[0], texts)
            )


@pytest.mark.parametrize("odd", [ODD, *((text,) for text in ODD)])
def test_odd_texts_go_through_all_types_and_back(make: Make, odd: Sequence[str]) -> None:
    """In company, and alone: then the column keeps no texts where one format prints it."""
    table = make([column(1, "a")], [(text,) for text in odd])
    before = table.export()
    for name, formats in FORMATS.items():
        for format in formats:
            table = convert(table, 1, name, TYPES[name].check(format))
            assert table.export() == before
        table = convert(table, 1, "text", {})
        assert table.export() == before


def order_of(field: Field, texts: Sequence[str]) -> Callable[[int], tuple[Any, ...]]:
    """The sort key of a row: its value, and without one behind all others."""
    read = reader(field)

    def key(row_id: int) -> tuple[Any, ...]:
        value = read(encode(texts[row_id - 1]))
        return value is None, 0 if value is None else value, row_id

    return key


def test_filters_and_sorts_act_on_the_new_values(make: Make) -> None:
    table = make([column(1, "n")], [("10",), ("9",), ("",), ("x",), ("1,000",)])
    assert ids(table.page(("sort", "1")))[:2] == [5, 1]  # as texts: "1,000" before "10"
    table = convert(table, 1, "integer", {})
    assert ids(table.page(("sort", "1"))) == [2, 1, 5, 3, 4]
    assert ids(table.page(("f.1", "gt:9"))) == [1, 5]
    assert ids(table.page(("f.1", "novalue"))) == [4]
    table = convert(table, 1, "text", {})
    assert ids(table.page(("sort", "1")))[:2] == [5, 1]
    assert ids(table.page(("f.1", "starts:1"))) == [1, 5]


@pytest.mark.usefixtures("always_indexed")
def test_searches_and_sort_indexes_follow_a_change_of_type(make: Make) -> None:
    table = make([column(1, "n"), column(2, "t")], [(str(number), f"cell {number}") for number in range(100, 200)])
    table.build_search_index()
    table.build_sort_index(table.fields[0])
    table = convert(table, 1, "integer", {})
    assert ids(table.page(("q", "157"))) == [58]
    assert ids(table.page(("sort", "-1")))[:2] == [100, 99]
    table.build_sort_index(table.fields[0])
    assert ids(table.page(("sort", "-1"), ("f.1", "le:150")))[:2] == [51, 50]


def test_who_found_the_table_before_reads_what_was_there(make: Make) -> None:
    old = make([column(1, "n")], [("1",), ("2",)])
    convert(old, 1, "integer", {})
    assert [cells for _, cells in old.page().rows] == [("1",), ("2",)]


def test_an_export_that_has_begun_goes_on_reading_what_the_column_had(make: Make) -> None:
    """It is read in several blocks, and the stored column that was replaced is emptied a day later."""
    texts = [str(number) for number in range(30_000)]
    table = make([column(1, "n")], [(text,) for text in texts])
    blocks = table.rows.export(table.ref, table.query())
    first = next(blocks) + next(blocks)  # the titles come before anything is read
    assert len(first.split()) < len(texts)
    convert(table, 1, "integer", {}, size=5_000)
    assert (first + b"".join(blocks)).decode().split() == ["n", *texts]


def test_a_table_without_room_refuses_a_further_stored_column(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    table = make([column(1, "n")], [("1",), ("x",)])
    monkeypatch.setattr(converting, "columns_limit", lambda connection: 2)
    with pytest.raises(UserError, match="it is full"):
        convert(table, 1, "integer", {})
    monkeypatch.setattr(converting, "columns_limit", lambda connection: 3)
    with pytest.raises(UserError, match="it is full"):  # the text of "x" needs another one
        convert(table, 1, "integer", {})


def test_an_emptied_column_is_used_again_if_its_kind_fits(make: Make) -> None:
    table = make([column(1, "n")], [("1",), ("x",), ("3",)])
    new = convert(table, 1, "integer", {})
    assert table.write(lambda rows: rows.empty_column(1, 1, 0, 2)) == 2
    assert table.write(lambda rows: rows.empty_column(1, 1, 2, 2)) == 3
    assert table.write(lambda rows: rows.empty_column(1, 1, 3, 2)) is None
    assert [cells for _, cells in table.page().rows] == [("",)] * 3
    assert [cells for _, cells in new.page().rows] == [("1",), ("x",), ("3",)]
    add = lambda field: table.write(lambda rows: rows.add_column(new.ref, field, [1]))  # noqa: E731
    assert add(replace(new.fields[0], type="date")).storage == 1
    assert add(replace(new.fields[0], type="decimal")).storage == 3


def begin(table: StoredTable, storage: int, state: str = "running") -> None:
    table.backend.execute(
        "INSERT INTO type_changes (id, table_id, number, state, type, format, storage, rows, rows_done, last_row,"
        " created_at) VALUES (7, 1, 1, ?, 'integer', '{}', ?, 0, 0, 0, '2026-01-01')",
        state,
        storage,
    )


def load(table: StoredTable, target: Field, progress: object = lambda done, total: None) -> Comparison:
    with open_loader(table.backend.address) as loader:
        return loader.convert(table.ref, table.fields[0], target, 7, 0, progress)  # type: ignore[arg-type]


def test_the_loader_converts_in_batches_and_records_how_far_it_has_come(make: Make) -> None:
    texts = [f"{number}" if number % 50 else "NA" for number in range(1, 1001)]
    table = make([column(1, "n")], [(text,) for text in texts])
    target = table.write(lambda rows: rows.add_column(table.ref, column(1, "n", "integer")))
    begin(table, target.storage)
    assert load(table, target) == Comparison(differing=0, empty=0, exceptions=20)
    done = table.backend.execute("SELECT rows_done, last_row, keeps_texts FROM type_changes")
    assert done == [(1000, 1000, 1)]
    new = TableRef(1, (replace(target, keeps_texts=True),))
    assert [cells[0] for _, cells in sorted(table.rows.cells(new, range(1, 1001), new.fields).items())] == texts


@pytest.mark.parametrize("state", ["cancelled", "done"])
def test_the_loader_stops_when_nobody_wants_the_change(make: Make, state: str) -> None:
    table = make([column(1, "n")], [("1",)])
    target = table.write(lambda rows: rows.add_column(table.ref, column(1, "n", "integer")))
    begin(table, target.storage, state)
    with pytest.raises(ConversionWithdrawn):
        load(table, target)


def options(make: Make, texts: Sequence[str], field: Field | None = None) -> dict[str, TypeOption]:
    table = make([field or column(1, "n")], [(text,) for text in texts])
    found = find_options(table.rows, table.ref, table.fields[0])
    return {option.type: option for option in reversed(found)}


def test_the_dry_run_says_how_all_values_convert(make: Make) -> None:
    found = options(make, [str(number) for number in range(344)])
    assert found["integer"].reason == "All 344 values convert without loss"
    assert found["text"].reason == "All 344 values convert without loss"
    assert not found["integer"].keeps_texts


def test_the_dry_run_lists_the_exceptions_with_their_counts_and_first_rows(make: Make) -> None:
    found = options(make, ["1", "NA", "3", "-", "NA", "6"])["integer"]
    assert found.reason == "Integer: 3 of 6 keep their text (NA, -)"
    assert [(each.text, each.count, each.row) for each in found.listed] == [("NA", 2, 2), ("-", 1, 4)]


def test_the_dry_run_offers_each_order_of_day_and_month(make: Make) -> None:
    table = make([column(1, "d")], [("01/02/2024",), ("03/04/2024",)])
    orders = [option.format["layout"] for option in find_options(table.rows, table.ref, table.fields[0])[:-1]]
    assert orders == ["DD/MM/YYYY", "MM/DD/YYYY"] or orders == ["MM/DD/YYYY", "DD/MM/YYYY"]


def test_a_word_for_empty_cells_stays_one_and_is_a_text_in_a_column_of_text(make: Make) -> None:
    field = column(1, "n", "integer", {"null": "NA"})
    found = options(make, ["1", "NA", "2"], field)
    assert found["decimal"].format["null"] == "NA"
    assert found["decimal"].exceptions == 0
    assert found["text"].format == {}


def test_beside_cells_that_are_really_empty_the_word_for_empty_ones_is_a_text(make: Make) -> None:
    field = Field(1, "n", "integer", {"null": "NA"}, keeps_texts=True)
    found = options(make, ["1", "NA", "2", ""], field)["decimal"]
    assert (found.exceptions, found.format.get("null")) == (1, None)


def test_a_column_of_empty_cells_may_have_any_type(make: Make) -> None:
    found = options(make, ["", ""])
    assert set(found) == set(TYPES)
    assert {option.reason for option in found.values()} == {"Every cell is empty"}
