"""What every file format gives: the same rows, in the same batches, each time it is read with the same options."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

FileFormat = Literal["csv", "xlsx", "ndjson"]
Row = Sequence[str]

MAX_COLUMNS = 2000  # SQLite's own limit
_ASIDE = 1000  # rows kept aside that wait for rows to fill a batch
_CELLS = 200_000  # cells in a batch: wide tables get batches of fewer rows
_BYTES = 4 * 1024 * 1024  # of the file in a batch: cells may hold whole documents


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read a file. An empty `quote` means that quotes are text like any other."""

    format: FileFormat = "csv"
    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    escape: str = ""  # a backslash where quotes inside cells are written \" instead of ""
    spaced: bool = False  # a space follows each delimiter and is not part of the cell, so that quotes may follow it
    header: bool = True
    header_row: int = 0  # records before the header (or the first row) that are not part of the table
    sheet: str | None = None
    keys: Sequence[str] | None = None  # of NDJSON: what pass 1 found, so that pass 2 need not look again


@dataclass(frozen=True, slots=True)
class Reject:
    """A row kept aside: nothing of it is lost, and a person is told why."""

    line: int
    reason: str
    cells: list[str]


@dataclass(slots=True)
class Batch:
    rows: list[Row]  # each as wide as the table
    rejected: list[Reject] = field(default_factory=list)
    bytes_read: int = 0


class Source(Protocol):
    titles: list[str]

    @property
    def width(self) -> int: ...

    def batches(self, size: int = 5000) -> Iterator[Batch]: ...


def batch_size(size: int, width: int) -> int:
    return max(1, min(size, _CELLS // max(width, 1)))


def in_batches(parts: Iterator[Batch], size: int) -> Iterator[Batch]:
    """Batches of exactly `size` rows from parts of any size; fewer where so many are large, and in the last."""
    waiting, start = Batch([]), 0
    for part in parts:
        waiting.rows += part.rows
        waiting.rejected += part.rejected
        waiting.bytes_read = part.bytes_read
        if len(waiting.rejected) >= _ASIDE:  # a file may hold little else: they must not pile up
            yield Batch([], waiting.rejected, part.bytes_read)
            waiting.rejected = []
        while len(waiting.rows) >= size:
            rest = waiting.rows[size:]
            del waiting.rows[size:]
            yield waiting
            waiting, start = Batch(rest, [], part.bytes_read), part.bytes_read
        if waiting.rows and part.bytes_read - start >= _BYTES:
            yield waiting
            waiting, start = Batch([], [], part.bytes_read), part.bytes_read
    if waiting.rows or waiting.rejected:
        yield waiting
