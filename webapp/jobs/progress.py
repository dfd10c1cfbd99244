"""The progress of an import in the units people care about: bytes, rows, rows a second, time left."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from webapp.models import Import, ImportState
from webapp.models.tables.import_model import ImportSummary

MIN_ELAPSED = 0.5  # seconds before a rate means anything


@dataclass(frozen=True, slots=True)
class Progress:
    """A snapshot of an import's progress. Plain values: usable in templates, in streams and as a cache key."""

    import_id: str
    state: str  # inspecting or loading
    bytes: int
    size: int  # total bytes
    rows: int
    total_rows: int | None  # known in pass 2
    per_second: int | None = None  # rows
    seconds_left: int | None = None
    place: int | None = None  # in the queue, from 1, while it waits for its turn

    @property
    def is_waiting(self) -> bool:
        return self.place is not None

    @property
    def share(self) -> float | None:
        """The fraction done, from 0 to 1; None if unknown."""
        if self.is_waiting:
            return None
        done, total = (self.rows, self.total_rows) if self.total_rows else (self.bytes, self.size)
        return min(1.0, done / total) if total else None


def initial_progress(import_: Import | ImportSummary) -> Progress:
    """What the database knows: shown until the first progress report arrives."""
    is_loading = import_.state == ImportState.LOADING
    total = import_.inspected_rows if is_loading else None
    done = import_.rows_done if is_loading else 0
    return Progress(import_.id, import_.state, 0, import_.size, done, total)


class Meter:
    """Measures one pass: the rate since it started, so that a resumed pass ignores what was there before."""

    def __init__(self, start: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self.start = start
        self._clock = clock
        self._began: tuple[float, int, int] | None = None

    def at(self, bytes_done: int, rows: int) -> Progress:
        now = self._clock()
        if self._began is None:
            self._began = (now, bytes_done, rows)
        began, first_bytes, first_rows = self._began
        elapsed = now - began
        progress = replace(self.start, bytes=bytes_done, rows=rows)
        if elapsed < MIN_ELAPSED:
            return progress
        byte_rate = (bytes_done - first_bytes) / elapsed
        left = round(max(0, progress.size - bytes_done) / byte_rate) if byte_rate else None
        return replace(progress, per_second=round((rows - first_rows) / elapsed), seconds_left=left)
