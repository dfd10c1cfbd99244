"""When work that has failed is tried again: after a pause that doubles, since a try may read a whole table in vain.

What lasts, such as a full disk, is over in minutes or in hours. What fails for a day is given up. Only this process
knows of it: the next one tries at once.
"""

import math
import time
from collections.abc import Callable, Hashable

FIRST_PAUSE, LONGEST_PAUSE = 60.0, 3600.0  # seconds
MAX_TRIES = 30  # about a day


class Retries:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[Hashable, tuple[int, float]] = {}  # how many, and when it is due again

    def is_due(self, subject: Hashable) -> bool:
        """Whether it may be tried now."""
        return subject not in self._failures or self._clock() >= self._failures[subject][1]

    def failed(self, subject: Hashable) -> float:
        """It has failed once more. Return the pause until it may be tried again, without an end if it is given up."""
        tries = self._failures.get(subject, (0, 0.0))[0] + 1
        pause = min(FIRST_PAUSE * 2 ** (tries - 1), LONGEST_PAUSE) if tries < MAX_TRIES else math.inf
        self._failures[subject] = tries, self._clock() + pause
        return pause

    def outlook(self, subject: Hashable) -> str:
        """What comes next, in words, for the log."""
        pause = self._failures[subject][1] - self._clock()
        return "it is given up" if math.isinf(pause) else f"it is tried again in {pause:.0f} s at the earliest"

    def forget(self, subject: Hashable) -> None:
        """It has been done, or nobody wants it any more."""
        self._failures.pop(subject, None)
