"""U+0000 in cells: stored, compared, searched and exported."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rowstore.backends import StoredTable, column, ids
from tests.rowstore.conftest import Make
from webapp.rowstore.nul_escape import decode, decode_block, encode, spellings
from webapp.rowstore.values import CellChange, StoredRow

TEXTS = st.text(alphabet=st.sampled_from("\0␀␛\"',\\a\n"), max_size=8)
FIELDS = (column(1, "text"),)


@settings(max_examples=500)
@given(TEXTS)
def test_encoding_is_reversible_and_leaves_no_nul(text: str) -> None:
    assert "\0" not in encode(text)
    assert decode(encode(text)) == text


@settings(max_examples=500)
@given(TEXTS, TEXTS)
def test_different_texts_are_stored_differently(one: str, other: str) -> None:
    assert (encode(one) == encode(other)) is (one == other)


@settings(max_examples=300)
@given(st.lists(TEXTS))
def test_a_block_of_bytes_is_decoded_like_its_texts(texts: list[str]) -> None:
    block = "\n".join(map(encode, texts)).encode()
    assert decode_block(block, b"\0") == "\n".join(texts).encode()


def test_a_symbol_that_is_typed_stands_for_itself_and_for_nul() -> None:
    assert spellings("a␀b") == ("a␛␀b", "a␀b")
    assert spellings("a\0b") == ("a␀b",)
    assert spellings("ab␛") == ("ab␛␛",)


CELLS = ["a\0b", "a␀b", "a␛b", "a␛␀b", "ab", "␀", "\0"]


@pytest.fixture
def table(make: Make) -> StoredTable:
    return make(FIELDS, [[cell] for cell in CELLS])


def test_cells_with_nul_are_shown_and_exported_unchanged(table: StoredTable) -> None:
    assert [cells for _, (cells,) in table.page().rows] == CELLS
    lines = table.export(format="ndjson").decode().splitlines()
    assert [json.loads(line)["text"] for line in lines] == CELLS


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        ("eq:a␀b", [1, 2]),
        ("eq:a\0b", [1]),
        ("eq:␀", [6, 7]),
        ("eq:a␛b", [3]),
        ("ne:a␀b", [3, 4, 5, 6, 7]),
        ("oneof:a␀b,ab", [1, 2, 5]),
        ("contains:␀", [1, 2, 4, 6, 7]),
        ("contains:a␀", [1, 2]),
        ("contains:\0", [1, 2, 4, 6, 7]),
        ("contains:␛", [3, 4]),
    ],
)
def test_filters_find_both_spellings(table: StoredTable, filter_: str, expected: list[int]) -> None:
    assert ids(table.page(("f.1", filter_))) == expected


def test_pages_continue_after_cells_with_nul(table: StoredTable) -> None:
    page, found = table.page(("sort", "1"), size=1), list[int]()
    while True:
        found += ids(page)
        if page.after is None:
            break
        page = table.page(("sort", "1"), size=1, after=page.after)
    assert sorted(found) == [1, 2, 3, 4, 5, 6, 7]


def test_cells_with_nul_can_be_edited_deleted_and_restored(table: StoredTable) -> None:
    changes = [CellChange(1, FIELDS[0], "a\0b", "a␀"), CellChange(2, FIELDS[0], "a\0b", "x")]
    applied = table.write(lambda rows: rows.apply(table.ref, changes))
    assert [(conflict.change.row_id, conflict.current) for conflict in applied.conflicts] == [(2, "a␀b")]
    deleted = table.write(lambda rows: rows.delete(table.ref, [1, 7]))
    assert deleted == [StoredRow(1, ("a␀",)), StoredRow(7, ("\0",))]
    table.write(lambda rows: rows.restore(table.ref, deleted))
    assert [cells for _, (cells,) in table.page().rows] == ["a␀", *CELLS[1:]]


def test_words_of_a_format_may_contain_the_escape_characters(make: Make) -> None:
    format = {"true": "␀", "false": "␛", "null": "-␀"}
    table = make(
        [column(1, "b", "boolean", format), column(2, "n", "integer", {"null": "␛"})], [["␀", "7"], ["␛", "␛"]]
    )
    table.write(lambda rows: rows.insert(table.ref, [StoredRow(3, ("-␀", "8"))]))
    assert table.rows.cells(table.ref, [1, 2, 3], table.fields) == {1: ("␀", "7"), 2: ("␛", "␛"), 3: ("-␀", "8")}
    assert table.export().decode() == "b,n\r\n␀,7\r\n␛,␛\r\n-␀,8\r\n"
    changes = [CellChange(1, table.fields[0], "␀", "␛"), CellChange(2, table.fields[1], "␛", "9")]
    assert table.write(lambda rows: rows.apply(table.ref, changes)).conflicts == []
