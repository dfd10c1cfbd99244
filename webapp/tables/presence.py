"""Who has a table open, and in which cell they are: in memory only, and forgotten soon."""

import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

FORGOTTEN = 30.0  # seconds after which a cell is nobody's any more
MAX_PEOPLE = 20  # that are named; the others are counted
MAX_PLACES = 100  # cells that are shown


class Place(NamedTuple):
    """A cell in which somebody is, or is editing."""

    page: str
    user_id: int
    row_id: int
    column: int
    is_editing: bool


class Person(NamedTuple):
    id: int
    name: str
    is_editing: bool


class Presence:
    """Of one table. `edition` counts what has changed for those who look at it, as of the last `renew`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.edition = 0
        self.people: list[Person] = []
        self.others = 0  # beyond those
        self.places: list[Place] = []
        self._clock = clock
        self._names: dict[int, str] = {}
        self._open: Counter[int] = Counter()  # pages of each person
        self._places: dict[tuple[int, str], tuple[float, Place]] = {}

    def came(self, user_id: int, name: str) -> None:
        self._names[user_id] = name
        self._open[user_id] += 1

    def went(self, user_id: int) -> None:
        self._open[user_id] -= 1
        if self._open[user_id] <= 0:
            del self._open[user_id], self._names[user_id]
            self._places = {key: found for key, found in self._places.items() if key[0] != user_id}

    def put(self, place: Place) -> None:
        """Only of people who have the table open."""
        if place.user_id in self._open:
            self._places.pop((place.user_id, place.page), None)
            self._places[place.user_id, place.page] = self._clock(), place

    def remove(self, user_id: int, page: str) -> None:
        self._places.pop((user_id, page), None)

    def renew(self) -> bool:
        """Forget what is old. Whether there is anything else to see now."""
        since = self._clock() - FORGOTTEN
        self._places = {key: found for key, found in self._places.items() if found[0] > since}
        places = [place for _, place in self._places.values()][-MAX_PLACES:]
        editing = {place.user_id for place in places if place.is_editing}
        named = list(self._names.items())[:MAX_PEOPLE]
        people = [Person(user_id, name, user_id in editing) for user_id, name in named]
        others = len(self._names) - len(people)
        if (people, others, places) == (self.people, self.others, self.places):
            return False
        self.people, self.others, self.places = people, others, places
        self.edition += 1
        return True
