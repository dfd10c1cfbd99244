"""The interface of file formats: the same rows in the same batches each time, given the same options."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

FileFormat = Literal["csv", "xlsx", "ndjson"]
# How a line of text is divided: by a delimiter, not at all, at fixed positions, or by the bars of a drawn table.
Layout = Literal["delimited", "lines", "fixed", "drawn"]
# How the rows of JSON are arranged: one a line, as the items of an array, one value after another, as the items of an
# array that is a member of an object, as the items of the second of two items, as the members of an object, which have
# the keys of the rows, or as members of an object that are the columns.
JsonLayout = Literal["lines", "array", "values", "member", "second", "keyed", "columns"]
Row = Sequence[str]

MAX_COLUMNS = 16_384  # read, as many as a sheet has; fewer may be stored (`RowStore.limits`)
MAX_TABLES = 10_000  # of a page, or sheets of a workbook
MAX_NAME = 255  # characters of such a one's name that are read; Excel's have 31
_MAX_REJECTED = 1000  # rejected rows waiting for a batch to fill up
_MAX_CELLS = 200_000  # cells per batch: wide tables get batches of fewer rows
_LISTED = 20  # lines of a passage that are kept with their text
_LISTED_CHARACTERS = 200
_MAX_BYTES = 4 * 1024 * 1024  # bytes of the file per batch: a cell may hold a whole document


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read a file. An empty `quote` means that quotes are ordinary text.

    A delimiter may have several characters. Layouts other than `delimited` do not use it.
    """

    format: FileFormat = "csv"
    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    escape: str = ""  # a backslash where quotes inside cells are written \" instead of ""
    spaced: bool = False  # a space follows each delimiter and is not part of the cell, so that quotes may follow it
    header: bool = True
    header_row: int = 0  # records before the header (or the first row) that are not part of the table
    sheet: str | None = None
    layout: Layout = "delimited"
    gaps: Sequence[Sequence[int]] = ()  # for the layout `fixed`: (start, end) of the space between two columns
    comment: str = ""  # what lines of comments between the rows begin with, if they do not fit the table
    title_prefix: str = ""  # a cell before the titles that is not one of them: #Fields:
    is_archived: bool = False  # a workbook that is the only file of a ZIP archive
    keys: Sequence[str] | None = None  # for NDJSON, of reports by older versions: `members` holds more
    # For JSON, found by pass 1, so that pass 2 need not search again: the columns (`JsonColumn.to_json`), how the rows
    # are arranged, the member that holds them, whether they are arrays, and whether they are features of GeoJSON.
    members: Sequence[dict[str, Any]] | None = None
    json_layout: JsonLayout = "lines"
    rows_at: str = ""
    positional: bool = False
    promoted: bool = False
    rows_within: Sequence[str] = ()  # the objects around the member, or around the rows or columns, outermost first
    key_title: str = ""  # of the column with the keys of the rows


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


@dataclass(slots=True)
class Passage:
    """Lines that a reading left out, changed or filled up: how many, and the first of them with their numbers."""

    count: int = 0
    first: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, text: str = "") -> None:
        self.count += 1
        if len(self.first) < _LISTED:
            self.first.append((line, text[:_LISTED_CHARACTERS]))


@dataclass(slots=True)
class Account:
    """What became of the lines of a file besides rows; complete once all batches have been read."""

    lines: int = 0  # of the whole file; 0 if it has none
    above: Passage = field(default_factory=Passage)  # records above the table
    drawn: Passage = field(default_factory=Passage)  # lines that only draw the frame of a table
    short: Passage = field(default_factory=Passage)  # rows with fewer cells than the table, filled up with empty ones
    repeated: Passage = field(default_factory=Passage)  # rows that equal the titles
    # Rows of several lines, each of which would be a row without quotes: some quote may be missing.
    joined: Passage = field(default_factory=Passage)
    title_lines: int = 0
    blank_lines: int = 0
    last_row: Row = ()
    changed_titles: list[tuple[str, str]] = field(default_factory=list)  # in the file, in the table


@dataclass(frozen=True, slots=True)
class Remark:
    """What a person should know of how a file was read, before its rows are read; `kind` names what it is about."""

    kind: str
    text: str
    count: int = 1


class Source(Protocol):
    @property
    def titles(self) -> list[str]: ...

    @property
    def account(self) -> Account: ...

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
