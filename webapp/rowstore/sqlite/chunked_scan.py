"""Scans a table strip by strip for as long as somebody waits, so that the position reached is always known.

Where no index leads to the matches, finding rare ones among a million rows takes a second. A response that says how far
the scan got, and where to continue, comes sooner and loses no row: the next one starts right there.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from webapp.rowstore.sqlite.compile import Part
from webapp.rowstore.sqlite.statement import Sql

FIRST = 1_000  # rows
_GROWTH = 4
_SHARE = 6  # a strip aims to take this fraction of the time available


@dataclass
class Strips:
    """The rows after `start` (or before it), as parts of an unsorted table whose highest id is `size`.

    They end once `seconds` are over, but never before the first; `left_at` is then the last row examined.
    """

    row_id: str
    start: int
    size: int
    forward: bool
    seconds: float
    left_at: int | None = None

    def __iter__(self) -> Iterator[Part]:
        until, height = time.monotonic() + self.seconds, FIRST
        at, last = (max(self.start, 0), self.size) if self.forward else (min(self.start, self.size + 1), 1)
        while at < last if self.forward else at > last:
            began = time.monotonic()
            at, before = (min(at + height, last), at) if self.forward else (max(at - height, last), at)
            yield self._part(before, at)
            now = time.monotonic()
            if now > until and at != last:
                self.left_at = at
                return
            height = max(FIRST, int(height * min(_GROWTH, self.seconds / _SHARE / max(now - began, 1e-6))))

    def _part(self, beyond: int, until: int) -> Part:
        signs = (">", "<=", "ASC") if self.forward else ("<", ">=", "DESC")
        where = f"{self.row_id} {signs[0]} ? AND {self.row_id} {signs[1]} ?"
        return Part(Sql(where, (beyond, until)), f"{self.row_id} {signs[2]}")
