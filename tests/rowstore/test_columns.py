"""Columns come and go: searches, sorts and exports follow, and rows bring back their cells of deleted columns."""

from dataclasses import replace

import pytest

from tests.rowstore.backends import StoredTable, column, ids
from tests.rowstore.conftest import Make
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import CellChange, StoredRow, Unmet
from webapp.types import TYPES

ROWS = [(f"name {number}", str(number % 7), f"note {number}") for number in range(100, 160)]


def of(table: StoredTable, *numbers: int) -> StoredTable:
    """The table with these columns in this order; the others are deleted."""
    every = {field.number: field for field in table.ref.stored}
    kept = tuple(field for number, field in every.items() if number not in numbers)
    return replace(table, ref=TableRef(table.ref.id, tuple(every[number] for number in numbers), kept))


def three(make: Make) -> StoredTable:
    return make([column(1, "name"), column(2, "n", "integer"), column(3, "note")], ROWS)


@pytest.mark.usefixtures("always_indexed")
def test_the_search_index_stays_when_columns_change_places(make: Make) -> None:
    table = three(make)
    table.build_search_index()
    moved = of(table, 3, 1, 2)
    change = CellChange(5, moved.fields[0], "note 104", "remark 104")
    moved.write(lambda rows: rows.apply(moved.ref, [change]))
    assert ids(moved.page(("q", "remark"))) == [5]
    assert ids(table.page(("q", "note 104"))) == []
    assert ids(table.page(("q", "note 105"))) == [6]
    table.write(lambda rows: rows.delete(table.ref, [6]))
    assert ids(moved.page(("q", "note 105"))) == []


@pytest.mark.usefixtures("always_indexed")
def test_an_index_built_again_finds_what_the_columns_that_are_there_hold(make: Make) -> None:
    table = three(make)
    table.build_search_index()
    less = of(table, 1, 2)
    less.write(lambda rows: rows.drop_search_index(1))
    assert ids(less.page(("q", "note 105"))) == []  # without an index
    less.build_search_index()
    assert ids(less.page(("q", "note 105"))) == []
    less.write(lambda rows: rows.delete(less.ref, [6]))  # with the cell of the deleted column
    less.write(lambda rows: rows.apply(less.ref, [CellChange(7, less.fields[0], "name 106", "neu 106")]))
    assert ids(less.page(("q", "neu 106"))) == [7]
    less.write(lambda rows: rows.drop_search_index(1))
    table.build_search_index()
    assert ids(table.page(("q", "note 106"))) == [7]
    assert ids(table.page(("q", "name 106"))) == []


@pytest.mark.usefixtures("always_indexed")
def test_a_dropped_sort_index_is_built_again_for_a_column_that_came_back(make: Make) -> None:
    table = three(make)
    table.build_sort_index(table.fields[1])
    before = ids(table.page(("sort", "-2")))
    table.write(lambda rows: rows.drop_sort_index(1, table.fields[1]))
    table.write(lambda rows: rows.drop_sort_index(1, table.fields[1]))
    assert ids(table.page(("sort", "-2"))) == before
    table.build_sort_index(table.fields[1])
    assert ids(table.page(("sort", "-2"))) == before


def test_rows_deleted_and_restored_without_a_column_come_back_with_its_cells(make: Make) -> None:
    table = three(make)
    before = table.export()
    less = of(table, 1, 3)
    gone = less.write(lambda rows: rows.delete(less.ref, [1, 2, 60]))
    assert gone[0] == StoredRow(1, ("name 100", "note 100", "2"))  # its kept cell behind the others
    assert less.write(lambda rows: rows.restore(less.ref, gone)) == []
    assert table.export() == before
    assert less.export().splitlines()[:2] == [b"name,note", b"name 100,note 100"]


def test_an_added_column_is_empty_whatever_its_type_and_holds_what_is_saved(make: Make) -> None:
    table = three(make)
    fields = table.fields
    for number, (type_, text) in enumerate([("decimal", "1.5"), ("date", "2024-12-31"), ("text", "\0␀")], 4):
        wanted = Field(number, f"new {number}", type_, TYPES[type_].default_format)
        ref = TableRef(1, fields)
        added = table.write(lambda rows, ref=ref, wanted=wanted: rows.add_column(ref, wanted))
        fields = (*fields, added)
        grown = replace(table, ref=TableRef(1, fields))
        assert grown.count((f"f.{number}", "empty")).number == len(ROWS)
        grown.write(
            lambda rows, grown=grown, added=added, text=text: rows.apply(grown.ref, [CellChange(3, added, "", text)])
        )
        assert grown.rows.cells(grown.ref, [3], [added]) == {3: (text,)}


def test_rows_that_changed_after_they_were_converted_are_converted_again(make: Make) -> None:
    table = make([column(1, "n")], [("1",), ("2",), ("3",)])
    source = table.fields[0]
    wanted = Field(1, "n", "integer", {}, storage=2)
    target = table.write(lambda rows: rows.add_column(table.ref, wanted))
    table.write(lambda rows: rows.convert(table.ref, source, target, 0, 10))
    changes = [CellChange(1, source, "1", "one"), CellChange(3, source, "3", "33")]
    table.write(lambda rows: rows.apply(table.ref, changes))
    assert table.rows.compare(table.ref, source, target, 0, 3).rows == (1, 3)
    target = table.write(lambda rows: rows.convert_rows(table.ref, source, target, {1, 3, 99}))
    assert target.keeps_texts
    assert table.rows.compare(table.ref, source, target, 0, 3).differing == 0


def test_cells_that_rules_would_not_accept_are_counted(make: Make) -> None:
    texts = [("a",), ("",), ("a",), ("b",), ("\0",), ("a'b",), ("a'b",)]
    table = make([column(1, "t")], texts)
    assert table.rows.unmet(table.ref, table.fields[0], ["a", "\0"]) == Unmet(empty=1, repeated=4, others=3)
    assert table.rows.unmet(table.ref, table.fields[0], []) == Unmet(empty=1, repeated=4, others=0)
    numbers = make([Field(1, "n", "integer", {"null": "NA"}, keeps_texts=True)], [("NA",), ("x",), ("5",), ("",)])
    assert numbers.rows.unmet(numbers.ref, numbers.fields[0], ["5"]) == Unmet(empty=2, repeated=0, others=1)
