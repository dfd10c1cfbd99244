"""Writing rows: compared with a dict of rows in Python."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.rowstore.backends import StoredTable, column, ids
from tests.rowstore.conftest import Make
from webapp.rowstore.errors import CellValueError
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import CellChange, EditConflict, StoredRow

FIELDS = (
    column(1, "text"),
    column(2, "price", "decimal", {"style": "fixed", "scale": 2}),
    column(3, "day", "date", {"layout": "DD.MM.YYYY"}),
    column(4, "paid", "boolean", {"true": "yes", "false": "no", "null": "NA"}),
)
TEXTS = {
    1: st.text(alphabet=st.sampled_from("aAbB é␀␛\0\"'"), max_size=6),
    2: st.sampled_from(["", "0.00", "1.50", "-3.25", "10.00"]),
    3: st.sampled_from(["", "31.12.2024", "01.01.1999"]),
    4: st.sampled_from(["NA", "yes", "no"]),
}
CELLS = st.tuples(*TEXTS.values())
Cells = tuple[str, ...]


@pytest.mark.parametrize(
    ("text", "why"), [(f"{10**23 + 0.0:.2f}", "more than 15 digits"), ("-0.00", "does not fit its type")]
)
def test_a_number_that_is_stored_otherwise_than_it_was_written_is_refused(make: Make, text: str, why: str) -> None:
    """They print back in Python, but not in SQLite."""
    table = make(FIELDS)
    with pytest.raises(CellValueError, match=why):
        table.write(lambda writer: writer.insert(table.ref, [StoredRow(1, ("", text, "", "NA"))]))


def make_machine(table: StoredTable) -> type[RuleBasedStateMachine]:
    """The rows of one table, with a search index from the start, beside a dict that does the same."""

    class Writing(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            table.refill([])
            self.rows: dict[int, Cells] = {}
            self.deleted: list[StoredRow] = []
            self.next_id = 1

        @rule(new=st.lists(CELLS, max_size=4))
        def insert(self, new: list[Cells]) -> None:
            rows = [StoredRow(row_id, cells) for row_id, cells in enumerate(new, self.next_id)]
            table.write(lambda writer: writer.insert(table.ref, rows))
            self.rows.update((row.id, row.cells) for row in rows)
            self.next_id += len(rows)

        @rule(data=st.data(), is_current=st.booleans())
        def apply(self, data: st.DataObject, is_current: bool) -> None:
            """Several changes, also of the same cell, of cells that hold another text by now, and of missing rows."""
            changes, expected, made, refused = [], dict(self.rows), [], []
            for row_id in data.draw(st.lists(st.integers(1, self.next_id), max_size=4)):
                field: Field = data.draw(st.sampled_from(FIELDS))
                now = expected.get(row_id, ("", "", "", ""))[field.number - 1]
                before = now if is_current else data.draw(TEXTS[field.number])
                change = CellChange(row_id, field, before, data.draw(TEXTS[field.number]))
                changes.append(change)
                if row_id in expected and before == now:
                    cells = list(expected[row_id])
                    cells[field.number - 1] = change.after
                    expected[row_id] = tuple(cells)
                    made.append(change)
                else:
                    refused.append(change)
            applied = table.write(lambda writer: writer.apply(table.ref, changes))
            assert [each.change for each in applied.conflicts] == refused
            assert applied.done == made
            self.rows = expected
            for each in applied.conflicts:
                row = expected.get(each.change.row_id)
                assert each.current == (row[each.change.field.number - 1] if row else None)

        @rule(data=st.data())
        def delete(self, data: st.DataObject) -> None:
            row_ids = data.draw(st.lists(st.integers(1, self.next_id), max_size=4, unique=True))
            deleted = table.write(lambda writer: writer.delete(table.ref, row_ids))
            assert deleted == [
                StoredRow(row_id, self.rows[row_id]) for row_id in sorted(row_ids) if row_id in self.rows
            ]
            for row in deleted:
                del self.rows[row.id]
            self.deleted += deleted

        @rule(data=st.data())
        def restore(self, data: st.DataObject) -> None:
            rows = data.draw(st.lists(st.sampled_from(self.deleted or [StoredRow(1, ("", "", "", "NA"))]), max_size=3))
            rows = list({row.id: row for row in rows}.values())
            taken = table.write(lambda writer: writer.restore(table.ref, rows))
            assert taken == sorted(row.id for row in rows if row.id in self.rows)
            self.rows.update((row.id, row.cells) for row in rows if row.id not in taken)
            self.next_id = max([self.next_id, *(row.id + 1 for row in rows)])

        @invariant()
        def rows_are_equal(self) -> None:
            assert table.rows.cells(table.ref, range(1, self.next_id + 1), FIELDS) == self.rows

        @invariant()
        def search_finds_the_same(self) -> None:
            for text in ("1.50", "202", "aab"):
                shown = {row_id: (*cells[:3], cells[3].replace("NA", "")) for row_id, cells in self.rows.items()}
                expected = [
                    row_id for row_id, cells in sorted(shown.items()) if any(text in cell.lower() for cell in cells)
                ]
                assert ids(table.page(("q", text), size=1000)) == expected

    return Writing


def test_any_sequence_of_writes_has_the_same_result_as_on_a_dict(always_indexed: None, make: Make) -> None:
    table = make(FIELDS)
    assert table.build_search_index()
    machine = make_machine(table)
    machine.TestCase.settings = settings(max_examples=60, stateful_step_count=12, deadline=None)
    machine.TestCase().runTest()


@pytest.fixture
def table(make: Make) -> StoredTable:
    return make(FIELDS, [("a", "1.50", "31.12.2024", "yes"), ("b", "", "", "NA")])


def test_a_cell_is_changed_if_it_still_holds_the_expected_text(table: StoredTable) -> None:
    change = CellChange(1, FIELDS[1], "1.50", "2.00")
    applied = table.write(lambda rows: rows.apply(table.ref, [change]))
    assert (applied.done, applied.conflicts) == ([change], [])
    assert table.page().rows[0] == (1, ("a", "2.00", "31.12.2024", "yes"))


def test_a_conflicting_change_is_refused_with_the_current_text(table: StoredTable) -> None:
    changes = [
        CellChange(1, FIELDS[1], "1.5", "2.00"),
        CellChange(2, FIELDS[3], "", "yes"),
        CellChange(9, FIELDS[0], "", "x"),
    ]
    applied = table.write(lambda rows: rows.apply(table.ref, changes))
    assert applied.done == []
    assert applied.conflicts == [
        EditConflict(changes[0], "1.50"),
        EditConflict(changes[1], "NA"),
        EditConflict(changes[2], None),
    ]
    assert table.page().rows == [(1, ("a", "1.50", "31.12.2024", "yes")), (2, ("b", "", "", ""))]


@pytest.mark.parametrize(
    ("number", "text", "words"), [(2, "dear", "price"), (2, "1.500", "price"), (3, "31.02.2024", "day"), (4, "", "")]
)
def test_a_text_that_does_not_fit_its_column_is_an_error_and_changes_nothing(
    table: StoredTable, number: int, text: str, words: str
) -> None:
    field = FIELDS[number - 1]
    changes = [
        CellChange(2, FIELDS[0], "b", "changed"),
        CellChange(1, field, table.page().rows[0][1][number - 1], text),
    ]
    if not words:  # an empty text is always possible; in this column it is printed as NA
        table.write(lambda rows: rows.apply(table.ref, changes))
        assert table.rows.cells(table.ref, [1], [field]) == {1: ("NA",)}
        return
    with pytest.raises(CellValueError, match=words):
        table.write(lambda rows: rows.apply(table.ref, changes))
    assert table.page().rows[1] == (2, ("b", "", "", ""))


def test_ten_thousand_rows_are_deleted_and_restored(make: Make) -> None:
    table = make(FIELDS[:2], [(f"row {number}", f"{number}.00") for number in range(10_000)])
    before = table.all_rows()
    deleted = table.write(lambda rows: rows.delete(table.ref, range(1, 10_001)))
    assert (len(deleted), table.page().rows) == (10_000, [])
    assert table.write(lambda rows: rows.restore(table.ref, deleted)) == []
    assert table.all_rows() == before


def test_a_dropped_table_can_be_created_again_and_is_empty(make: Make) -> None:
    table = make(FIELDS[:1], [["a"]])
    table.build_sort_index(FIELDS[0])
    table.build_search_index()
    table.write(lambda rows: rows.drop(1))
    table.write(lambda rows: rows.drop(1))
    table.write(lambda rows: rows.create(table.ref))
    assert table.page().rows == []


def test_a_deleted_column_is_emptied_part_by_part_and_then_dropped_with_its_texts(make: Make) -> None:
    fields = (
        column(1, "text"),
        replace(column(2, "price", "decimal", {"style": "fixed", "scale": 2}), keeps_texts=True),
    )
    table = make(fields)
    rows = [StoredRow(row_id, ("a", text)) for row_id, text in ((1, "1.50"), (2, "n/a"), (5, ""))]
    table.write(lambda writer: writer.insert(table.ref, rows))

    assert table.write(lambda writer: writer.empty_column(table.ref.id, fields[1].storage, 0, 2)) == 2
    assert table.write(lambda writer: writer.empty_column(table.ref.id, fields[1].storage, 2, 2)) == 5
    assert table.write(lambda writer: writer.empty_column(table.ref.id, fields[1].storage, 5, 2)) is None
    found = table.write(lambda writer: writer.cells(table.ref, [1, 2, 5], fields))
    assert found == {1: ("a", ""), 2: ("a", ""), 5: ("a", "")}

    for _ in range(2):  # again does no harm
        table.write(lambda writer: writer.drop_column(table.ref.id, fields[1]))
    rest = TableRef(table.ref.id, fields[:1])
    assert table.write(lambda writer: writer.cells(rest, [1, 2, 5], fields[:1])) == {1: ("a",), 2: ("a",), 5: ("a",)}
