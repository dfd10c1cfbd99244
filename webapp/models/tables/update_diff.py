"""What a further file has changed in its table, and thus between this upload and the one before: read from the parts of
its change set, one at a time, however many there are.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from webapp.rowstore.entries import Entry, cells_from_json
from webapp.rowstore.reader import Blocks, RowReader
from webapp.types.text import defuse_formula

PAGE_SIZE: Final = 100  # entries
_is_number = re.compile(r"[+-]?\d[\d., ]*", re.ASCII).fullmatch


class ChangeKind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class DiffFilter:
    """Of one kind, or all; with `column` only changed cells of this column."""

    kind: ChangeKind | None = None
    column: int | None = None

    def has(self, entry: Entry) -> bool:
        if self.column is not None and entry.column != self.column:
            return False
        return self.kind is None or kind_of(entry) == self.kind


@dataclass(frozen=True, slots=True)
class DiffPage:
    """`after` is where the next page starts, as `read_diff` takes it; None if there are no more."""

    entries: list[Entry]
    after: tuple[int, int] | None


def kind_of(entry: Entry) -> ChangeKind:
    if entry.is_cell:
        return ChangeKind.CHANGED
    return ChangeKind.ADDED if entry.before is None else ChangeKind.REMOVED


def read_diff(
    rows: RowReader, table_id: int, seq: int, wanted: DiffFilter, after: tuple[int, int] = (0, 0), size: int = PAGE_SIZE
) -> DiffPage:
    """`after`: the number of a part, and how many of its entries have been looked at."""
    first, skipped = after
    found = list[Entry]()
    for number in rows.set_parts(table_id, seq):
        if number < first:
            continue
        for place, entry in enumerate(rows.set_part(table_id, seq, number)):
            if number == first and place < skipped:
                continue
            if wanted.has(entry):
                if len(found) == size:
                    return DiffPage(found, (number, place))
                found.append(entry)
    return DiffPage(found, None)


def diff_as_csv(
    rows: RowReader,
    table_id: int,
    seq: int,
    wanted: DiffFilter,
    titles: Mapping[int, str],
    *,
    safe: bool = False,
    delimiter: str = ",",
) -> Blocks:
    """A line for each cell that was changed, and each filled cell of rows that were added or removed; only of columns
    that have a title here. `safe` puts an apostrophe before texts that a spreadsheet would read as a formula; numbers
    stay.
    """
    yield _lines([("change", "row", "column", "old", "new")], delimiter)
    for number in rows.set_parts(table_id, seq):
        lines = [
            line
            for entry in rows.set_part(table_id, seq, number)
            if wanted.has(entry)
            for line in _lines_of(entry, titles)
        ]
        if lines:
            yield _lines(list(map(_defused, lines)) if safe else lines, delimiter)


def _lines_of(entry: Entry, titles: Mapping[int, str]) -> Iterator[tuple[object, ...]]:
    kind = kind_of(entry)
    if entry.column is not None:
        if entry.column in titles:
            yield kind, entry.row_id, titles[entry.column], entry.before, entry.after
        return
    for number, text in cells_from_json(entry.after or entry.before or "{}").items():
        if text and number in titles:
            yield kind, entry.row_id, titles[number], *(("", text) if kind == ChangeKind.ADDED else (text, ""))


def _defused(line: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(defuse_formula(cell) if isinstance(cell, str) and not _is_number(cell) else cell for cell in line)


def _lines(lines: list[tuple[object, ...]], delimiter: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", delimiter=delimiter).writerows(lines)
    return text.getvalue().encode()
