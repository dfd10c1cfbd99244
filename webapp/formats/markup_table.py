"""A table in markup while its rows arrive: what is counted of it, and the row that is open."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from webapp.formats.errors import ImportFileError
from webapp.formats.package import SheetFacts
from webapp.formats.source import MAX_COLUMNS


@dataclass(slots=True)
class TableInfo:
    number: int  # in order of appearance, from 1
    name: str
    rows: int = 0
    columns: int = 0
    filled: int = 0
    is_hidden: bool = False
    facts: SheetFacts = field(default_factory=SheetFacts)  # of a web page: areas of several cells only

    def add(self, cells: Sequence[str]) -> bool:
        """Count a row, unless it is empty; say whether it was counted."""
        if not any(cells):
            return False
        self.rows += 1
        self.columns = max(self.columns, len(cells))
        self.filled += sum(map(bool, cells))
        return True


@dataclass(slots=True)
class Row:
    cells: list[str] = field(default_factory=list)

    def put(self, column: int, text: str) -> None:
        if column >= MAX_COLUMNS:
            raise ImportFileError(f"A row of this file has more than {MAX_COLUMNS:,} cells, which no table has.")
        self.cells += [""] * (column + 1 - len(self.cells))
        self.cells[column] = text
