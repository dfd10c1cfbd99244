"""The interface of file formats: the same rows in the same batches each time, given the same options."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

FileFormat = Literal["csv", "xlsx", "ndjson"]
Row = Sequence[str]

MAX_COLUMNS = 16_384  # read, as many as a sheet has; fewer may be stored (`RowStore.limits`)
_MAX_REJECTED = 1000  # rejected rows waiting for a batch to fill up
_MAX_CELLS = 200_000  # cells per batch: wide tables get batches of fewer rows
_MAX_BYTES = 4 * 1024 * 1024  # bytes of the file per batch: a cell may hold a whole document


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read a file. An empty `quote` means that quotes are ordinary text."""

    format: FileFormat = "csv"
    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    escape: str = ""  # a backslash where quotes inside cells are written \" instead of ""
    spaced: bool = False  # a space follows each delimiter and is not part of the cell, so that quotes may follow it
    header: bool = True
    header_row: int = 0  # records before the header (or the first row) that are not part of the table
    sheet: str | None = None
    keys: Sequence[str] | None = None  # for NDJSON: found by pass 1, so that pass 2 need not search again


@dataclass(frozen=True, slots=True)
class Reject:
    """A rejected row, kept completely, with the reason for the user."""

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

    def batches(self, size: int = 5000) -> Iterator[Batch]: ...


def in_batches(parts: Iterator[Batch], size: int, width: int) -> Iterator[Batch]:
    """Batches of exactly `size` rows from parts of any size; fewer where rows are large, and in the last batch.

    `width` is the number of columns.
    """
    size = max(1, min(size, _MAX_CELLS // max(width, 1)))
    waiting, start = Batch([]), 0
    for part in parts:
        waiting.rows += part.rows
        waiting.rejected += part.rejected
        waiting.bytes_read = part.bytes_read
        if len(waiting.rejected) >= _MAX_REJECTED:  # a file may consist mostly of them: do not let them pile up
            yield Batch([], waiting.rejected, part.bytes_read)
            waiting.rejected = []
        while len(waiting.rows) >= size:
            rest = waiting.rows[size:]
            del waiting.rows[size:]
            yield waiting
            waiting, start = Batch(rest, [], part.bytes_read), part.bytes_read
        if waiting.rows and part.bytes_read - start >= _MAX_BYTES:
            yield waiting
            waiting, start = Batch([], [], part.bytes_read), part.bytes_read
    if waiting.rows or waiting.rejected:
        yield waiting
