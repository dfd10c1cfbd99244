"""The plan of an import into a table, as a file in the import's folder: entries, some of them in question.

Each line is a part, JSON, of at most `PART` entries: `[row, column, before, after]`, where a whole row is its cells by
column, None where it does not exist. New rows are numbered -1, -2, ..., and new columns have numbers below 0 too: real
ones are taken when the plan is carried out. A clash has a fifth item, its number.
"""

import gzip
import json
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

PART: Final = 1_000  # entries
MAX_CHARACTERS = 1_000_000  # of a part, about: rows may have long texts
_FASTEST = 1
_PARTS = 4  # of an item without a number
KEPT: Final = -1  # the number of what stays as it is whatever is answered

Cells = Mapping[int, str]
Item = list[Any]  # [row, column, before, after] and, of a clash, its number
THEIRS, FILE, EACH = "theirs", "file", "each"  # what becomes of clashes


class PlanWriter:
    """Writes a plan; it is complete once the block has ended without an exception."""

    def __init__(self, path: Path) -> None:
        self._path, self._draft = path, path.with_name(path.name + ".part")
        self.entries = 0
        self.new_rows = 0
        self._part: list[Item] = []
        self._size = 0

    def __enter__(self) -> "PlanWriter":
        self._file = gzip.open(self._draft, "wt", encoding="utf-8", compresslevel=_FASTEST)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._flush()
        finally:
            self._file.close()
        if error is None:
            self._draft.replace(self._path)

    def change(self, row: int, column: int, before: str, after: str, clash: int | None = None) -> None:
        self._add([row, column, before, after], clash, len(before) + len(after))

    def keep(self, row: int, column: int, before: str, after: str) -> None:
        """The cell stays as it is, though the file has `after`: the next comparison is told, nobody is asked."""
        self._add([row, column, before, after], KEPT, len(before) + len(after))

    def insert(self, cells: Cells, clash: int | None = None) -> None:
        self.new_rows += 1
        self._add([-self.new_rows, None, None, _keyed(cells)], clash, sum(map(len, cells.values())))

    def delete(self, row: int, cells: Cells, clash: int | None = None) -> None:
        self._add([row, None, _keyed(cells), None], clash, sum(map(len, cells.values())))

    def _add(self, item: Item, clash: int | None, size: int) -> None:
        if clash is None:
            self.entries += 1
        else:
            item.append(clash)
        self._part.append(item)
        self._size += size
        if len(self._part) >= PART or self._size >= MAX_CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        if self._part:
            self._file.write(json.dumps(self._part, ensure_ascii=False, separators=(",", ":")) + "\n")
        self._part, self._size = [], 0


def read_plan(path: Path, takes: Callable[[int], bool] = lambda clash: False) -> Iterator[list[Item]]:
    """The parts, with those of the clashes that `takes(number)` says; each item has four parts then."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            part = [item[:4] for item in json.loads(line) if len(item) == _PARTS or takes(item[4])]
            if part:
                yield part


def read_clashes(path: Path) -> Iterator[Item]:
    """Each item that has a number, or is `KEPT`."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield from (item for item in json.loads(line) if len(item) > _PARTS)


def trim_plan(path: Path, exist: Callable[[list[int]], Container[int]], columns: Container[int]) -> None:
    """Of a plan that was carried out, leave what the comparison with the next file is told: cells that stayed as they
    were, in rows that `exist` of those it is given, and in `columns`.
    """
    draft = path.with_name(path.name + ".part")
    with (
        gzip.open(path, "rt", encoding="utf-8") as file,
        gzip.open(draft, "wt", encoding="utf-8", compresslevel=_FASTEST) as trimmed,
    ):
        for line in file:
            cells = [item for item in json.loads(line) if len(item) > _PARTS and item[1] in columns]
            there = exist([item[0] for item in cells])
            if kept := [item for item in cells if item[0] in there]:
                trimmed.write(json.dumps(kept, ensure_ascii=False, separators=(",", ":")) + "\n")
    draft.replace(path)


def _keyed(cells: Cells) -> dict[str, str]:
    return {str(number): text for number, text in cells.items()}


def which_clashes(answer: str, taken: Sequence[int]) -> Callable[[int], bool]:
    """`answer` says for all of them, `EACH` those in `taken`."""
    if answer == FILE:
        return lambda number: number != KEPT
    chosen = set(taken) if answer == EACH else set[int]()
    return chosen.__contains__
