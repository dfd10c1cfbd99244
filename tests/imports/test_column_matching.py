"""Which column of a table each column of a file is."""

import pytest

from webapp.imports.column_matching import FileColumn, Match, TableColumn, likely_keys, match_columns, source_name
from webapp.imports.update_settings import LEFT_OUT, NEW

TABLE = [
    TableColumn(1, "id", ["1", "2", "3"]),
    TableColumn(2, "City", ["Oslo", "Bergen", "Narvik"]),
    TableColumn(5, "Since", ["1905", "1838", "1902"]),
]


def file(**columns: list[str]) -> list[FileColumn]:
    return [FileColumn(index, title, texts) for index, (title, texts) in enumerate(columns.items())]


def numbers(matches: list[Match]) -> list[int]:
    return [match.number for match in matches]


def test_equal_titles_match_whatever_their_order_and_contents() -> None:
    found = match_columns(file(Since=["x"], id=["9"], City=["Rome"]), TABLE)
    assert numbers(found) == [5, 1, 2]
    assert all(match.is_by_title for match in found)


def test_titles_that_are_written_differently_match_less_surely() -> None:
    (found,) = match_columns([FileColumn(0, " CITY_", [])], TABLE)
    assert (found.number, found.is_by_title) == (2, False)
    assert 0.9 < found.confidence < 1


def test_a_changed_title_is_found_by_its_contents() -> None:
    found = match_columns(file(id=["1", "2"], Town=["Oslo", "Bergen", "Bodø"]), TABLE)
    assert numbers(found) == [1, 2]
    assert found[1].reason == "similar contents"
    assert 0.5 <= found[1].confidence < 0.95


def test_a_column_of_other_contents_is_a_new_one() -> None:
    assert numbers(match_columns(file(id=["1"], Colour=["red", "blue"]), TABLE)) == [1, NEW]


def test_contents_that_fit_two_columns_equally_match_none() -> None:
    table = [TableColumn(1, "From", ["Oslo", "Bergen"]), TableColumn(2, "Goal", ["Oslo", "Bergen"])]
    assert numbers(match_columns(file(Zzzz=["Oslo", "Bergen"]), table)) == [NEW]


def test_empty_columns_say_nothing_by_their_contents() -> None:
    assert numbers(match_columns(file(Town=["", ""]), [TableColumn(1, "City", ["", ""])])) == [NEW]


def test_a_title_that_two_columns_of_the_table_have_is_not_guessed() -> None:
    table = [TableColumn(1, "name", ["a", "b"]), TableColumn(2, "Name", ["c", "d"])]
    assert numbers(match_columns(file(NAME=["x", "y"]), table)) == [NEW]
    assert numbers(match_columns(file(Name=["x", "y"]), table)) == [2]


def test_no_two_columns_of_the_file_get_the_same_one() -> None:
    columns = [FileColumn(0, "City", []), FileColumn(1, "city", [])]
    assert numbers(match_columns(columns, TABLE)) == [2, NEW]


def test_what_was_decided_before_counts_for_more_than_a_title() -> None:
    remembered = {"City": 5, "Colour": LEFT_OUT, "gone": 77}
    found = match_columns(file(City=["Oslo"], Colour=["red"], gone=["x"]), TABLE, remembered)
    assert numbers(found) == [5, LEFT_OUT, NEW]
    assert all(match.is_by_title for match in found)


def test_columns_that_look_like_keys_are_tried_first() -> None:
    columns = [(1, "City"), (2, "order_id"), (3, "Identity"), (4, "OrderNo"), (5, "E-mail"), (6, "Customer number")]
    assert likely_keys(columns)[:3] == [2, 4, 6]
    assert set(likely_keys(columns)) == {1, 2, 3, 4, 5, 6}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sales_2026-11-21.csv", "sales_2026-11-28.csv"),
        ("sales_2026-11-21 (2).csv", "Sales 20261128.CSV"),
        ("C:\\exports\\week 47.xlsx", "week 48.xlsx"),
    ],
)
def test_files_of_the_same_system_have_the_same_name_but_for_numbers(one: str, other: str) -> None:
    assert source_name(one) == source_name(other)


def test_files_with_other_words_are_of_other_sources() -> None:
    assert len({source_name(name) for name in ("sales 1.csv", "stock 1.csv", "sales 1.xlsx", "sales.csv")}) == 4


def test_thousands_of_columns_that_have_nothing_in_common_are_new_ones() -> None:
    table = [TableColumn(number, f"column {number}", [f"{number}.1", f"{number}.2"]) for number in range(1, 2_001)]
    columns = [FileColumn(index, f"Column no. {index}", [f"x{index}", "y"]) for index in range(500)]
    assert set(numbers(match_columns(columns, table))) == {NEW}
