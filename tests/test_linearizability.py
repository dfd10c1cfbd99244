"""The check of recorded histories finds what is wrong with them, and nothing wrong with those that are right."""

from itertools import permutations, product

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tests.linearizability import Operation, find_violation

NO_ANSWER = None


def read(began: float, ended: float, found: str) -> Operation:
    return Operation("reader", began, ended, found)


def swap(began: float, ended: float, seen: str, text: str, found: str | None) -> Operation:
    return Operation("writer", began, ended, found, seen, text)


@pytest.mark.parametrize(
    "history",
    [
        [swap(1, 2, "a", "b", "b"), read(3, 4, "b")],
        [swap(1, 2, "a", "b", "b"), swap(3, 4, "a", "b", "b")],  # sent again
        [swap(1, 2, "a", "b", "b"), swap(3, 4, "a", "c", "b"), read(5, 6, "b")],
        [swap(1, 5, "a", "b", "b"), read(2, 3, "a"), read(3.5, 4, "b")],
        [swap(1, 5, "a", "b", "b"), swap(1, 5, "b", "c", "c"), read(6, 7, "c")],
        [swap(1, 5, "a", "b", "b"), swap(1, 5, "a", "c", "b"), read(6, 7, "b")],
        [swap(1, 5, "a", "b", NO_ANSWER), read(6, 7, "a")],
        [swap(1, 5, "a", "b", NO_ANSWER), read(2, 3, "a"), read(6, 7, "b")],
        [swap(1, 5, "a", "b", NO_ANSWER), swap(6, 7, "a", "b", "b"), read(8, 9, "b")],
    ],
)
def test_what_a_register_answers_is_linearizable(history: list[Operation]) -> None:
    assert find_violation("a", history) is None


@pytest.mark.parametrize(
    ("history", "at"),
    [
        ([swap(1, 2, "a", "b", "b"), read(3, 4, "a")], 1),
        ([read(1, 2, "b"), swap(3, 4, "a", "b", "b")], 0),
        ([swap(1, 9, "a", "b", "b"), read(2, 3, "b"), read(4, 5, "a")], 2),
        ([swap(1, 5, "a", "b", "b"), swap(1, 6, "a", "c", "c")], 1),
        ([swap(1, 2, "a", "b", "b"), swap(3, 4, "b", "c", "c"), read(5, 6, "b")], 2),
        ([swap(1, 2, "x", "b", "a"), read(3, 4, "b")], 1),
        ([swap(1, 2, "a", "b", "a")], 0),
        ([swap(1, 5, "a", "b", NO_ANSWER), read(6, 7, "a"), read(8, 9, "b")], 2),
        (
            [
                swap(1, 5, "a", "b", NO_ANSWER),
                swap(6, 7, "a", "b", "b"),
                swap(8, 9, "b", "a", "a"),
                read(10, 11, "b"),
            ],
            3,
        ),
    ],
    ids=[
        "an acknowledged edit is lost",
        "a text is read before it is written",
        "what was read is gone again",
        "two edits of what both had seen are made",
        "an overwritten edit comes back",
        "a refused edit is made",
        "an edit is refused without a reason",
        "an edit takes effect after the server that it was sent to is gone",
        "an edit that was sent again is made twice",
    ],
)
def test_what_no_register_answers_is_found(history: list[Operation], at: int) -> None:
    assert find_violation("a", history) is history[at]


texts = st.sampled_from("abc")
times = st.integers(0, 9)
operations = st.builds(
    lambda one, other, found, seen, text: Operation("any", min(one, other), max(one, other), found, seen, text),
    times,
    times,
    st.none() | texts,
    texts,
    st.none() | texts,
).filter(lambda one: one.found is not None or one.text is not None)


def is_explained(initial: str, history: list[Operation]) -> bool:
    """By trying every order of every choice of what had an effect."""
    unanswered = [one for one in history if one.found is None]
    for made in product([True, False], repeat=len(unanswered)):
        left_out = {one for one, is_made in zip(unanswered, made, strict=True) if not is_made}
        if any(is_answered(initial, order) for order in permutations([one for one in history if one not in left_out])):
            return True
    return False


def is_answered(initial: str, order: tuple[Operation, ...]) -> bool:
    """Whether a register that is used in this order answers so, and nothing goes before what ended earlier."""
    held: str | None = initial
    for place, operation in enumerate(order):
        held = operation.takes(held or "")
        if held is None or any(later.ended < operation.began for later in order[place:]):
            return False
    return True


@settings(max_examples=400, deadline=None)
@given(st.lists(operations, max_size=5))
def test_the_search_agrees_with_trying_every_order(history: list[Operation]) -> None:
    assert (find_violation("a", history) is None) == is_explained("a", history)
