"""Checks a recorded history of one cell: does some order of its operations explain every answer?

A cell is a register with two operations, a read and a compare-and-swap. A history is linearizable if each operation can
be given one moment between its beginning and its end at which it took effect, so that all answers are those of a
register used by one client alone (Herlihy and Wing, 1990). The search goes along the history and takes an operation
into effect no earlier than an answer asks for it (Lowe, "Testing for linearizability", 2017).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

State = tuple[str, frozenset["Operation"]]  # what the cell holds, and what has begun and has had no effect yet


@dataclass(frozen=True, eq=False, slots=True)
class Operation:
    """`found` is what the cell held afterwards, as the answer says; None if no answer came: then it took effect before
    `ended` or never. Without `text` it is a read. Times are seconds on one monotonic clock.
    """

    client: str
    began: float
    ended: float
    found: str | None
    seen: str | None = None
    text: str | None = None

    def takes(self, held: str) -> str | None:
        """What the cell holds after this operation; None if the answer was not possible."""
        after = self.text if self.text is not None and held in (self.seen, self.text) else held
        return after if self.found in (None, after) else None


def find_violation(initial: str, history: Iterable[Operation]) -> Operation | None:
    """The first operation at whose end no order explains the answers so far; None if the history is linearizable."""
    states: set[State] = {(initial, frozenset())}
    for operation, has_ended in _moments(history):
        if not has_ended:
            states = {(held, waiting | {operation}) for held, waiting in states}
        elif operation.found is None:
            states = {(held, waiting - {operation}) for held, waiting in _reachable(states)}
        else:
            states = {state for state in _reachable(states) if operation not in state[1]}
        if not states:
            return operation
    return None


def _moments(history: Iterable[Operation]) -> Iterator[tuple[Operation, bool]]:
    """Beginnings and ends in the order of time; of those at one time the beginnings first, which allows more."""
    operations = list(history)
    found = [(one.began, False, place) for place, one in enumerate(operations)]
    found += [(one.ended, True, place) for place, one in enumerate(operations)]
    for _, has_ended, place in sorted(found):
        yield operations[place], has_ended


def _reachable(states: set[State]) -> set[State]:
    """These, and all after any of what has begun has taken effect, in any order."""
    reached, new = set(states), states
    while new:
        new = {
            (after, waiting - {operation})
            for held, waiting in new
            for operation in waiting
            if (after := operation.takes(held)) is not None
        } - reached
        reached |= new
    return reached
