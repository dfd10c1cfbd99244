"""A file laid over a table: what is new, differs, is the same, is missing, and cannot be told."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webapp.rowstore import open_comparison
from webapp.rowstore.errors import RowsGone
from webapp.rowstore.file_comparison import FileComparison
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import RowEdit, StoredRow

TITLES = ("id", "City", "Since")
ROWS = (("1", "Oslo", "1048"), ("2", "Bergen", "1070"), ("3", "Narvik", "1902"), ("4", "", "NA"))


class Laid:
    """Makes tables in a migrated database, and lays files over them."""

    def __init__(self, backend: Any, folder: Path, stack: ExitStack, ids: Iterator[int]) -> None:
        self.backend, self.folder, self._stack, self.ids = backend, folder, stack, ids

    def table(self, rows: Sequence[Sequence[str]], types: Sequence[str] = ("text", "text", "text")) -> TableRef:
        formats = {"Since": {"null": "NA"}} if len(types) > 2 and types[2] == "integer" else {}
        fields = [
            Field(number, title, kind, formats.get(title, {}))
            for number, (title, kind) in enumerate(zip(TITLES, types, strict=False), 1)
        ]
        return self.table_of(fields, rows)

    def table_of(self, fields: Sequence[Field], rows: Sequence[Sequence[str]]) -> TableRef:
        table = TableRef(next(self.ids), tuple(fields))
        self.backend.begin_import(table.id, f"{table.id:032x}")
        with self.backend.writing() as writer:
            writer.create(table)
            writer.insert(table, [StoredRow(row_id, tuple(cells)) for row_id, cells in enumerate(rows, 1)])
        return table

    def over(
        self, table: TableRef, rows: Sequence[Sequence[str]], keys: Sequence[int] = (1,), new: Sequence[Field] = ()
    ) -> FileComparison:
        draft = self.folder / "draft.db"
        laid = open_comparison(self.backend.address, draft, table, [*table.fields, *new], keys)
        self._stack.enter_context(laid)
        laid.take(rows)
        return laid


@pytest.fixture
def laid(backend: Any, tmp_path: Path) -> Iterator[Laid]:
    with ExitStack() as stack:
        yield Laid(backend, tmp_path, stack, count(1))


def ignore(done: int, total: int) -> None:
    pass


def test_rows_are_found_by_their_key_wherever_they_are(laid: Laid) -> None:
    table = laid.table(ROWS)
    file = [("4", "", "NA"), ("5", "Bodø", "1816"), ("2", "Bergen", "1070"), ("1", "Christiania", "1048")]
    over = laid.over(table, file)
    found = over.match_keys(ignore)
    assert (found.added, found.changed, found.same, found.missing) == (1, 1, 2, 1)
    ((changed,),) = over.changed()
    assert (changed.id, changed.place) == (1, 4)
    assert (changed.before, changed.after) == (("1", "Oslo", "1048"), ("1", "Christiania", "1048"))
    ((added,),) = over.added()
    assert (added.place, added.after) == (2, ("5", "Bodø", "1816"))
    (((missing, _),),) = over.missing()
    assert (missing.id, missing.cells) == (3, ("3", "Narvik", "1902"))
    assert list(over.same_ids()) == [[2, 4]]


def test_texts_are_compared_as_the_table_prints_them_also_words_for_empty_cells(laid: Laid) -> None:
    table = laid.table(ROWS, ("text", "text", "integer"))
    same = laid.over(table, ROWS)
    assert same.match_keys(ignore).same == 4
    other = laid.over(table, [("4", "", ""), ("1", "Oslo", "01048")])
    assert other.match_keys(ignore).changed == 2
    assert [(row.before[2], row.after[2]) for batch in other.changed() for row in batch] == [
        ("1048", "01048"),
        ("NA", ""),
    ]


def test_keys_of_several_columns_and_of_numbers(laid: Laid) -> None:
    table = laid.table((("a", "x", "1"), ("a", "y", "2")), ("text", "text", "integer"))
    over = laid.over(table, [("a", "y", "2"), ("b", "x", "1"), ("a", "x", "7")], keys=(1, 2))
    found = over.match_keys(ignore)
    assert (found.added, found.changed, found.same, found.missing) == (1, 1, 1, 0)
    by_number = laid.over(table, [("c", "z", "2")], keys=(3,))
    assert by_number.match_keys(ignore).changed == 1


def test_keys_that_are_empty_or_repeated_refuse_their_rows_and_nothing_is_taken_for_missing(laid: Laid) -> None:
    table = laid.table((*ROWS, ("", "nowhere", ""), ("4", "again", "")))
    file = [
        ("1", "Oslo!", "1"), ("", "a", ""), ("2", "b", ""), ("2", "c", ""), ("4", "d", ""), ("", "e", ""),
        ("9", "f", ""),
    ]  # fmt: skip
    over = laid.over(table, file)
    found = over.match_keys(ignore)
    assert (found.added, found.changed, found.same, found.missing) == (1, 1, 0, 1)
    problems = over.problems()
    assert problems.counts == {"empty": 2, "repeated": 2, "ambiguous": 1}
    assert problems.keyless == 1
    assert problems.samples["empty"] == [(2, ("", "a", "")), (6, ("", "e", ""))]
    assert problems.samples["repeated"] == [(3, ("2", "b", "")), (4, ("2", "c", ""))]
    assert problems.samples["ambiguous"] == [(5, ("4", "d", ""))]
    assert [row.id for batch in over.missing() for row, _ in batch] == [3]


def test_the_same_key_everywhere_takes_no_longer_than_different_ones(laid: Laid) -> None:
    """Each with each would be 4 million pairs."""
    rows = [("x", str(number), "") for number in range(2_000)]
    over = laid.over(laid.table(rows), rows)
    found = over.match_keys(ignore)
    assert (found.added, found.changed, found.same, found.missing) == (0, 0, 0, 0)
    assert over.problems().counts["repeated"] == 2_000
    assert over._number("SELECT count(*) FROM file") <= 21  # type: ignore[attr-defined]


def test_a_new_column_changes_the_rows_where_it_has_a_text(laid: Laid) -> None:
    table = laid.table(ROWS)
    file = [(*ROWS[0], "blue"), (*ROWS[1], "")]
    over = laid.over(table, file, new=[Field(-1, "Colour", "text", {})])
    assert over.match_keys(ignore).changed == 1
    ((row,),) = over.changed()
    assert (row.before[3], row.after[3]) == ("", "blue")


def test_equal_rows_are_matched_one_by_one_where_there_is_no_key(laid: Laid) -> None:
    table = laid.table((("a", "b", "c"), ("a", "b", "c"), ("a", "bc", ""), ("d", "", "")))
    over = laid.over(
        table, [("d", "", ""), ("a", "b", "c"), ("a", "b", "c"), ("a", "b", "c"), ("ab", "c", "")], keys=()
    )
    found = over.match_rows(ignore)
    assert (found.added, found.changed, found.same, found.missing) == (2, 0, 3, 1)
    assert [row.place for batch in over.added() for row in batch] == [4, 5]
    assert [row.id for batch in over.missing() for row, _ in batch] == [3]


def test_edits_are_told_with_the_rows_that_they_are_about(laid: Laid) -> None:
    table = laid.table(ROWS)
    over = laid.over(table, [("1", "Christiania", "1048"), ("7", "Hamar", "1849")])
    over.take_edits(
        [
            RowEdit(2, 1, 2, "Ansloga", "Áslo"),
            RowEdit(3, 1, 2, "Áslo", "Oslo"),
            RowEdit(4, 99, None, "{}", None, {1: "7", 2: "Hamar", 3: "1849"}),
            RowEdit(5, 4, None, None, "{}"),
            RowEdit(6, 2, 2, "Björgvin", "Bergen"),
            RowEdit(7, 2, 2, "Bergen", "Bjørgvin", is_from_file=True),
        ]
    )
    over.match_keys(ignore)
    ((changed,),) = over.changed()
    assert changed.edits == {2: RowEdit(3, 1, 2, "Ansloga", "Oslo")}
    ((added,),) = over.added()
    assert (added.edits[0].row_id, added.edits[0].seq) == (99, 4)
    edited = {row.id: edits for batch in over.missing() for row, edits in batch}
    assert (sorted(edited), edited[4][0].seq, edited[2]) == ([2, 3, 4], 5, {})


def test_the_snapshot_has_no_later_change_and_says_where_it_is(laid: Laid) -> None:
    table = laid.table(ROWS)
    laid.backend.execute("UPDATE tables SET seq = 12 WHERE id = ?", table.id)
    over = laid.over(table, ROWS)
    laid.backend.execute(f"UPDATE t{table.id} SET c2 = 'changed'")
    assert over.seq == 12
    assert over.match_keys(ignore).same == 4


def test_a_table_that_is_gone_is_said_to_be_and_leaves_nothing_open(laid: Laid) -> None:
    with pytest.raises(RowsGone) as caught:  # which keeps what the constructor had
        laid.over(TableRef(999, (Field(1, "id", "text", {}),)), [])
    links = [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert caught.tb is not None
    assert not [link for link in links if link.startswith(str(laid.folder))]


def test_a_file_may_have_as_many_columns_as_a_table(laid: Laid) -> None:
    with laid.backend.writing() as writer:
        most = writer.limits.columns
    row = tuple(str(number) for number in range(1, most))
    table = laid.table_of([Field(number, f"c{number}", "text", {}) for number in range(1, most)], [row])
    over = laid.over(table, [(*row[:-1], "other"), ("x", *row[1:])])
    found = over.match_keys(ignore)
    assert (found.added, found.changed) == (1, 1)
    ((changed,),) = over.changed()
    assert (changed.before, changed.after) == (row, (*row[:-1], "other"))


CELL = st.sampled_from(["", "a", "b", "NA", "\0", "␀", "␛", "a\0", "Ä"])
ROW = st.tuples(CELL, CELL)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, max_size=8), st.lists(ROW, max_size=8))
def test_it_finds_what_a_loop_in_python_finds(
    laid: Laid, stored: list[tuple[str, str]], file: list[tuple[str, str]]
) -> None:
    with ExitStack() as stack:
        laid = Laid(laid.backend, laid.folder, stack, laid.ids)
        over = laid.over(laid.table(stored, ("text", "text")), file)
        found = over.match_keys(ignore)
        keys = [key for key, _ in file]
        once = {key: text for key, text in file if key and keys.count(key) == 1}
        at = {key: [text for other, text in stored if other == key] for key in {key for key, _ in stored if key}}
        matched = {key for key in once if len(at.get(key, [])) == 1}
        assert found.added == len([key for key in once if key not in at])
        assert found.same == len([key for key in matched if at[key] == [once[key]]])
        assert found.changed == len(matched) - found.same
        assert found.missing == len([key for key, _ in stored if key and key not in keys])
        assert sum(over.problems().counts.values()) == len(file) - len(matched) - found.added
