"""Whose task is next: a bounded number runs, the others wait, and people take turns."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace
from typing import NamedTuple


class Work(NamedTuple):
    """A task for a subject (an id), as the queue starts it."""

    task: str
    subject: str


@dataclass(eq=False, slots=True)
class Turn:
    """The slot that one run of a work has. Another run of the same work has another turn, or none."""

    person: int
    work: Work
    workflow_id: str = ""  # of that run; known before it starts


class Turns:
    """The tasks of one kind that run, at most `slots`, and those that wait.

    A free slot goes to the person with the fewest running tasks, and among them to the one who was served longest ago:
    a person's thousand files delay another person's file by one. A person's own tasks keep their order. It holds ids
    only: what is lost with the process, the schedule of the next one finds in the database.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        # By person, in the order of their arrival. Ordered, because a plain dictionary is slow at its front.
        self._lines: dict[int, OrderedDict[Work, None]] = {}
        self._served: dict[int, int] = {}  # by person: when they had their last turn, as the number of that turn
        self._taken = 0  # turns so far
        self._waiting: dict[str, dict[Work, int]] = {}  # by subject: what waits, and in whose line
        self._running: list[Turn] = []
        self._places: dict[str, int] | None = None  # of the present lines, once somebody has asked

    def add(self, person: int, work: Work) -> None:
        """Let it wait, once. The same work may be running: then it runs again."""
        waiting = self._waiting.setdefault(work.subject, {})
        if work not in waiting:
            waiting[work] = person
            self._lines.setdefault(person, OrderedDict())[work] = None
            self._places = None

    def take(self) -> Turn | None:
        """The turn of the next work, which runs from now on; None if no slot is free or nothing waits."""
        if len(self._running) >= self._slots or not self._lines:
            return None
        person = min(self._lines, key=self._rank)
        work = next(iter(self._lines[person]))
        self._drop(person, work)
        self._taken += 1
        self._served[person] = self._taken
        self._running.append(turn := Turn(person, work))
        return turn

    def leave(self, turn: Turn) -> None:
        """It has ended, and its slot is free. Nothing happens if it has ended before."""
        if turn in self._running:
            self._running.remove(turn)
            self._places = None

    def turn_of(self, workflow_id: str) -> Turn | None:
        return next((turn for turn in self._running if turn.workflow_id == workflow_id), None)

    def remove(self, subject: str) -> None:
        """Nothing that waits for this subject is needed any more."""
        for work, person in list(self._waiting.get(subject, {}).items()):
            self._drop(person, work)

    def _drop(self, person: int, work: Work) -> None:
        """It no longer waits."""
        line = self._lines[person]
        del line[work]
        if not line:
            del self._lines[person]
        waiting = self._waiting[work.subject]
        del waiting[work]
        if not waiting:
            del self._waiting[work.subject]
        self._places = None

    def is_running(self, work: Work) -> bool:
        return any(turn.work == work for turn in self._running)

    def is_at_work_on(self, subject: str) -> bool:
        return any(turn.work.subject == subject for turn in self._running)

    def is_known(self, work: Work) -> bool:
        """Whether it runs or waits."""
        return self.is_running(work) or work in self._waiting.get(work.subject, ())

    def subjects_of(self, person: int) -> set[str]:
        """What runs or waits for this person."""
        running = {turn.work.subject for turn in self._running if turn.person == person}
        return running | {work.subject for work in self._lines.get(person, ())}

    def places(self) -> dict[str, int]:
        """Each waiting subject and its place in the queue, in this order. The next one has place 1."""
        if self._places is None:
            self._places = {}
            for place, work in enumerate(self._in_order(), 1):
                self._places.setdefault(work.subject, place)
        return self._places

    def _in_order(self) -> Iterator[Work]:
        """What waits, in the order of turns if nothing else comes and what runs does not end."""
        # Each line after the rank of its person; equal ones, of people who had no turn yet, in the order of arrival.
        lines = [
            (*self._rank(person), arrival, iter(line)) for arrival, (person, line) in enumerate(self._lines.items())
        ]
        heapify(lines)
        taken = self._taken
        while lines:
            running, _, arrival, line = lines[0]
            if (work := next(line, None)) is None:
                heappop(lines)
                continue
            yield work
            taken += 1
            heapreplace(lines, (running + 1, taken, arrival, line))

    def _rank(self, person: int) -> tuple[int, int]:
        """The least is next."""
        return self._running_of(person), self._served.get(person, 0)

    def _running_of(self, person: int) -> int:
        return sum(turn.person == person for turn in self._running)
