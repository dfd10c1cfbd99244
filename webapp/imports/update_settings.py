"""How a file is laid over a table that exists: plain data that is stored as JSON, and sent to a child process."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

NEW: Final = -1  # in a mapping: a column that the table does not have yet
LEFT_OUT: Final = 0
MARK: Final = "missing"  # what the cell of a missing row holds, if missing rows are marked in a column


class Mode(StrEnum):
    """What the rows of the file are to those of the table."""

    UPDATE = "update"  # rows with the same key are the same row
    APPEND = "append"  # all of them are further rows
    REPLACE = "replace"  # the table has exactly these afterwards; equal rows stay what they are


class Missing(StrEnum):
    """What becomes of rows whose key is not in the file."""

    KEEP = "keep"
    MARK = "mark"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class UpdateSettings:
    """`columns`: for each column of the file, by its index from 0, the number of the table's column, `NEW` or
    `LEFT_OUT`. `keys` are numbers of the table's columns, `mark` is one of them or `NEW`.
    """

    columns: dict[int, int] = field(default_factory=dict)
    mode: Mode = Mode.UPDATE
    keys: tuple[int, ...] = ()
    adds_rows: bool = True
    missing: Missing = Missing.KEEP
    mark: int = NEW

    @property
    def mapped(self) -> dict[int, int]:
        """The columns of the file that are columns of the table already."""
        return {index: number for index, number in self.columns.items() if number > 0}

    @property
    def new(self) -> list[int]:
        """The columns of the file that become columns of the table."""
        return [index for index, number in self.columns.items() if number == NEW]

    def to_json(self) -> dict[str, Any]:
        """JSON has no numeric keys."""
        return asdict(self) | {"columns": {str(index): number for index, number in self.columns.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "UpdateSettings":
        columns = {int(index): int(number) for index, number in data.get("columns", {}).items()}
        return cls(
            columns,
            Mode(data.get("mode", Mode.UPDATE)),
            tuple(data.get("keys", ())),
            bool(data.get("adds_rows", True)),
            Missing(data.get("missing", Missing.KEEP)),
            int(data.get("mark", NEW)),
        )
