"""The rows of tables as they are stored: for copies of a whole installation, which must lose nothing.

Everything else goes through readers and writers, which know types and formats. Here a table is what its database's
catalog says: numbered columns of three kinds, companions included, and rows by their ids. A copy on another database
has the same.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

StoredKind = Literal["text", "integer", "float"]
StoredValue = str | int | float | None
RawRow = Sequence[StoredValue]  # the row's id, and its stored columns

BATCH_ROWS: Final = 1_000
BATCH_CHARACTERS: Final = 4_000_000  # of a batch's texts, about

_COLUMN: Final = re.compile(r"c[1-9][0-9]{0,8}t?", re.ASCII)


@dataclass(frozen=True, slots=True)
class RawTable:
    """`columns` are in the order in which they are stored. Raises `ValueError` for a name that is none of ours."""

    id: int
    columns: tuple[tuple[str, StoredKind], ...]

    def __post_init__(self) -> None:
        names = [name for name, _ in self.columns]
        if self.id < 1 or len(set(names)) < len(names) or not all(map(_COLUMN.fullmatch, names)):
            raise ValueError("this is no table of rows")

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.columns]


class RawRows(Protocol):
    """All rows of a database, on one connection and in its transaction."""

    def tables(self) -> list[RawTable]:
        """By their numbers. Drafts and search indexes are not among them: both can be made anew."""
        ...

    def read(self, table: RawTable, after: int = 0) -> Iterator[list[RawRow]]:
        """The rows behind the row `after`, in the order of their ids, in batches."""
        ...

    def read_ids(self, table_id: int) -> Iterator[list[int]]:
        """Of all rows, in their order, in batches."""
        ...

    def create(self, table: RawTable) -> None: ...

    def write(self, table: RawTable, rows: Iterable[RawRow]) -> None: ...

    def last_id(self, table_id: int) -> int:
        """Of the last row; 0 if there is none."""
        ...

    def drop(self, table_id: int) -> None:
        """With its indexes. Does nothing if there is no such table."""
        ...

    def finish(self, table_id: int) -> None:
        """All its rows are there: do what makes reading them fast."""
        ...


def in_batches(rows: Iterable[RawRow]) -> Iterator[list[RawRow]]:
    """Fewer rows at a time where their texts are long."""
    batch, characters = list[RawRow](), 0
    for row in rows:
        batch.append(row)
        characters += sum(len(value) for value in row if isinstance(value, str))
        if len(batch) >= BATCH_ROWS or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
