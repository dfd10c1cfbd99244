"""What operations make of the texts of a row."""

from collections.abc import Iterator
from typing import Any

import pytest
import re2

from webapp.db.errors import UserError
from webapp.planners.bulk.cells import plan_cells
from webapp.planners.bulk.fitting import TextSet
from webapp.planners.bulk.operations import (
    Fill,
    Join,
    OperationRefused,
    Replace,
    SetText,
    Split,
    Tidy,
    from_json,
    to_json,
)
from webapp.planners.bulk.replacing import (
    PatternRefused,
    TimeLimit,
    TooMuchWork,
    TooSlow,
    regex_replacer,
    words_replacer,
)
from webapp.planners.plan import PlanInput
from webapp.rowstore.cell_input import MAX_TEXT, TextTooLong
from webapp.rowstore.table_ref import Field, TableRef
from webapp.rowstore.values import StoredRow

PLAIN = {"match_case": False, "whole_cell": False}


def replaced(text: str, find: str, replacement: str = "-", **options: bool) -> str:
    return str(Replace(1, find, replacement, **options).apply({1: text})[1])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "- in - (-)"),
        ({"match_case": True}, "- in OSLO (oslo)"),
        ({"whole_cell": True}, "Oslo in OSLO (oslo)"),
    ],
)
def test_words_are_replaced_as_the_options_say(options: dict[str, bool], expected: str) -> None:
    assert replaced("Oslo in OSLO (oslo)", "Oslo", **options) == expected


def test_words_are_no_expression_and_their_replacement_no_template() -> None:
    assert replaced("a.c abc a+c", ".", "$0\\1") == "a$0\\1c abc a+c"
    assert replaced("ÅRHUS", "århus") == "-"
    assert replaced("OSLO", "oslo", whole_cell=True) == "-"


@pytest.mark.parametrize(
    ("find", "replacement", "text", "expected"),
    [
        (r"(\d+)-(\d+)", "$2/$1", "12-34", "34/12"),
        (r"(\d+)-(\d+)", r"\2/\1", "12-34 5-6", "34/12 6/5"),
        (r"(?P<day>\d+)\.", r"\g<day>:", "1.2.", "1:2:"),
        (r"\d", "$0$0", "a1b", "a11b"),
        (r"(a)|(b)", "[$2]", "ab", "[][b]"),
        ("o", "$$", "Oslo", "$sl$"),
        (r"\s+", r"\n", "a  b", "a\nb"),
        ("^", ">", "x", ">x"),
        ("x*", "-", "abc", "-a-b-c-"),
        (r"\pL+", "L", "Ærø 7", "L 7"),
    ],
)
def test_a_regular_expression_may_refer_to_its_groups(find: str, replacement: str, text: str, expected: str) -> None:
    assert replaced(text, find, replacement, is_regex=True) == expected


def test_a_regular_expression_may_have_to_match_the_whole_cell() -> None:
    assert replaced("ab", "a|ab", is_regex=True, whole_cell=True) == "-"
    assert replaced("abc", "a|ab", is_regex=True, whole_cell=True) == "abc"


@pytest.mark.parametrize(
    "find", ["(a", "a(?=b)", "(" * 100 + "a" + "){1,999}" * 100, "(?:a{1,999}){1,999}", "a" * 2_000]
)
def test_an_expression_that_cannot_be_used_is_refused_with_a_reason(find: str) -> None:
    with pytest.raises(UserError) as caught:
        replaced("a", find, is_regex=True)
    assert isinstance(caught.value, (PatternRefused, OperationRefused))
    assert len(str(caught.value)) < 400


def test_a_replacement_that_names_no_group_is_refused() -> None:
    for replacement in ("$1", r"\3", r"\g<city>", r"\g<²>", r"\g<" + "1" * 5_000 + ">"):
        with pytest.raises(PatternRefused, match="group"):
            replaced("a", "a", replacement, is_regex=True)


@pytest.mark.parametrize("find", [r"(a+)+$", r"(a|aa)+$", r"(a|a?)+$", r"(.*)*x"])
def test_an_expression_that_never_ends_elsewhere_ends_here(find: str) -> None:
    text = "a" * 50_000 + "b"
    assert set(replaced(text, find, is_regex=True)) <= {"a", "b", "-"}  # elsewhere it would take years


def test_a_search_that_takes_too_long_is_given_up() -> None:
    replace = regex_replacer(r"x[^q]*y|x", "z", limit=TimeLimit(0.2), **PLAIN)
    with pytest.raises(TooSlow):
        replace("x" * 400_000)


