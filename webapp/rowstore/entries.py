"""What one change of a table changes, entry by entry, and how many entries are stored as one compressed blob.

The change log is made of them (`webapp.models.tables.change_set`), and so are the plans of large changes. A child
process plans and applies these, so nothing here needs the database layer.
"""

import json
import zlib
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

PART_ENTRIES = 1_000  # of a part of a large change, about: the cells of one row stay together
PART_CHARACTERS = 500_000  # of the texts of a part, about
_LEVEL = 1  # of compression: a part is written and read once or twice


class Entry(NamedTuple):
    """One change, of one of four things: with both ids a cell, whose texts are `before` and `after`; with `row_id`
    alone a row, its cells by column as JSON (`cells_to_json`), None where it does not exist; with `column` alone a
    column, its properties as JSON; with neither the table's title.
    """

    row_id: int | None
    column: int | None
    before: str | None
    after: str | None

    @property
    def place(self) -> tuple[int, int]:
        """The row and the column, 0 for neither."""
        return self.row_id or 0, self.column or 0

    @property
    def is_cell(self) -> bool:
        return self.row_id is not None and self.column is not None

    @property
    def is_row(self) -> bool:
        return self.row_id is not None and self.column is None

    @property
    def is_column(self) -> bool:
        return self.row_id is None and self.column is not None

    @property
    def is_title(self) -> bool:
        return self.row_id is None and self.column is None

    def of_columns(self, known: Container[int]) -> "Entry":
        """A whole row without its cells in other columns, such as one that is being deleted for good."""
        before, after = (text and _only(text, known) for text in (self.before, self.after))
        return self if (before, after) == (self.before, self.after) else self._replace(before=before, after=after)

    @property
    def reversed(self) -> "Entry":
        return self._replace(before=self.after, after=self.before)


def cells_to_json(cells: Mapping[int, str]) -> str:
    """The texts of a row by column number, also the empty ones: what an empty cell is written as, a column's next type
    may have another word for.
    """
    return json.dumps({str(number): text for number, text in cells.items()}, ensure_ascii=False)


def cells_from_json(text: str) -> dict[int, str]:
    return {int(number): cell for number, cell in json.loads(text).items()}


def _only(cells: str, known: Container[int]) -> str:
    found = cells_from_json(cells)
    kept = {number: text for number, text in found.items() if number in known}
    return cells if len(kept) == len(found) else cells_to_json(kept)


def pack(entries: Sequence[Entry], level: int = 3) -> bytes:
    return zlib.compress(json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode(), level)


def pack_part(entries: Sequence[Entry]) -> bytes:
    return pack(entries, _LEVEL)


def unpack(blob: bytes, row_id: int | None = None, part: slice = slice(None)) -> list[Entry]:
    """All entries of a blob, those of one row, or a part of them: making the others takes longer than reading."""
    found = json.loads(zlib.decompress(blob))[part]
    return [Entry(*entry) for entry in found if row_id is None or entry[0] == row_id]


def into_parts(batches: Iterable[Sequence[Entry]]) -> Iterator[list[Entry]]:
    """Entries in any batches, as parts of a large change: what is about one row stays in one part, unless that alone
    is too much.
    """
    part, characters, last = list[Entry](), 0, None
    for batch in batches:
        for entry in batch:
            is_full = len(part) >= PART_ENTRIES or characters >= PART_CHARACTERS
            is_too_full = len(part) >= 2 * PART_ENTRIES or characters >= 2 * PART_CHARACTERS
            if part and ((is_full and entry.row_id != last) or is_too_full):
                yield part
                part, characters = [], 0
            part.append(entry)
            characters += len(entry.before or "") + len(entry.after or "")
            last = entry.row_id
    if part:
        yield part


def outdated(entries: Iterable[Entry], latest: Mapping[int, str | None], empty: Mapping[int, str]) -> set[int]:
    """Those of the rows that `entries` bring back which had other cells when they were deleted the last time. `empty`
    has what each column writes for nothing: a column may be newer than an entry.
    """
    return {
        entry.row_id
        for entry in entries
        if entry.row_id is not None
        and entry.row_id in latest
        and not _are_cells(entry.after or "{}", latest[entry.row_id], empty)
    }


def _are_cells(cells: str, last: str | None, empty: Mapping[int, str]) -> bool:
    if cells == last:
        return True
    had = cells_from_json(cells)
    now = cells_from_json(last) if last is not None else {}
    return last is not None and all(had.get(number, empty.get(number, "")) == text for number, text in now.items())