@pytest.mark.parametrize(
    ("find", "is_regex"), [("[ab]{1000}" * 10 + "c", True), ("a" * 999 + "b", False)], ids=["expression", "words"]
)
def test_what_would_take_too_long_in_one_text_is_refused_for_that_text(find: str, is_regex: bool) -> None:
    assert replaced("ab" * 1_000, find, is_regex=is_regex) == "ab" * 1_000
    with pytest.raises(TooMuchWork):
        replaced("ab" * 400_000, find, is_regex=is_regex)


def test_words_have_a_time_limit_too() -> None:
    limit = TimeLimit(0.0)
    limit.check()  # from now on there is none left
    with pytest.raises(TooSlow):
        words_replacer("a", "b", limit=limit, **PLAIN)("banana")


def test_expressions_of_others_are_not_kept() -> None:
    for number in range(3):
        replaced("a", f"a{number}", is_regex=True)
    assert re2._Regexp._make.cache_info().currsize <= 1


@pytest.mark.parametrize("is_regex", [False, True])
def test_a_replacement_never_makes_a_text_that_no_cell_may_have(is_regex: bool) -> None:
    with pytest.raises(TextTooLong):
        replaced("x" * 2_000, "x", "y" * 2_000, is_regex=is_regex)
    assert len(replaced("x" * 1_000, "x", "y" * 1_000, is_regex=is_regex)) == MAX_TEXT


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("trim", "new  York"),
        ("spaces", "new York"),
        ("upper", "  NEW  YORK "),
        ("lower", "  new  york "),
        ("title", "  New  York "),
        ("capitalise", "  New  York "),
    ],
)
def test_texts_are_tidied(how: str, expected: str) -> None:
    assert Tidy(1, how).apply({1: "  new  York "}) == {1: expected}


def test_columns_are_filled_split_and_joined() -> None:
    assert Fill(2, 1).apply({1: "a", 2: "b"}) == {2: "a"}
    assert Fill(2, 1, only_empty=True).apply({1: "a", 2: "b"}) == {}
    assert SetText(1, "a", only_empty=True).apply({1: ""}) == {1: "a"}
    assert Split(1, ",", (2, 3)).apply({1: "a, b, c"}) == {2: "a", 3: "b, c"}
    assert Split(1, ",", (2, 3)).apply({1: "a"}) == {2: "a"}
    assert Join(3, (1, 2, 4), ", ").apply({1: "a", 2: "", 3: "", 4: "c"}) == {3: "a, c"}


@pytest.mark.parametrize(
    "operation", [SetText(1, "a"), Replace(2, "a", is_regex=True), Split(1, ",", (2, 3)), Join(3, (1, 2))]
)
def test_an_operation_travels_as_json(operation: Any) -> None:
    assert from_json(to_json(operation)) == operation


@pytest.mark.parametrize(
    ("action", "given"),
    [
        ("replace", {"find": ""}),
        ("tidy", {"how": "x"}),
        ("split", {"delimiter": "", "targets": [2, 3]}),
        ("split", {"delimiter": ",", "targets": [2]}),
        ("join", {"sources": [1]}),
        ("join", {"sources": [1, 2], "delimiter": "x" * (MAX_TEXT + 1)}),
        ("set", {"text": "x" * (MAX_TEXT + 1)}),
        ("replace", {"find": "a", "replacement": "x" * (MAX_TEXT + 1)}),
    ],
)
def test_what_cannot_be_done_to_any_row_is_refused(action: str, given: dict[str, Any]) -> None:
    with pytest.raises(OperationRefused):
        from_json({"action": action, "column": 1, **given})


def test_a_set_of_texts_knows_what_is_in_it() -> None:
    texts = TextSet()
    assert all(texts.add(f"text {number}") for number in range(5_000))
    assert not any(texts.add(f"text {number}") for number in range(5_000))
    assert "text 4999" in texts
    assert "text 5000" not in texts


def test_replacing_words_is_a_function_of_the_text() -> None:
    assert words_replacer("a", "b", **PLAIN)("banana") == "bbnbnb"


class FewRows:
    """A table of one column."""

    def __init__(self, *texts: str) -> None:
        self._rows = [StoredRow(number, (text,)) for number, text in enumerate(texts, 1)]

    def batches(self, *_: Any) -> Iterator[list[StoredRow]]:
        yield self._rows

    def fits(self, *_: Any) -> bool:
        return True


def test_texts_that_grow_are_not_all_in_memory_at_once() -> None:
    table = TableRef(1, (Field(1, "A", "text", {}),))
    arguments = {
        "operation": to_json(Replace(1, "x", "y" * 1_000)),
        "selection": {"query": [], "today": "2026-11-28", "zone": "UTC"},
    }
    rows: Any = FewRows(*["x" * 500] * 12)

    sizes = [len(entries) for entries in plan_cells(PlanInput(table, arguments, rows, lambda done, of: None))]

    assert sizes == [3, 3, 3, 3, 0]
